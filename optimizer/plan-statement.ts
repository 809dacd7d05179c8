/** One bound statement in, the plan that will run out, with what it will cost and what was rejected. */
import { CausewayError, messageOf } from '../src/plan/errors.ts';
import type { RelationalNode } from '../src/plan/nodes.ts';
import type { OptimizerContext } from './context.ts';
import type { CostModel } from './cost/model.ts';
import { type Cost, compareCosts, type Objective } from './cost/objective.ts';
import { cutIntoFragments } from './fragments/cut.ts';
import { normalize, rewrite } from './optimize.ts';
import { exchangeName, MEDIATOR, type PhysicalPlan } from './physical.ts';
import { type Choice, chooseSites, FREE_SEARCH, type Freedom } from './placement/choose.ts';
import { type PlanCost, planCost } from './placement/plan-cost.ts';
import type { PolicyBook } from './policy/book.ts';
import { assertLawful, onlyColumn } from './policy/check.ts';
import { type EstimationInput, estimator } from './statistics/cardinality.ts';

export interface PlanningInput {
  readonly context: OptimizerContext;
  readonly estimation: EstimationInput;
  readonly model: CostModel;
  readonly objective: Objective;
  readonly policies: PolicyBook;
}

/** Another way to run the statement, and why it was not taken. */
export interface Rejected {
  readonly name: string;
  /** Absent where a policy forbids it. */
  readonly cost?: Cost;
  readonly reason: string;
}

export interface PlannedStatement {
  readonly physical: PhysicalPlan;
  /** What it was cut from. */
  readonly placement: Choice;
  readonly cost: PlanCost;
  readonly notices: readonly string[];
  readonly rejected: readonly Rejected[];
  /** Joins the search considered; whether it was exhaustive. */
  readonly considered: number;
  readonly exact: boolean;
  /** Milliseconds. */
  readonly milliseconds: {
    readonly rules: number;
    readonly search: number;
    readonly cut: number;
    readonly alternatives: number;
  };
}

/** The less free searches whose results EXPLAIN shows beside the chosen plan. */
const ALTERNATIVES: readonly { readonly name: string; readonly freedom: Freedom; readonly pushdown: 'on' | 'off' }[] = [
  { name: 'semi-join keys', freedom: { ...FREE_SEARCH, keys: 'unchecked' }, pushdown: 'on' },
  { name: 'no semi-join keys', freedom: { ...FREE_SEARCH, keys: false }, pushdown: 'on' },
  { name: 'joins in written order', freedom: { order: false, keys: false, raise: true }, pushdown: 'on' },
  {
    name: 'all that silos can run, in the silos',
    freedom: { order: false, keys: false, raise: false },
    pushdown: 'on',
  },
  { name: 'whole tables to the mediator', freedom: { order: false, keys: false, raise: false }, pushdown: 'off' },
];

/**
 * Plans a statement.
 * @param explain also price the alternatives
 * @throws CausewayError CW001 when policies leave no plan
 */
export function planStatement(bound: RelationalNode, input: PlanningInput, explain = false): PlannedStatement {
  const started = performance.now();
  // With pushdown off nothing is rewritten either; policies are judged on pruned plans.
  const normal = normalize(bound);
  const rewritten = input.context.pushdown === 'on' || !input.policies.empty ? rewrite(normal) : normal;
  const rules = performance.now();
  const estimate = estimator(input.estimation);
  const knowledge = { estimate, model: input.model, objective: input.objective, policies: input.policies };
  const context: OptimizerContext = { ...input.context, rows: (each) => estimate(each).rows };
  const choice = chooseSites(rewritten, context, knowledge);
  const searched = performance.now();
  const physical = cutIntoFragments(choice, context);
  assertLawfulExchanges(physical, input.policies);
  const cost = planCost(physical, input.estimation, input.model);
  const cut = performance.now();
  const rejected = explain
    ? ALTERNATIVES.flatMap((alternative) => {
        const priced = priceAlternative(alternative, rewritten, physical, cost, input, context, knowledge);
        return priced === undefined ? [] : [priced];
      })
    : [];
  return {
    physical,
    placement: choice,
    cost,
    notices: choice.notices,
    rejected: distinctTexts(rejected),
    considered: choice.considered,
    exact: choice.exact,
    milliseconds: {
      rules: rules - started,
      search: searched - rules,
      cut: cut - searched,
      alternatives: performance.now() - cut,
    },
  };
}

/**
 * Judges every exchange of a plan by the policies, from the plan as it would run.
 * @throws CausewayError CW001 naming what would leave
 */
export function assertLawfulExchanges(physical: PhysicalPlan, policies: PolicyBook): void {
  if (policies.empty) return;
  const byName = new Map(physical.fragments.map((fragment) => [exchangeName(fragment.id), fragment.plan]));
  const resolve = (leaf: RelationalNode) => (leaf.kind === 'memory-table' ? byName.get(leaf.name) : undefined);
  for (const fragment of physical.fragments) {
    if (fragment.site !== MEDIATOR) assertLawful(fragment.plan, MEDIATOR, policies, resolve);
    for (const exchange of fragment.inputs) {
      if (fragment.site === MEDIATOR) continue;
      const source = physical.fragments.find(({ id }) => id === exchange.from);
      const key = exchange.kind === 'keys' ? source?.plan.columns[exchange.fromColumn] : undefined;
      if (source === undefined) continue;
      const sent = key === undefined ? source.plan : onlyColumn(source.plan, key);
      assertLawful(sent, fragment.site, policies, resolve);
    }
  }
}

function priceAlternative(
  { name, freedom, pushdown }: (typeof ALTERNATIVES)[number],
  plan: RelationalNode,
  chosen: PhysicalPlan,
  cost: Cost,
  input: PlanningInput,
  context: OptimizerContext,
  knowledge: Parameters<typeof chooseSites>[2],
): Rejected | undefined {
  try {
    const other = { ...context, pushdown };
    const choice: Choice = chooseSites(plan, other, knowledge, freedom);
    const physical = cutIntoFragments(choice, other);
    assertLawfulExchanges(physical, input.policies);
    if (sameRequests(physical, chosen)) return undefined;
    const priced = planCost(physical, input.estimation, input.model);
    return { name, cost: priced, reason: comparison(priced, cost, input.objective) };
  } catch (thrown) {
    if (thrown instanceof CausewayError) return { name, reason: messageOf(thrown) };
    throw thrown;
  }
}

const sameRequests = (a: PhysicalPlan, b: PhysicalPlan): boolean => requests(a) === requests(b);

const requests = (plan: PhysicalPlan): string =>
  JSON.stringify(
    plan.fragments.map(({ site, request, inputs }) => [site, request, inputs]),
    (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
  );

function comparison(other: Cost, chosen: Cost, objective: Objective): string {
  const part = objective === 'time' ? 'seconds' : objective === 'egress' ? 'bytes' : 'money';
  const factor = other[part] / Math.max(chosen[part], Number.MIN_VALUE);
  const word = { time: 'time', egress: 'bytes', money: 'price' }[objective];
  // The search sees more than the sum of the estimates: a silo keeps what it can run unless the mediator is clearly better.
  if (factor < 0.95 && chosen[part] > 0)
    return `${factor.toFixed(1)} times the ${word}, but silos would not do what they can`;
  if (compareCosts(other, chosen, objective) <= 0 || factor < 1.05) return `about the same ${word}`;
  return `${factor >= 100 ? '> 100' : factor.toFixed(1)} times the ${word}`;
}

/** Alternatives that come to the same plan are one. */
function distinctTexts(rejected: readonly Rejected[]): readonly Rejected[] {
  const seen = new Set<string>();
  return rejected.filter(({ cost, reason }) => {
    const text = cost === undefined ? reason : `${cost.seconds} ${cost.bytes}`;
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}
