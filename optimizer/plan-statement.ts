/** One bound statement in, the plan that will run out, with what it will cost and what was rejected. */
import { CausewayError, messageOf, SQLSTATE } from '../src/plan/errors.ts';
import type { Aggregate, RelationalNode } from '../src/plan/nodes.ts';
import { nodesOf } from '../src/plan/traverse.ts';
import type { OptimizerContext } from './context.ts';
import type { CostModel } from './cost/model.ts';
import { type Cost, compareCosts, leading, type Objective } from './cost/objective.ts';
import { cutIntoFragments } from './fragments/cut.ts';
import { normalize, rewrite } from './optimize.ts';
import { type Exchange, exchangeName, MEDIATOR, type PhysicalPlan, type Site } from './physical.ts';
import { type Choice, chooseSites, FREE_SEARCH, type Freedom, type Knowledge, siteLookup } from './placement/choose.ts';
import { eagerAggregations } from './placement/eager-aggregation.ts';
import { type PlanCost, planCost } from './placement/plan-cost.ts';
import { reshape } from './placement/reshape.ts';
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
export const ALTERNATIVES: readonly {
  readonly name: string;
  readonly freedom: Freedom;
  readonly pushdown: 'on' | 'off';
}[] = [
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
  const shaped = reshape(rewritten, context, knowledge);
  let cutting = 0;
  const made = (plan: RelationalNode): Made => {
    const choice = chooseSites(plan, context, knowledge);
    const searched = performance.now();
    const physical = cutIntoFragments(choice, context);
    assertLawfulExchanges(physical, input.policies);
    const cost = planCost(physical, input.estimation, input.model);
    cutting += performance.now() - searched;
    return { plan, choice, physical, cost };
  };
  const { best, other } = cheapest(shaped, made, context, knowledge);
  const { choice, physical, cost } = best;
  const searched = performance.now();
  const rejected = explain
    ? [
        ...(other === undefined ? [] : [rejectedPlan(other, best, input.objective)]),
        ...ALTERNATIVES.flatMap((alternative) => {
          const priced = priceAlternative(alternative, best.plan, physical, cost, input, context, knowledge);
          return priced === undefined ? [] : [priced];
        }),
      ]
    : [];
  return {
    physical,
    placement: choice,
    cost,
    notices: [...choice.notices, ...(other instanceof CausewayError ? [PUT_TOGETHER] : [])],
    rejected: distinctTexts(rejected),
    considered: choice.considered,
    exact: choice.exact,
    milliseconds: {
      rules: rules - started,
      search: searched - rules - cutting,
      cut: cutting,
      alternatives: performance.now() - searched,
    },
  };
}

interface Made {
  readonly plan: RelationalNode;
  readonly choice: Choice;
  readonly physical: PhysicalPlan;
  readonly cost: PlanCost;
}

/** Said where only a partial aggregate is lawful. */
const PUT_TOGETHER =
  'the aggregates are put together from groups in the silo: what is withheld there is missing in them';

/** An aggregate that leaves more of its rows than this is no help. */
const REDUCES = 0.5;

/** What divides an aggregate has to be so many times cheaper, and by so many seconds: it rests on one more estimate. */
const CLEARLY = 1.1;
const CLEARLY_SECONDS = 0.005;

/** Beyond so many joins to consider an aggregate is divided only where policies leave nothing else. */
const MOST_JOINS = 3000;

/**
 * The plan as it stands, or with a partial aggregate below a join where that is clearly cheaper, or the only lawful one.
 * @throws CausewayError CW001 when policies leave no plan
 */
function cheapest(
  plan: RelationalNode,
  made: (plan: RelationalNode) => Made,
  context: OptimizerContext,
  { estimate, objective }: Pick<Knowledge, 'estimate' | 'objective'>,
): { readonly best: Made; readonly other?: Made | CausewayError } {
  const lawful = (each: RelationalNode): Made | CausewayError => {
    try {
      return made(each);
    } catch (thrown) {
      if (thrown instanceof CausewayError && thrown.sqlstate === SQLSTATE.policyViolation) return thrown;
      throw thrown;
    }
  };
  const plain = lawful(plan);
  if (context.pushdown === 'off') return { best: required(plain) };
  const worth = (partial: Aggregate): boolean =>
    plain instanceof CausewayError || estimate(partial).rows < REDUCES * estimate(partial.input).rows;
  // Each way to divide is one more search: not where the searches are long, nor where there is next to nothing to gain.
  if (!(plain instanceof CausewayError)) {
    const quick = objective === 'time' && plain.cost.seconds < 2 * CLEARLY_SECONDS;
    if (quick || plain.choice.considered > MOST_JOINS) return { best: plain };
  }
  let divided: Made | undefined;
  for (const each of eagerAggregations(plan, siteLookup(context), worth)) {
    const other = lawful(each);
    if (other instanceof CausewayError) continue;
    if (divided === undefined || compareCosts(other.cost, divided.cost, objective) < 0) divided = other;
  }
  if (divided === undefined) return { best: required(plain) };
  if (plain instanceof CausewayError) return { best: divided, other: plain };
  const margin = objective === 'time' ? CLEARLY_SECONDS : 0;
  const isCheaper = CLEARLY * leading(divided.cost, objective) + margin < leading(plain.cost, objective);
  return isCheaper ? { best: divided, other: plain } : { best: plain, other: divided };
}

function required(plan: Made | CausewayError): Made {
  if (plan instanceof CausewayError) throw plan;
  return plan;
}

/** The plan that divides the aggregate and the one that does not, of which one was taken. */
function rejectedPlan(other: Made | CausewayError, best: Made, objective: Objective): Rejected {
  if (other instanceof CausewayError) return { name: 'aggregate after the join', reason: messageOf(other) };
  const name = isDivided(other, best) ? 'partial aggregate below the join' : 'aggregate after the join';
  return { name, cost: other.cost, reason: comparison(other.cost, best.cost, objective) };
}

/** Dividing an aggregate makes two of it. */
const isDivided = (a: Made, b: Made): boolean => aggregatesOf(a) > aggregatesOf(b);

const aggregatesOf = ({ plan }: Made): number => [...nodesOf(plan)].filter(({ kind }) => kind === 'aggregate').length;

/**
 * Judges every exchange of a plan by the policies, from the plan as it would run.
 * @throws CausewayError CW001 naming what would leave
 */
export function assertLawfulExchanges(physical: PhysicalPlan, policies: PolicyBook): void {
  if (policies.empty) return;
  const byName = new Map(physical.fragments.map((fragment) => [exchangeName(fragment.id), fragment.plan]));
  const resolve = (leaf: RelationalNode) => (leaf.kind === 'memory-table' ? byName.get(leaf.name) : undefined);
  /** Keys that were reduced by others' keys tell of those as well. */
  const assertMaySee = (site: Site, exchanges: readonly Exchange[]): void => {
    for (const exchange of exchanges) {
      const source = physical.fragments.find(({ id }) => id === exchange.from);
      if (source === undefined) continue;
      const key = exchange.kind === 'keys' ? source.plan.columns[exchange.fromColumn] : undefined;
      assertLawful(key === undefined ? source.plan : onlyColumn(source.plan, key), site, policies, resolve);
      assertMaySee(
        site,
        source.inputs.filter(({ kind }) => kind === 'keys'),
      );
    }
  };
  for (const { inputs, plan, site } of physical.fragments) {
    if (site === MEDIATOR) continue;
    assertLawful(plan, MEDIATOR, policies, resolve);
    assertMaySee(site, inputs);
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

/** Whether two plans ask the same sites for the same, and move the same rows and keys. */
export const sameRequests = (a: PhysicalPlan, b: PhysicalPlan): boolean => requests(a) === requests(b);

const requests = (plan: PhysicalPlan): string =>
  JSON.stringify(
    plan.fragments.map(({ site, request, inputs }) => [site, request, inputs]),
    (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
  );

function comparison(other: Cost, chosen: Cost, objective: Objective): string {
  const part = objective === 'time' ? 'seconds' : objective === 'egress' ? 'bytes' : 'money';
  const factor = other[part] / Math.max(chosen[part], Number.MIN_VALUE);
  const word = { time: 'time', egress: 'bytes', money: 'price' }[objective];
  const times = factor >= 100 ? '> 100' : factor.toFixed(1);
  // The search sees more than the sum of the estimates: a silo keeps what it can run unless the mediator is clearly better.
  if (factor < 0.95 && chosen[part] > 0) return REASONS.silosKeepWhatTheyCan(times, word);
  if (compareCosts(other, chosen, objective) <= 0 || factor < 1.05) return REASONS.alike(times, word);
  return REASONS.dearer(times, word);
}

/** Why a lawful plan was not taken; for an unlawful one the policy's refusal is the reason. */
export const REASONS = {
  silosKeepWhatTheyCan: (times: string, word: string) =>
    `${times} times the ${word}, but silos would not do what they can`,
  alike: (_: string, word: string) => `about the same ${word}`,
  dearer: (times: string, word: string) => `${times} times the ${word}`,
} as const;

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
