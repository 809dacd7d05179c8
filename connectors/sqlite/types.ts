/** Declared types of SQLite, and ours. */
import { numeric, type SqlType, scalar } from '../../src/plan/types.ts';

/** The SQL type of a declared type, which in SQLite is only a hint (sqlite.org/datatype3.html, §3.1). */
export function declaredType(declared: string): SqlType {
  const decimal = /^(?:NUMERIC|DECIMAL)(?:_TEXT)?\s*\((\d+)(?:\s*,\s*(\d+))?\)/i.exec(declared);
  if (decimal !== null) return numeric(Number(decimal[1]), Number(decimal[2] ?? 0));
  return DECLARED.find(([pattern]) => pattern.test(declared))?.[1] ?? scalar('text');
}

const DECLARED: readonly (readonly [RegExp, SqlType])[] = [
  [/BOOL/i, scalar('boolean')],
  [/SMALLINT|INT2/i, scalar('smallint')],
  [/MEDIUMINT|INT4/i, scalar('integer')],
  [/INT/i, scalar('bigint')],
  [/REAL|FLOA|DOUB/i, scalar('double')],
  [/NUMERIC|DECIMAL/i, numeric()],
  [/BLOB|BYTEA/i, scalar('bytea')],
  [/TIMESTAMPTZ/i, scalar('timestamptz')],
  [/DATETIME|TIMESTAMP/i, scalar('timestamp')],
  [/DATE/i, scalar('date')],
  [/JSON/i, scalar('json')],
];

/** Digits that SQLite keeps of a number that it takes for one (sqlite.org/datatype3.html, §3). */
const KEPT_DIGITS = 15;

/** A declared type with TEXT in its name has SQLite keep the digits as they are written. */
function writtenNumeric({ precision, scale = 0 }: SqlType & { kind: 'numeric' }): string {
  if (precision === undefined) return 'DECIMAL_TEXT';
  return `${precision > KEPT_DIGITS ? 'DECIMAL_TEXT' : 'NUMERIC'}(${precision}, ${scale})`;
}

/** What a column is declared as, so that it is read back as the type it was written with. */
export function writtenType(type: SqlType): string {
  switch (type.kind) {
    case 'integer':
      return 'MEDIUMINT';
    case 'double':
    case 'real':
      return 'DOUBLE';
    case 'numeric':
      return writtenNumeric(type);
    case 'boolean':
    case 'smallint':
    case 'bigint':
    case 'bytea':
    case 'date':
    case 'timestamp':
    case 'timestamptz':
    case 'json':
      return type.kind.toUpperCase();
    default:
      return 'TEXT';
  }
}
