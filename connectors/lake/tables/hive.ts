/** Hive-style partitions: `year=2024/month=01/part-0.parquet` holds rows of year 2024 and month 1. */

import { type SqlType, scalar } from '../../../src/plan/types.ts';

/** What Hive writes for NULL. */
const NULL_PARTITION = '__HIVE_DEFAULT_PARTITION__';

/** The partition values in a key, below the table's folder. */
export function hivePartition(key: string, base: string): Readonly<Record<string, string | null>> {
  const values: Record<string, string | null> = {};
  for (const segment of key.slice(base.length).split('/').slice(0, -1)) {
    const at = segment.indexOf('=');
    if (at <= 0) continue;
    const value = decoded(segment.slice(at + 1));
    values[decoded(segment.slice(0, at))] = value === NULL_PARTITION ? null : value;
  }
  return values;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The type of a partition column: whole numbers, dates, or text, whatever fits all its values. */
export function partitionType(values: Iterable<string | null>): { readonly type: SqlType; readonly duckType: string } {
  let [whole, date, any] = [true, true, false];
  for (const value of values) {
    if (value === null) continue;
    any = true;
    whole &&= /^(0|-?[1-9]\d{0,17})$/.test(value) || /^0\d{1,8}$/.test(value);
    date &&= /^\d{4}-\d\d-\d\d$/.test(value);
  }
  if (any && whole) return { type: scalar('bigint'), duckType: 'BIGINT' };
  return any && date ? { type: scalar('date'), duckType: 'DATE' } : { type: scalar('text'), duckType: 'VARCHAR' };
}
