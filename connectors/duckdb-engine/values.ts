/** DuckDB's values in PostgreSQL's text form. */
import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeTZValue,
  DuckDBTimeValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import * as text from '../postgres-language/text.ts';

export function valueText(value: DuckDBValue): string {
  if (value instanceof DuckDBIntervalValue) return text.intervalText(value.months, value.days, value.micros);
  if (value instanceof DuckDBTimeTZValue) return text.timetzText(value.micros, value.offset);
  if (value instanceof DuckDBListValue) {
    const nested = value.items.some((item) => item instanceof DuckDBListValue);
    return text.arrayText(
      value.items.map((item) => (item === null ? null : valueText(item))),
      nested,
    );
  }
  if (value instanceof DuckDBDecimalValue) return text.decimalText(value.value, value.scale);
  if (value instanceof DuckDBDateValue) return text.dateText(value.days);
  if (value instanceof DuckDBTimeValue) return text.timeText(value.micros);
  if (value instanceof DuckDBTimestampTZValue) return text.timestampText(value.micros, true);
  if (value instanceof DuckDBTimestampValue) return text.timestampText(value.micros, false);
  if (value instanceof DuckDBBlobValue) return text.byteaText(value.bytes);
  if (typeof value === 'number') return text.doubleText(value);
  if (typeof value === 'boolean') return value ? 't' : 'f';
  return String(value);
}
