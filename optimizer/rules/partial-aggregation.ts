/**
 * An aggregate over a UNION ALL of several silos is computed in each branch first, so that groups travel and not rows:
 * counts and sums are summed, minima and maxima compared, an average is the sum of sums over the sum of counts.
 */
import type { AggregateCall, Column, ColumnId, Expression } from '../../src/plan/expressions.ts';
import { type Aggregate, node, type RelationalNode } from '../../src/plan/nodes.ts';
import { transformPlan } from '../../src/plan/traverse.ts';
import { type SqlType, scalar } from '../../src/plan/types.ts';
import { castTo, isAverage, quotient, sumAndCount, sumType } from './averages.ts';
import { freshIds } from './fresh-ids.ts';
import { isStable } from './properties.ts';
import { intoBranch, isUnionAll, referenceTo, silosOf, type UnionAll, unionOf } from './union-branches.ts';

const bigint = scalar('bigint');

/** Aggregates that are merged by themselves, or by another one. */
const MERGED_BY: ReadonlyMap<string, string> = new Map([
  ['count', 'sum'],
  ['sum', 'sum'],
  ['min', 'min'],
  ['max', 'max'],
  ['bool_and', 'bool_and'],
  ['bool_or', 'bool_or'],
  ['every', 'bool_and'],
]);

export function aggregatePartially(plan: RelationalNode): RelationalNode {
  const nextId = freshIds(plan);
  return transformPlan(plan, (each) => {
    if (each.kind !== 'aggregate' || !isUnionAll(each.input) || silosOf(each.input).size < 2) return each;
    const divisible =
      each.groupingSets === undefined && each.groups.every(isStable) && each.aggregates.every(isDivisible);
    // An aggregate of partial aggregates is not divided again.
    const fresh = !each.input.inputs.some(({ kind }) => kind === 'aggregate');
    return divisible && fresh ? inTwoSteps(each, each.input, nextId) : each;
  });
}

/** True for a call that can be made of parts. */
export const isDivisible = (call: AggregateCall): boolean =>
  !call.distinct && call.orderBy.length === 0 && (MERGED_BY.has(call.name) || isAverage(call));

/** What is computed of each part for one call. */
export const partialsOf = (call: AggregateCall): readonly AggregateCall[] =>
  isAverage(call) ? sumAndCount(call) : [call];

function inTwoSteps(plan: Aggregate, union: UnionAll, nextId: () => ColumnId): RelationalNode {
  const partials = plan.aggregates.map(partialsOf);
  const calls = partials.flat();
  const column = (name: string, type: SqlType): Column => ({ id: nextId(), name, type });
  const shape = (): Column[] => [
    ...plan.groups.map(({ type }, i) => column(plan.columns[i]!.name, type)),
    ...calls.map(({ name, type }) => column(name, type)),
  ];
  const branches = union.inputs.map((input, branch): RelationalNode => {
    const translate = intoBranch(union, branch);
    const aggregates = calls.map((call) => ({
      ...call,
      args: call.args.map(translate),
      ...(call.filter === undefined ? {} : { filter: translate(call.filter) }),
    }));
    return node({ ...plan, input, groups: plan.groups.map(translate), aggregates, columns: shape() });
  });
  const all = unionOf(union, branches, shape());

  const groups = all.columns.slice(0, plan.groups.length);
  const parts = all.columns.slice(plan.groups.length);
  const merges = calls.map((call, i) => mergeOf(call, parts[i]!));
  const merged = [
    ...groups.map(({ name, type }) => column(name, type)),
    ...merges.map(({ type }, i) => column(parts[i]!.name, type)),
  ];
  const final = node({
    kind: 'aggregate',
    input: all,
    groups: groups.map(referenceTo),
    aggregates: merges,
    columns: merged,
  });

  let next = groups.length;
  const values = plan.aggregates.map((call, i) => {
    const read = partials[i]!.map(() => referenceTo(merged[next++]!));
    return finished(call, read, plan.groups.length === 0);
  });
  const expressions = [...merged.slice(0, groups.length).map(referenceTo), ...values];
  return node({ kind: 'project', input: final, expressions, columns: plan.columns });
}

/** What puts the values of a partial call together, which stand in `part`. */
export function mergeOf(call: AggregateCall, part: Column): AggregateCall {
  const name = MERGED_BY.get(call.name)!;
  const type = name === 'sum' ? sumType(call.type) : call.type;
  return { name, args: [referenceTo(part)], distinct: false, orderBy: [], type };
}

/** The call's value from its merged parts, in the call's own type. `total`: over all rows, of which there may be none. */
export function finished(call: AggregateCall, [first, second]: readonly Expression[], total: boolean): Expression {
  if (second !== undefined) return quotient(first!, second, call.type);
  const value = castTo(first!, call.type);
  if (call.name !== 'count' || !total) return value;
  return { kind: 'call', name: 'coalesce', args: [value, { kind: 'literal', value: 0, type: bigint }], type: bigint };
}
