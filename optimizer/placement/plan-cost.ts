/** What a physical plan will cost, fragment by fragment, and when each of them will be done. */

import type { CostModel } from '../cost/model.ts';
import { resultWork, subtreeWork } from '../cost/node-work.ts';
import type { Cost } from '../cost/objective.ts';
import { addWork, type PerUnit, secondsFor, times, work } from '../cost/work.ts';
import {
  exchangeName,
  type Fragment,
  type FragmentId,
  MEDIATOR,
  type PhysicalPlan,
  type Progress,
} from '../physical.ts';
import { type EstimationInput, type Estimator, estimator } from '../statistics/cardinality.ts';

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
 * @param progress of a plan under way: what is done costs nothing any more, what is running only what is still to come
 */
export function planCost(
  plan: PhysicalPlan,
  estimation: EstimationInput,
  model: CostModel,
  progress: Progress = new Map(),
): PlanCost {
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
    const shown = progress.get(fragment.id);
    const share = shown?.done
      ? shown.rows / Math.max(1, estimate(fragment.plan).rows)
      : keyShare(fragment, plan, estimate, shares);
    shares.set(exchangeName(fragment.id), share);
    const rows = estimate(fragment.plan).rows * share;
    const toCome = shown === undefined ? 1 : shown.done ? 0 : Math.max(0, 1 - shown.rows / Math.max(1, rows));
    const result = scaled(resultWork(fragment.plan, estimate), share);
    const sent = fragment.site === MEDIATOR ? { ...result, bytes: 0, produced: 0 } : result;
    const whole = addWork(subtreeWork(fragment.plan, estimate), sent);
    const amounts = shown === undefined ? whole : { ...times(whole, toCome), startup: 0 };
    const seconds = secondsFor(amounts, profile.seconds);
    const inputs = fragment.inputs.map(({ from }) => done.get(from) ?? 0);
    const latency = amounts.startup * profile.seconds.startup;
    const end = Math.max(free.get(fragment.site) ?? 0, Math.max(0, ...inputs) + latency) + seconds - latency;
    done.set(fragment.id, end);
    free.set(fragment.site, end);
    const sentBytes = sent.bytes * toCome;
    bytes += sentBytes;
    const price = sentBytes * profile.moneyPerByte + seconds * profile.moneyPerSecond;
    money += price;
    const spent = { bytes: sentBytes, work: amounts, seconds, money: price };
    fragments.push({ fragment: fragment.id, rows, ...spent, done: end });
  }
  return { seconds: Math.max(0, ...done.values()), bytes, money, fragments };
}

/** The share of a fragment's rows that its keys will leave. */
function keyShare(
  fragment: Fragment,
  plan: PhysicalPlan,
  estimate: Estimator,
  shares: ReadonlyMap<string, number>,
): number {
  const exchange = fragment.inputs.find((input) => input.kind === 'keys');
  if (exchange?.kind !== 'keys') return 1;
  const source = plan.fragments.find(({ id }) => id === exchange.from)!;
  const { rows, columns } = estimate(source.plan);
  const distinct = columns.get(source.plan.columns[exchange.fromColumn]!.id)?.distinct ?? 1;
  const keys = Math.min(distinct, Math.max(1, rows * (shares.get(exchangeName(source.id)) ?? 1)));
  if (keys > (exchange.most ?? Number.POSITIVE_INFINITY)) return 1;
  const own = estimate(fragment.plan).columns.get(exchange.column)?.distinct ?? 1;
  return Math.min(1, keys / Math.max(1, own));
}

const scaled = (amounts: PerUnit, share: number): PerUnit =>
  share === 1 ? amounts : work({ ...amounts, produced: amounts.produced * share, bytes: amounts.bytes * share });
