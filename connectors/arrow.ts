/**
 * How SQL types travel as Arrow: one layout per type, for every connector and for the results.
 *
 * | SQL | Arrow |
 * |---|---|
 * | boolean | Bool |
 * | smallint, integer, bigint | Int16, Int32, Int64 |
 * | real, double | Float32, Float64 |
 * | numeric(p ≤ 38, s) | Decimal128(p, s) |
 * | numeric (unbounded), interval, timetz, arrays, json, jsonb | Utf8, in PostgreSQL's text form |
 * | text, varchar, char, unknown | Utf8 |
 * | bytea | Binary |
 * | date | Date32 (days since 1970-01-01) |
 * | time | Time64 microseconds |
 * | timestamp, timestamptz | Timestamp microseconds (UTC) |
 * | uuid | Utf8, lower case with hyphens |
 *
 * `infinity` of a date or timestamp is the type's highest integer, `-infinity` its negative. char(n) is padded.
 */
import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Schema,
  TimeMicrosecond,
  TimestampMicrosecond,
  Utf8,
} from 'apache-arrow';
import type { SqlType } from '../src/plan/types.ts';
import type { ResultColumn } from './connector.ts';

/** The Arrow type in which values of `type` travel. */
export function arrowType(type: SqlType): DataType {
  switch (type.kind) {
    case 'boolean':
      return new Bool();
    case 'smallint':
      return new Int16();
    case 'integer':
      return new Int32();
    case 'bigint':
      return new Int64();
    case 'real':
      return new Float32();
    case 'double':
      return new Float64();
    case 'numeric':
      return type.precision === undefined || type.precision > 38
        ? new Utf8()
        : new Decimal(type.scale ?? 0, type.precision, 128);
    case 'bytea':
      return new Binary();
    case 'date':
      return new DateDay();
    case 'time':
      return new TimeMicrosecond();
    case 'timestamp':
      return new TimestampMicrosecond();
    case 'timestamptz':
      return new TimestampMicrosecond('UTC');
    default:
      return new Utf8();
  }
}

/** The Arrow schema of rows with these columns. */
export const arrowSchema = (columns: readonly ResultColumn[]): Schema =>
  new Schema(columns.map((column) => new Field(column.name, arrowType(column.type), true)));
