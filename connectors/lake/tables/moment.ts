/** A state of the past may be named by a time. */
import { scalar } from '../../../src/plan/types.ts';
import { keyOf } from '../bounds.ts';

/** Milliseconds since 1970 of a date or timestamp, in UTC where it names no zone; undefined when it is neither. */
export function momentOf(version: string): number | undefined {
  const micros = keyOf(scalar('timestamptz'), version);
  return typeof micros === 'bigint' ? Number(micros / 1000n) : undefined;
}
