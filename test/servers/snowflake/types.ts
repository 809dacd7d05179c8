/** DuckDB's types as Snowflake tells and spells them in its JSON results. */
import type { SqlColumn } from '../warehouse/duckdb-sql.ts';

/** One column of `data.rowtype`. */
export interface RowType {
  readonly name: string;
  readonly type: string;
  readonly precision: number | null;
  readonly scale: number | null;
  readonly length: number | null;
  readonly byteLength: number | null;
  readonly nullable: boolean;
}

export function rowType({ name, type }: SqlColumn): RowType {
  const plain = { name, precision: null, scale: null, length: null, byteLength: null, nullable: true };
  const decimal = /^DECIMAL\((\d+),\s*(\d+)\)/.exec(type);
  if (decimal !== null) return { ...plain, type: 'fixed', precision: Number(decimal[1]), scale: Number(decimal[2]) };
  if (/^(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(type)) return { ...plain, type: 'fixed', precision: 38, scale: 0 };
  if (type === 'DOUBLE' || type === 'FLOAT') return { ...plain, type: 'real' };
  if (type === 'TIMESTAMP') return { ...plain, type: 'timestamp_ntz', precision: 0, scale: 9 };
  if (type.startsWith('TIMESTAMP WITH')) return { ...plain, type: 'timestamp_ltz', precision: 0, scale: 9 };
  if (type === 'TIME') return { ...plain, type: 'time', precision: 0, scale: 9 };
  if (type === 'BLOB') return { ...plain, type: 'binary', length: 8_388_608, byteLength: 8_388_608 };
  if (type === 'JSON') return { ...plain, type: 'variant' };
  if (type === 'BOOLEAN' || type === 'DATE') return { ...plain, type: type.toLowerCase() };
  return { ...plain, type: 'text', length: 16_777_216, byteLength: 16_777_216 };
}

/** Seconds with nine decimals of a number of microseconds. */
const seconds = (micros: string): string =>
  `CASE WHEN ${micros} < 0 THEN '-' ELSE '' END || format('{}.{:09d}', abs(${micros}) // 1000000, abs(${micros}) % 1000000 * 1000)`;

/** SQL over `$1` that gives a value's text in the JSON result. */
export function spelling(type: string): string {
  switch (type) {
    case 'BOOLEAN':
      return "CASE WHEN $1 THEN '1' WHEN NOT $1 THEN '0' END";
    case 'DOUBLE':
    case 'FLOAT':
      return "CASE WHEN isnan($1) THEN 'NaN' ELSE CAST($1 AS VARCHAR) END";
    case 'DATE':
      return "date_diff('day', DATE '1970-01-01', $1)";
    case 'TIME':
      return seconds("date_diff('microseconds', TIME '00:00:00', $1)");
    case 'TIMESTAMP':
    case 'TIMESTAMP WITH TIME ZONE':
      return seconds('epoch_us($1)');
    case 'BLOB':
      return 'hex($1)';
    case 'JSON':
      return 'json($1)';
    default:
      return '$1';
  }
}
