/** DuckDB's types as BigQuery tells them, and their values as its JSON results spell them. */
import type { Field } from '../../../connectors/bigquery/types.ts';
import type { SqlColumn } from '../warehouse/duckdb-sql.ts';

/** A column of a result; `declared` keeps the parameters of a decimal, which the columns of tables have. */
export function fieldOf({ name, type }: SqlColumn, declared = false): Field {
  const list = /^(.*)\[\]$/s.exec(type);
  if (list !== null) return { ...fieldOf({ name, type: list[1]! }), mode: 'REPEATED' };
  const struct = /^STRUCT\((.*)\)$/s.exec(type);
  if (struct !== null)
    return { name, type: 'RECORD', mode: 'NULLABLE', fields: members(struct[1]!).map((each) => fieldOf(each)) };
  const decimal = /^DECIMAL\((\d+),\s*(\d+)\)/.exec(type);
  if (decimal !== null) {
    const [precision, scale] = [decimal[1]!, decimal[2]!];
    const wide = Number(scale) > 9 || Number(precision) - Number(scale) > 29;
    return { name, type: wide ? 'BIGNUMERIC' : 'NUMERIC', mode: 'NULLABLE', ...(declared ? { precision, scale } : {}) };
  }
  return { name, type: NAMES[type] ?? (type.startsWith('TIMESTAMP WITH') ? 'TIMESTAMP' : 'STRING'), mode: 'NULLABLE' };
}

const NAMES: Readonly<Record<string, string>> = {
  TINYINT: 'INTEGER',
  SMALLINT: 'INTEGER',
  INTEGER: 'INTEGER',
  BIGINT: 'INTEGER',
  HUGEINT: 'NUMERIC',
  DOUBLE: 'FLOAT',
  FLOAT: 'FLOAT',
  BOOLEAN: 'BOOLEAN',
  BLOB: 'BYTES',
  DATE: 'DATE',
  TIME: 'TIME',
  TIMESTAMP: 'DATETIME',
  INTERVAL: 'INTERVAL',
  JSON: 'JSON',
};

/** `a INTEGER, b STRUCT(c DECIMAL(3,1))` */
function members(text: string): SqlColumn[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    if (text[i] === '(') depth++;
    if (text[i] === ')') depth--;
    if (i === text.length || (text[i] === ',' && depth === 0)) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  return parts.map((part) => {
    const [, quotedName, plainName, type] = /^(?:"([^"]*)"|(\S+)) (.*)$/s.exec(part)!;
    return { name: quotedName ?? plainName!, type: type! };
  });
}

/** What a column of a table is kept as. */
export function duckdbType({ type, mode, precision, scale }: Field): string {
  const element = DUCKDB[type] ?? 'VARCHAR';
  const sized =
    type.endsWith('NUMERIC') && precision !== undefined
      ? `DECIMAL(${Math.min(38, Number(precision))}, ${scale ?? 0})`
      : element;
  return mode === 'REPEATED' ? `${sized}[]` : sized;
}

const DUCKDB: Readonly<Record<string, string>> = {
  INTEGER: 'BIGINT',
  FLOAT: 'DOUBLE',
  NUMERIC: 'DECIMAL(38, 9)',
  BIGNUMERIC: 'DECIMAL(38, 10)',
  BOOLEAN: 'BOOLEAN',
  BYTES: 'BLOB',
  DATE: 'DATE',
  TIME: 'TIME',
  DATETIME: 'TIMESTAMP',
  TIMESTAMP: 'TIMESTAMPTZ',
  INTERVAL: 'INTERVAL',
  JSON: 'JSON',
};

/** SQL over `$1` that gives a value's text in a JSON result; moments in microseconds. Records and lists as JSON. */
export function spelling(type: string): string {
  if (type.endsWith('[]')) {
    const element = spelling(type.slice(0, -2));
    const asItIs = element === '$1' || element === 'to_json($1)' || element === 'json($1)';
    return asItIs ? 'to_json($1)' : `to_json(list_transform($1, lambda e: ${element.replaceAll('$1', 'e')}))`;
  }
  if (type.startsWith('STRUCT')) return 'to_json($1)';
  if (type.startsWith('DECIMAL'))
    return "regexp_replace(regexp_replace(CAST($1 AS VARCHAR), '(\\.\\d*?)0+$', '\\1'), '\\.$', '')";
  switch (type) {
    case 'DOUBLE':
    case 'FLOAT':
      return "CASE WHEN isnan($1) THEN 'NaN' WHEN isinf($1) THEN CASE WHEN $1 > 0 THEN 'Infinity' ELSE '-Infinity' END ELSE CAST($1 AS VARCHAR) END";
    case 'TIMESTAMP':
      return "replace(CAST($1 AS VARCHAR), ' ', 'T')";
    case 'TIMESTAMP WITH TIME ZONE':
      return 'epoch_us($1)';
    case 'BLOB':
      return 'base64($1)';
    case 'JSON':
      return 'json($1)';
    case 'INTERVAL':
      return `CASE WHEN datepart('year', $1) * 12 + datepart('month', $1) < 0 THEN '-' ELSE '' END || abs(datepart('year', $1)) || '-' || abs(datepart('month', $1)) || ' ' || datepart('day', $1) || ' '
        || CASE WHEN datepart('hour', $1) < 0 OR datepart('minute', $1) < 0 OR datepart('microsecond', $1) < 0 THEN '-' ELSE '' END
        || abs(datepart('hour', $1)) || ':' || abs(datepart('minute', $1)) || ':' || format('{}.{:06d}', abs(datepart('microsecond', $1)) // 1000000, abs(datepart('microsecond', $1)) % 1000000)`;
    default:
      return '$1';
  }
}

/** A value as a cell: `{"v": …}`, a record's members as `{"f": […]}`. */
export function cellOf(field: Field, value: unknown): { v: unknown } {
  if (value === null || value === undefined) return { v: null };
  if (field.mode === 'REPEATED') {
    return { v: (value as unknown[]).map((each) => cellOf({ ...field, mode: 'NULLABLE' }, each)) };
  }
  if (field.fields !== undefined) {
    const record = value as Record<string, unknown>;
    return { v: { f: field.fields.map((each) => cellOf(each, record[each.name])) } };
  }
  return { v: typeof value === 'object' ? JSON.stringify(value) : String(value) };
}
