/** What a fragment does, in units that a site has a speed for. */

/**
 * - `startup`: statements begun, with the round trip to the site
 * - `scanned`: rows read from storage
 * - `built`, `probed`: rows put into, looked up in a hash table
 * - `aggregated`: rows folded into groups
 * - `sorted`: rows × log2(rows)
 * - `produced`: rows encoded for the exchange
 * - `bytes`: bytes sent over the site's link
 */
export const UNITS = ['startup', 'scanned', 'built', 'probed', 'aggregated', 'sorted', 'produced', 'bytes'] as const;

export type Unit = (typeof UNITS)[number];

/** Amounts of work, or seconds per unit of it. */
export type PerUnit = Readonly<Record<Unit, number>>;

export const NO_WORK: PerUnit = Object.freeze({
  startup: 0,
  scanned: 0,
  built: 0,
  probed: 0,
  aggregated: 0,
  sorted: 0,
  produced: 0,
  bytes: 0,
});

/** The amounts given, nothing of the rest. */
export const work = (amounts: Partial<PerUnit>): PerUnit => ({ ...NO_WORK, ...amounts });

export function addWork(a: PerUnit, b: PerUnit): PerUnit {
  const sum = { ...a } as Record<Unit, number>;
  for (const unit of UNITS) sum[unit] += b[unit];
  return sum;
}

export const times = (amounts: PerUnit, factor: number): PerUnit => ({
  startup: amounts.startup * factor,
  scanned: amounts.scanned * factor,
  built: amounts.built * factor,
  probed: amounts.probed * factor,
  aggregated: amounts.aggregated * factor,
  sorted: amounts.sorted * factor,
  produced: amounts.produced * factor,
  bytes: amounts.bytes * factor,
});

/** Seconds that `amounts` take at `seconds` per unit. */
export function secondsFor(amounts: PerUnit, seconds: PerUnit): number {
  let total = 0;
  for (const unit of UNITS) total += amounts[unit] * seconds[unit];
  return total;
}

/** A hash join: the smaller side is built, the larger one probes, every match is handled once more. */
export const joinWork = (left: number, right: number, out: number): PerUnit =>
  work({ built: Math.min(left, right), probed: Math.max(left, right) + out });

/** A join without an equality compares every pair. */
export const crossWork = (left: number, right: number, out: number): PerUnit =>
  work({ built: Math.min(left, right), probed: left * right + out });

export const aggregateWork = (rows: number, groups: number): PerUnit => work({ aggregated: rows + groups });

/** Only the first `limit` rows have to be kept in order when there is one. */
export const sortWork = (rows: number, limit = rows): PerUnit =>
  work({ sorted: rows * Math.log2(Math.max(2, Math.min(rows, limit))) });

/** Sending `rows` rows of `width` bytes as one statement's result. */
export const shipWork = (rows: number, width: number): PerUnit =>
  work({ startup: 1, produced: rows, bytes: rows * width });
