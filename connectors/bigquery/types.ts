/** BigQuery's types and ours. */
import { numeric, type SqlType, scalar } from '../../src/plan/types.ts';

/** A column of a table or of a result (TableFieldSchema of the REST reference). */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly mode?: string;
  readonly fields?: readonly Field[];
  /** Of parameterized types; numbers as texts. */
  readonly precision?: string;
  readonly scale?: string;
  readonly maxLength?: string;
  readonly collation?: string;
  readonly description?: string;
}

/** NUMERIC without parameters. */
const NUMERIC = { precision: 38, scale: 9 };

/**
 * The field's type. BIGNUMERIC has 38 digits on either side of the point, which no Arrow decimal of ours holds: it is numeric
 * without a scale. Repeated fields and records are JSON.
 */
export function typeOf({ type, mode, precision, scale, maxLength }: Field): SqlType {
  if (mode === 'REPEATED') return scalar('json');
  switch (type) {
    case 'INTEGER':
    case 'INT64':
      return scalar('bigint');
    case 'FLOAT':
    case 'FLOAT64':
      return scalar('double');
    case 'NUMERIC':
      return numeric(
        Number(precision ?? NUMERIC.precision),
        Number(scale ?? (precision === undefined ? NUMERIC.scale : 0)),
      );
    case 'BIGNUMERIC':
      return precision === undefined || Number(precision) > 38
        ? { kind: 'numeric' }
        : numeric(Number(precision), Number(scale ?? 0));
    case 'BOOLEAN':
    case 'BOOL':
      return scalar('boolean');
    case 'BYTES':
      return scalar('bytea');
    case 'DATE':
      return scalar('date');
    case 'TIME':
      return scalar('time');
    case 'DATETIME':
      return scalar('timestamp');
    case 'TIMESTAMP':
      return scalar('timestamptz');
    case 'INTERVAL':
      return scalar('interval');
    case 'JSON':
    case 'RECORD':
    case 'STRUCT':
      return scalar('json');
    case 'STRING':
      return maxLength === undefined ? scalar('text') : { kind: 'varchar', length: Number(maxLength) };
    // GEOGRAPHY as well-known text, RANGE as [from, to), and what is not there yet.
    default:
      return scalar('text');
  }
}

/** What a NUMERIC, and what a BIGNUMERIC may hold: digits before and after the point. */
const NARROW = { whole: 29, scale: 9 };
const WIDE = { whole: 38, scale: 38 };

type Written = Pick<Field, 'type' | 'precision' | 'scale' | 'maxLength'>;

/** What a column is declared as, wide enough for every value of its type. */
export function writtenField(type: SqlType): Written {
  switch (type.kind) {
    case 'boolean':
      return { type: 'BOOLEAN' };
    case 'smallint':
    case 'integer':
    case 'bigint':
      return { type: 'INTEGER' };
    case 'numeric':
      return writtenNumber(type.precision, type.scale ?? 0);
    case 'real':
    case 'double':
      return { type: 'FLOAT' };
    case 'bytea':
      return { type: 'BYTES' };
    case 'date':
      return { type: 'DATE' };
    case 'time':
      return { type: 'TIME' };
    case 'timestamp':
      return { type: 'DATETIME' };
    case 'timestamptz':
      return { type: 'TIMESTAMP' };
    case 'interval':
      return { type: 'INTERVAL' };
    case 'json':
    case 'jsonb':
      return { type: 'JSON' };
    case 'varchar':
      return { type: 'STRING', ...(type.length === undefined ? {} : { maxLength: String(type.length) }) };
    default:
      return { type: 'STRING' };
  }
}

function writtenNumber(precision: number | undefined, scale: number): Written {
  if (precision === undefined) return { type: 'BIGNUMERIC' };
  const fits = ({ whole, scale: most }: typeof WIDE) => scale >= 0 && scale <= most && precision - scale <= whole;
  const parameters = { precision: String(precision), scale: String(scale) };
  if (precision >= scale && fits(NARROW)) return { type: 'NUMERIC', ...parameters };
  return precision >= scale && fits(WIDE) ? { type: 'BIGNUMERIC', ...parameters } : { type: 'STRING' };
}
