/** GoogleSQL on DuckDB: types and functions under other names, strings with escapes, names in backticks. */
import { duckdbString, stringValue, type Token, tokens } from '../warehouse/tokens.ts';

const LEXICON = { backslash: true, nameQuote: '`' } as const;

/** Words that mean a type, and DuckDB's word for it. */
const TYPES: Readonly<Record<string, string>> = {
  INT64: 'BIGINT',
  FLOAT64: 'DOUBLE',
  BOOL: 'BOOLEAN',
  STRING: 'VARCHAR',
  BYTES: 'BLOB',
  DATETIME: 'TIMESTAMP',
  TIMESTAMP: 'TIMESTAMPTZ',
  NUMERIC: 'DECIMAL(38, 9)',
  // 38 digits on each side of the point, of which DuckDB has 38 in all.
  BIGNUMERIC: 'DECIMAL(38, 10)',
};

/** Functions that DuckDB has under another name. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  LOGICAL_AND: 'bool_and',
  LOGICAL_OR: 'bool_or',
  FROM_HEX: 'unhex',
  CHAR_LENGTH: 'length',
  TIMESTAMP: 'timestamp_of',
  MOD: 'mod_of',
  DIV: 'div_of',
};

/** Fields of EXTRACT under another name; `DAYOFWEEK` begins with 1, which is Sunday. */
const FIELDS: Readonly<Record<string, string>> = { ISOWEEK: 'week', DAYOFYEAR: 'doy' };

/** Functions that DuckDB has not, or not with BigQuery's errors. */
export const MACROS: readonly string[] = [
  'is_nan(x) AS isnan(CAST(x AS DOUBLE))',
  "timestamp_of(text, zone) AS CAST(text || '+00' AS TIMESTAMPTZ), (x) AS CAST(CAST(x AS VARCHAR) || '+00' AS TIMESTAMPTZ)",
  'unix_micros(x) AS epoch_us(x)',
  "unix_date(x) AS date_diff('day', DATE '1970-01-01', x)",
  'day_of_week(x) AS dayofweek(x) + 1',
  "datetime_trunc(x, part) AS date_trunc(replace(part, 'ISOWEEK', 'WEEK'), x)",
  "mod_of(a, b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE a % b END",
  "div_of(a, b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE (a - a % b) // b END",
  // [-]Y-M D [-]H:M:S.F
  `interval_of(x) AS to_months(CAST((CASE WHEN x LIKE '-%' THEN -1 ELSE 1 END) * (12 * CAST(regexp_extract(x, '^-?(\\d+)-', 1) AS INTEGER) + CAST(regexp_extract(x, '^-?\\d+-(\\d+)', 1) AS INTEGER)) AS INTEGER))
     + to_days(CAST(split_part(x, ' ', 2) AS INTEGER)) + CAST(split_part(x, ' ', 3) AS INTERVAL)`,
].map((macro) => `CREATE MACRO ${macro}`);

/** The dataset whose tables stand in DuckDB's own schema. */
export const DATASET = 'test';

/** A text of GoogleSQL as one of DuckDB. What is not known passes as it is, and fails there. */
export function toDuckdb(text: string): string {
  const found = tokens(text, LEXICON).filter(({ kind }) => kind !== 'comment');
  const out: string[] = [];
  for (let i = 0; i < found.length; i++) {
    const { kind, text: token } = found[i]!;
    const next = significant(found, i + 1);
    if (kind === 'string') out.push(duckdbString(stringValue(token)));
    else if (kind === 'name') out.push(nameOf(token.slice(1, -1)));
    else if (kind === 'other' && token === '.' && out.at(-1) === DATASET_NAME) out[out.length - 1] = 'main.';
    else if (kind !== 'word') out.push(token);
    else i = word(token, i, next, found, out);
  }
  return out.join('');
}

const DATASET_NAME = `"${DATASET}"`;

/** `project.dataset.table` in one pair of backticks is a path. */
function nameOf(name: string): string {
  const path = /^[\w-]+\.[\w-]+(\.[\w$-]+)?$/.test(name) ? name.split('.').slice(-2) : [name];
  return path
    .map((part, i) => (path.length > 1 && i === 0 && part === DATASET ? 'main' : `"${part.replaceAll('"', '""')}"`))
    .join('.');
}

function significant(found: readonly Token[], from: number): number {
  let at = from;
  while (found[at]?.kind === 'space') at++;
  return at;
}

/** Writes a word, and what belongs to it; gives the place of the last token that it took. */
function word(token: string, at: number, next: number, found: readonly Token[], out: string[]): number {
  const upper = token.toUpperCase();
  const follows = found[next];
  const closing = () => found.findIndex((each, i) => i > next && each.text === ')');
  if (upper === 'EXTRACT' && follows?.text === '(') {
    const field = significant(found, next + 1);
    const name = found[field]!.text.toUpperCase();
    const from = significant(found, field + 1);
    out.push(name === 'DAYOFWEEK' ? 'day_of_week(' : `extract(${FIELDS[name] ?? name} FROM`);
    return from;
  }
  if (upper === 'DATETIME_TRUNC' && follows?.text === '(') {
    // Its second argument is a word of the language.
    let depth = 0;
    for (let i = next; i < found.length; i++) {
      if (found[i]!.text === '(') depth++;
      if (found[i]!.text === ')' && --depth === 0) {
        const part = found[i - 1]!;
        (found as Token[])[i - 1] = { kind: 'string', text: `'${part.text.toUpperCase()}'` };
        break;
      }
    }
    out.push('datetime_trunc');
  } else if (upper === 'LIKE') {
    // A backslash escapes in every pattern.
    let last = next;
    while (['.', '`'].includes(found[last + 1]?.text[0] ?? '')) last++;
    const pattern = toDuckdb(
      found
        .slice(next, last + 1)
        .map((each) => each.text)
        .join(''),
    );
    out.push(`LIKE ${pattern} ESCAPE '\\'`);
    return last;
  } else if ((upper === 'NUMERIC' || upper === 'BIGNUMERIC') && follows?.kind === 'string') {
    out.push(decimalLiteral(stringValue(follows.text)));
    return next;
  } else if ((upper === 'NUMERIC' || upper === 'BIGNUMERIC') && follows?.text === '(') {
    const [precision, scale = '0'] = found
      .slice(next + 1, closing())
      .map((each) => each.text)
      .join('')
      .split(',');
    out.push(`DECIMAL(${Math.min(38, Number(precision))}, ${scale})`);
    return closing();
  } else if (upper === 'STRUCT' && follows?.text === '(') {
    const end = closingOf(found, next);
    out.push(structText(found.slice(next + 1, end)));
    return end;
  } else if (Object.hasOwn(FUNCTIONS, upper) && follows?.text === '(') out.push(FUNCTIONS[upper]!);
  else if (Object.hasOwn(TYPES, upper)) {
    out.push(TYPES[upper]!);
    if (follows?.text === '(') return closing();
  } else out.push(token);
  return at;
}

/** The place of the bracket that closes the one at `open`. */
function closingOf(found: readonly Token[], open: number): number {
  let depth = 0;
  return found.findIndex(({ text }, i) => {
    if (i < open) return false;
    if (text === '(') depth++;
    if (text === ')') depth--;
    return depth === 0;
  });
}

/** `1 AS x, [TRUE] AS y` as DuckDB packs a record. */
function structText(members: readonly Token[]): string {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of members) {
    if ('(['.includes(token.text)) depth++;
    if (')]'.includes(token.text)) depth--;
    if (token.text === ',' && depth === 0) parts.push([]);
    else parts.at(-1)!.push(token);
  }
  const named = parts.map((tokens) => {
    const text = tokens
      .map((token) => token.text)
      .join('')
      .trim();
    const [, value = text, name = ''] = /^([\s\S]*) AS `?(\w+)`?$/i.exec(text) ?? [];
    return `"${name}" := ${toDuckdb(value)}`;
  });
  return `struct_pack(${named.join(', ')})`;
}

function decimalLiteral(text: string): string {
  const [whole = '', fraction = ''] = text.replace(/^-/, '').split('.');
  return `CAST('${text}' AS DECIMAL(${Math.max(1, whole.length + fraction.length)}, ${fraction.length}))`;
}

/** True for texts that give rows. */
export const isQuery = (text: string): boolean => /^\s*(\(|select|with)/i.test(text);
