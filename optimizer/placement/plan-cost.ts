/** What a physical plan will cost, fragment by fragment, and when each of them will be done. */

import type { CostModel } from '../cost/model.ts';
import { resultWork, subtreeWork } from '../cost/node-work.ts';
import type { Cost } from '../cost/objective.ts';
import { addWork, type PerUnit, secondsFor, work } from '../cost/work.ts';
import { exchangeName, type Fragment, type FragmentId, MEDIATOR, type PhysicalPlan } from '../physical.ts';
import { type EstimationInput, estimator } from '../statistics/cardinality.ts';

interface FragmentCost {
  readonly fragment: FragmentId;
  readonly rows: number;
  /** Bytes that leave the site; the mediator's result leaves no silo. */
  readonly bytes: number;
  readonly work: PerUnit;
  readonly seconds: number;
  readonly money: number;
  /** Seconds after the start of the statement. */
  readonly done: number;
}

export interface PlanCost extends Cost {
  readonly fragments: readonly FragmentCost[];
}

/**
 * Prices a plan: fragments of one silo share its capacity but wait for its first answer side by side, fragments of
 * different silos run side by side, a fragment starts when its inputs are there.
 */
export function planCost(plan: PhysicalPlan, estimation: EstimationInput, model: CostModel): PlanCost {
  const byName = new Map(plan.fragments.map((fragment) => [exchangeName(fragment.id), fragment.plan]));
  const shares = new Map<string, number>();
  const estimate = estimator({
    ...estimation,
    memoryPlan: (name) => byName.get(name),
    memoryShare: (name) => shares.get(name) ?? 1,
  });
  const done = new Map<FragmentId, number>();
  const free = new Map<string, number>();
  const fragments: FragmentCost[] = [];
  let bytes = 0;
  let money = 0;
  for (const fragment of plan.fragments) {
    const profile = model.profile(fragment.site);
    const share = keyShare(fragment, plan, estimate);
    shares.set(exchangeName(fragment.id), share);
    const result = scaled(resultWork(fragment.plan, estimate), share);
    const sent = fragment.site === MEDIATOR ? { ...result, bytes: 0, produced: 0 } : result;
    const amounts = addWork(subtreeWork(fragment.plan, estimate), sent);
    const seconds = secondsFor(amounts, profile.seconds);
    // Nobody waits for keys that may come late.
    const awaited = fragment.inputs.filter(({ kind }) => kind !== 'late-keys');
    const inputs = awaited.map(({ from }) => done.get(from) ?? 0);
    const latency = amounts.startup * profile.seconds.startup;
    const end = Math.max(free.get(fragment.site) ?? 0, Math.max(0, ...inputs) + latency) + seconds - latency;
    done.set(fragment.id, end);
    free.set(fragment.site, end);
    bytes += sent.bytes;
    const price = sent.bytes * profile.moneyPerByte + seconds * profile.moneyPerSecond;
    money += price;
    const rows = estimate(fragment.plan).rows * share;
    const spent = { bytes: sent.bytes, work: amounts, seconds, money: price };
    fragments.push({ fragment: fragment.id, rows, ...spent, done: end });
  }
  return { seconds: Math.max(0, ...done.values()), bytes, money, fragments };
}

/** The share of a fragment's rows that its keys will leave. */
function keyShare(fragment: Fragment, plan: PhysicalPlan, estimate: ReturnType<typeof estimator>): number {
  const exchange = fragment.inputs.find((input) => input.kind === 'keys');
  if (exchange?.kind !== 'keys') return 1;
  const source = plan.fragments.find(({ id }) => id === exchange.from)!;
  const keys = estimate(source.plan).columns.get(source.plan.columns[exchange.fromColumn]!.id)?.distinct ?? 1;
  if (keys > (exchange.most ?? Number.POSITIVE_INFINITY)) return 1;
  const own = estimate(fragment.plan).columns.get(exchange.column)?.distinct ?? 1;
  return Math.min(1, keys / Math.max(1, own));
}

const scaled = (amounts: PerUnit, share: number): PerUnit =>
  share === 1 ? amounts : work({ ...amounts, produced: amounts.produced * share, bytes: amounts.bytes * share });
