/**
 * Re-planning at fragments' borders: while silos are being read, the truth about some fragments is known. The rest of the plan —
 * join order, sites, keys — is searched anew with it, and taken when it is clearly cheaper than going on.
 */
import { CausewayError, SQLSTATE } from '../src/plan/errors.ts';
import type { Expression } from '../src/plan/expressions.ts';
import type { RelationalNode } from '../src/plan/nodes.ts';
import {
  expressionsOf,
  hasSubquery,
  inputsOf,
  mapExpression,
  mapExpressions,
  withInputs,
} from '../src/plan/traverse.ts';
import type { OptimizerContext } from './context.ts';
import { leading } from './cost/objective.ts';
import { cutIntoFragments } from './fragments/cut.ts';
import { exchangeName, type FragmentId, type FragmentProgress, type Progress } from './physical.ts';
import { placed } from './placement/choose.ts';
import { type PlanCost, planCost } from './placement/plan-cost.ts';
import { assertLawfulExchanges, type PlannedStatement, type PlanningInput } from './plan-statement.ts';
import { estimator } from './statistics/cardinality.ts';
import { qError } from './statistics/feedback.ts';
import { believedRows, correctedBy, FAR, memoryTable, type Shown } from './statistics/shown.ts';

/** What is saved must be so many times what it costs: the rest of an answer is under way already. */
const CLEARLY = 1.5;

/** Seconds below which there is nothing to gain: planning takes some milliseconds itself. */
const WORTH_PLANNING = 0.01;

/** Fewer rows are no matter, whatever was expected. */
const A_FEW = 64;

/** A statement that was planned anew while it ran. */
export interface Replanned extends PlannedStatement {
  readonly reason: string;
}

/**
 * True when a fragment has shown that its estimate was far off.
 * @param expected rows, or undefined where nobody knew
 */
export const isSurprising = (expected: number | undefined, { rows, done }: FragmentProgress): boolean =>
  expected !== undefined &&
  Math.max(expected, rows) >= A_FEW &&
  (done ? qError(expected, rows) > FAR : rows > FAR * Math.max(1, expected));

/**
 * A better plan for the rest of a statement, or undefined when going on is as good. Fragments that are done keep their numbers
 * and are read as they are; those that are running and stay in the plan keep theirs, too. What is not in it any more is to be stopped.
 */
export function replan(planned: PlannedStatement, input: PlanningInput, progress: Progress): Replanned | undefined {
  const shown: Shown[] = planned.physical.fragments.flatMap((fragment) => {
    const own = progress.get(fragment.id);
    const expected = planned.cost.fragments.find((each) => each.fragment === fragment.id)?.rows;
    return own === undefined || expected === undefined ? [] : [{ ...own, fragment, expected }];
  });
  const estimation = correctedBy(shown, input.estimation);
  const ahead = planCost(planned.physical, estimation, input.model, progress);
  if (input.objective === 'time' && ahead.seconds < WORTH_PLANNING) return undefined;

  const started = performance.now();
  const done = new Map(shown.filter((each) => each.done).map(({ fragment }) => [exchangeName(fragment.id), fragment]));
  const running = shown.filter((each) => !each.done).map(({ fragment }) => fragment);
  const nextId: FragmentId = 1 + Math.max(...planned.physical.fragments.map(({ id }) => id));
  const estimate = estimator(estimation);
  const context: OptimizerContext = {
    ...input.context,
    rows: (each) => estimate(each).rows,
    underWay: { done, running, nextId },
  };
  const arrived = new Map<RelationalNode, RelationalNode>();
  for (const [name, { plan }] of done) arrived.set(plan, memoryTable(name, plan));
  const { placement } = planned;
  try {
    const rest = { plan: withLeaves(placement.plan, arrived), released: placement.released, notices: [] };
    const { policies, model, objective } = input;
    const choice = placed(rest, context, { estimate, model, objective, policies });
    const searched = performance.now();
    const physical = cutIntoFragments(choice, context);
    if (physical.fragments.every(({ id }) => id < nextId || id === physical.root)) return undefined;
    assertLawfulExchanges(physical, policies);
    const better = planCost(physical, estimation, model, progress);
    if (CLEARLY * leading(better, objective) > leading(ahead, objective)) return undefined;
    const cut = performance.now();
    return {
      ...planned,
      physical,
      placement: choice,
      cost: costOfAll(better, planned),
      reason: reasonOf(shown),
      considered: planned.considered + choice.considered,
      milliseconds: {
        ...planned.milliseconds,
        search: planned.milliseconds.search + searched - started,
        cut: planned.milliseconds.cut + cut - searched,
      },
    };
  } catch (thrown) {
    // No lawful plan for the rest: the one that is running is.
    if (thrown instanceof CausewayError && thrown.sqlstate === SQLSTATE.policyViolation) return undefined;
    throw thrown;
  }
}

/** The rest at its price; what was begun before at the price that it had. */
function costOfAll(rest: PlanCost, { cost }: PlannedStatement): PlanCost {
  const before = new Map(cost.fragments.map((each) => [each.fragment, each]));
  const fragments = rest.fragments.map((each) => before.get(each.fragment) ?? each);
  const sum = (part: 'bytes' | 'money'): number => fragments.reduce((total, each) => total + each[part], 0);
  return { seconds: rest.seconds, bytes: sum('bytes'), money: sum('money'), fragments };
}

/** The plan with what has arrived as leaves. */
function withLeaves(plan: RelationalNode, arrived: ReadonlyMap<RelationalNode, RelationalNode>): RelationalNode {
  const leaf = arrived.get(plan);
  if (leaf !== undefined) return leaf;
  const rebuilt = withInputs(
    plan,
    inputsOf(plan).map((each) => withLeaves(each, arrived)),
  );
  if (!expressionsOf(rebuilt).some(hasSubquery)) return rebuilt;
  let changed = false;
  const inside = (expression: Expression): Expression =>
    mapExpression(expression, (part) => {
      if (part.kind !== 'subquery') return part;
      const inner = withLeaves(part.plan, arrived);
      if (inner === part.plan) return part;
      changed = true;
      return { ...part, plan: inner };
    });
  const mapped = mapExpressions(rebuilt, inside);
  return changed ? mapped : rebuilt;
}

/** The fragment whose estimate was furthest off. */
function reasonOf(shown: readonly Shown[]): string {
  const [worst] = shown.toSorted((a, b) => error(b) - error(a));
  if (worst === undefined) return '';
  const { fragment, rows, done, expected } = worst;
  const count = (n: number): string => Math.round(n).toLocaleString('en-US');
  return `${fragment.site} (${fragment.id}) had ${count(rows)} rows${done ? '' : ' so far'}, ${count(expected)} were expected`;
}

const error = (each: Shown): number => qError(each.expected, believedRows(each.expected, each));
