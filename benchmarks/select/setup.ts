/** How much a run measures. */
import type { Silos } from './silos.ts';
import { median, timed } from './table.ts';

export interface Run {
  readonly silos: Silos;
  readonly scale: number;
  readonly repeats: number;
  readonly sessions: number;
  /** A query that PostgreSQL itself does not answer in this time is counted with this time. */
  readonly patienceMs: number;
  /** Other plans run for each query in moved-bytes, and the most relations for which all join trees are written out. */
  readonly otherPlans: number;
  readonly mostRelations: number;
}

/** Contenders in turns, after one round that does not count; medians of milliseconds. */
export async function medians<Name extends string>(
  contenders: Readonly<Record<Name, () => Promise<unknown>>>,
  repeats: number,
): Promise<Record<Name, number>> {
  const all = Object.entries(contenders) as [Name, () => Promise<unknown>][];
  const times = new Map<Name, number[]>(all.map(([name]) => [name, []]));
  // Twice: a plan is kept from its second run on.
  for (let round = 0; round < 2; round++) for (const [, run] of all) await run();
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [name, run] of all) times.get(name)!.push(await timed(run));
  }
  return Object.fromEntries(all.map(([name]) => [name, median(times.get(name)!)])) as Record<Name, number>;
}

export const ms = (value: number): string => value.toFixed(1);
export const ratio = (a: number, b: number): string => (a / b).toFixed(2);
export const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
