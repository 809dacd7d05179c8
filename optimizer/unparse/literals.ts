/** Identifiers, type names and literals in a dialect's spelling. */
import type { Dialect } from '../../connectors/dialect.ts';
import { type ArrayItems, parseArray } from '../../connectors/postgres-language/array-text.ts';
import { dialectIdentifier } from '../../connectors/quoting.ts';
import type { Literal } from '../../src/plan/expressions.ts';
import { numeric, type SqlType, typeName } from '../../src/plan/types.ts';
import { atom, BINDING, fill, type Piece } from './piece.ts';

export const identifier = dialectIdentifier;

const CODES: Readonly<Record<string, string>> = { '\\': '\\\\', "'": '\\x27', '\n': '\\n', '\r': '\\r' };

function quoted(text: string, { backslashEscapes }: Dialect): string {
  // A quote by its number: what reads the text later need not know of escapes.
  if (backslashEscapes === 'only') return `'${text.replace(/[\\'\n\r]/g, (char) => CODES[char]!)}'`;
  const escaped = text.replaceAll("'", "''");
  return `'${backslashEscapes ? escaped.replaceAll('\\', '\\\\') : escaped}'`;
}

/** Scale given to numbers without one in dialects whose decimals need one. */
const DEFAULT_SCALE = 10;

/** The type's name for a CAST. */
export function typeText(type: SqlType, dialect: Dialect): string {
  const spelling = dialect.types[type.kind];
  if (type.kind === 'array') {
    return spelling === undefined
      ? `${typeText(type.element, dialect)}[]`
      : spelling.replace('$1', typeText(type.element, dialect));
  }
  if (spelling === undefined) return type.kind === 'unknown' ? 'text' : typeName(type);
  if (type.kind === 'numeric') {
    const scale = type.precision === undefined ? DEFAULT_SCALE : (type.scale ?? 0);
    return spelling.replace('$p', String(type.precision ?? 38)).replace('$s', String(scale));
  }
  const length = type.kind === 'varchar' || type.kind === 'char' ? type.length : undefined;
  return length === undefined ? spelling.replace(/\(\$p\)/, '') : spelling.replace('$p', String(length));
}

/** The narrowest numeric type that holds a decimal literal. */
function numericOf(text: string): SqlType {
  const [whole = '', fraction = ''] = text.replace(/^-/, '').split('.');
  return numeric(Math.max(1, whole.length + fraction.length), fraction.length);
}

const PREFIXED = new Map<string, string>([
  ['date', 'DATE'],
  ['time', 'TIME'],
  ['timestamp', 'TIMESTAMP'],
  ['timestamptz', 'TIMESTAMPTZ'],
]);

const signed = (text: string): Piece => (text.startsWith('-') ? { text, binding: BINDING.sign } : atom(text));

/** `2024-01-01 02:00:00.5+02` → `2024-01-01 00:00:00.5`; what is no such text stays as it is. */
function inUtc(text: string): string {
  const parts = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?(?:Z|([+-]\d\d):?(\d\d)?)?$/.exec(text);
  if (parts === null) return text;
  const [, date, time, fraction = '', hours = '+00', minutes = '00'] = parts;
  const moment = new Date(`${date}T${time}${hours}:${minutes}`);
  return Number.isNaN(moment.getTime()) ? text : moment.toISOString().slice(0, 19).replace('T', ' ') + fraction;
}

/** The elements as texts, for dialects that do not read PostgreSQL's `{1,2}`. */
const listText = (items: ArrayItems, template: string, dialect: Dialect): string => {
  const elements = items.map((item) => {
    if (item === null) return atom('NULL');
    return atom(typeof item === 'string' ? quoted(item, dialect) : listText(item, template, dialect));
  });
  return fill(template, elements).text;
};

/** A literal that has its type in every dialect, wherever it stands. */
export function literalText({ value, type }: Literal, dialect: Dialect): Piece {
  const cast = (text: string, to: SqlType = type): Piece => atom(`CAST(${text} AS ${typeText(to, dialect)})`);
  if (value === null) return type.kind === 'unknown' ? atom('NULL') : cast('NULL');
  const text = String(value);
  const template = dialect.literals[type.kind];
  if (type.kind === 'array' && dialect.calls.array !== undefined)
    return cast(listText(parseArray(text), dialect.calls.array, dialect));
  if (template !== undefined) {
    const filled = template.replaceAll('$utc', () => quoted(inUtc(text), dialect));
    return atom(filled.replaceAll('$1', () => quoted(text, dialect)));
  }
  switch (type.kind) {
    case 'boolean':
      if (dialect.booleanLiterals === 'number') return atom(value ? '1' : '0');
      return atom(value ? 'TRUE' : 'FALSE');
    case 'integer':
      return signed(text);
    case 'smallint':
    case 'bigint':
      return /^-?\d{1,9}$/.test(text) ? cast(text) : signed(text);
    case 'numeric':
      if (!/^-?\d+(\.\d+)?$/.test(text)) return cast(quoted(text, dialect));
      return text.includes('.') ? signed(text) : cast(text, numericOf(text));
    case 'text':
    case 'varchar':
    case 'unknown':
      return atom(quoted(text, dialect));
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return atom(`${PREFIXED.get(type.kind)} ${quoted(text, dialect)}`);
    default:
      return cast(quoted(text, dialect));
  }
}
