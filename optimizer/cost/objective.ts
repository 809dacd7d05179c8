/** The cost vector and what "cheaper" means. */

export interface Cost {
  /** Seconds on the critical path: sites that work side by side take the longest one's time. */
  readonly seconds: number;
  /** Bytes that leave silos, all together. */
  readonly bytes: number;
  readonly money: number;
}

export const FREE: Cost = Object.freeze({ seconds: 0, bytes: 0, money: 0 });

/** `SET causeway.optimize_for`. */
export type Objective = 'time' | 'egress' | 'money';

/** What has to be least first, second and third. */
const RANKING: Readonly<Record<Objective, readonly (keyof Cost)[]>> = {
  time: ['seconds', 'bytes', 'money'],
  egress: ['bytes', 'seconds', 'money'],
  money: ['money', 'seconds', 'bytes'],
};

/** The part of the cost that the objective is about. */
export const leading = (cost: Cost, objective: Objective): number => cost[RANKING[objective][0]!];

/** Negative when `a` is cheaper than `b`; differences below a millionth are ties, decided by the next part. */
export function compareCosts(a: Cost, b: Cost, objective: Objective): number {
  for (const part of RANKING[objective]) {
    const difference = a[part] - b[part];
    if (Math.abs(difference) > 1e-6 * Math.max(a[part], b[part])) return difference;
  }
  return 0;
}

/** One after the other. */
export const inSequence = (a: Cost, b: Cost): Cost => ({
  seconds: a.seconds + b.seconds,
  bytes: a.bytes + b.bytes,
  money: a.money + b.money,
});
