/**
 * A partial aggregate below a join (Yan and Larson, VLDB 1995): the relations that all arguments come from are grouped in their own
 * silo by what the rest of the statement reads of them, and what travels is groups instead of rows. Each group meets the same
 * partners as its rows would have, so sums of sums, sums of counts, and extremes of extremes are what they were.
 */
import type { AggregateCall, Column, ColumnId, Expression } from '../../src/plan/expressions.ts';
import { type Aggregate, node, type RelationalNode } from '../../src/plan/nodes.ts';
import { columnsOf, hasSubquery, inputsOf, nodesOf, substitute, withInputs } from '../../src/plan/traverse.ts';
import { MEDIATOR, type Site } from '../physical.ts';
import { freshIds } from '../rules/fresh-ids.ts';
import { aggregatePartially, finished, isDivisible, mergeOf, partialsOf } from '../rules/partial-aggregation.ts';
import { isStable } from '../rules/properties.ts';
import { pruneColumns } from '../rules/prune-columns.ts';
import { pushIntoUnions } from '../rules/push-into-unions.ts';
import { referenceTo } from '../rules/union-branches.ts';
import { type Island, type IslandCondition, islandFrom, islandOf, type JoinTree, joined } from './island.ts';
import { members, type RelationSet, single, sizeOf } from './sets.ts';

/** More aggregates than this are not tried: each one is a plan of its own. */
const MOST = 4;

/**
 * The plan with one of its aggregates divided, in each of the ways there are.
 * @param siteOf the silo that could run a plan, or the mediator
 * @param worth whether a partial aggregate is worth a plan
 */
export function* eagerAggregations(
  plan: RelationalNode,
  siteOf: (plan: RelationalNode) => Site,
  worth: (partial: Aggregate) => boolean,
): Generator<RelationalNode> {
  const nextId = freshIds(plan);
  let found = 0;
  for (const each of nodesOf(plan)) {
    if (each.kind !== 'aggregate') continue;
    for (const { partial, whole } of ways(each, siteOf, nextId)) {
      if (!worth(partial)) continue;
      yield pruneColumns(aggregatePartially(pushIntoUnions(replaced(plan, each, whole))));
      if (++found === MOST) return;
    }
  }
}

/** Aggregates inside expressions' subqueries stay as they are. */
function replaced(plan: RelationalNode, old: RelationalNode, by: RelationalNode): RelationalNode {
  if (plan === old) return by;
  return withInputs(
    plan,
    inputsOf(plan).map((each) => replaced(each, old, by)),
  );
}

interface Divided {
  readonly partial: Aggregate;
  /** What stands for the aggregate that was divided. */
  readonly whole: RelationalNode;
}

/** Groups and calls in terms of the columns of a region of inner joins. */
interface Grouping {
  readonly island: Island;
  readonly groups: readonly Expression[];
  readonly calls: readonly AggregateCall[];
}

function* ways(
  aggregate: Aggregate,
  siteOf: (plan: RelationalNode) => Site,
  nextId: () => ColumnId,
): Generator<Divided> {
  const grouping = groupingOf(aggregate);
  if (grouping === undefined) return;
  const { island, calls } = grouping;
  const homes = island.relations.map(siteOf);
  if (new Set(homes).size < 2 && homes[0] !== MEDIATOR) return;
  const wanted = calls.flatMap(({ args, filter }) => [...args, ...(filter === undefined ? [] : [filter])]);
  const read = relationsOf(wanted, island);
  const tried = new Set<RelationSet>([2 ** island.relations.length - 1]);
  for (const [i] of island.relations.entries()) {
    for (const set of [single(i), neighbours(i, island, homes)]) {
      // All arguments come from the set; a count of rows has none and comes from anywhere.
      if (tried.has(set) || (read & ~set) !== 0) continue;
      tried.add(set);
      yield divided(aggregate, grouping, set, nextId);
    }
  }
}

function groupingOf(aggregate: Aggregate): Grouping | undefined {
  if (aggregate.groupingSets !== undefined || aggregate.aggregates.length === 0) return undefined;
  if (!aggregate.groups.every(isStable) || !aggregate.aggregates.every(isDivisible)) return undefined;
  let { input } = aggregate;
  let groups = aggregate.groups;
  let calls = aggregate.aggregates;
  while (input.kind === 'project' && input.expressions.every(isStable)) {
    const { columns, expressions } = input;
    const computed = new Map(columns.map(({ id }, i) => [id, expressions[i]!]));
    const through = (each: Expression): Expression => substitute(each, (id) => computed.get(id));
    groups = groups.map(through);
    calls = calls.map((call) => mapCall(call, through));
    input = input.input;
  }
  if (calls.some(({ args, filter }) => [...args, ...(filter === undefined ? [] : [filter])].some(hasSubquery)))
    return undefined;
  const island = islandOf(input, () => false);
  // An aggregate that is divided already is not divided again.
  const fresh = island?.relations.every(({ kind }) => kind !== 'aggregate') === true;
  return island === undefined || island.above.length > 0 || !fresh ? undefined : { island, groups, calls };
}

const mapCall = (call: AggregateCall, f: (each: Expression) => Expression): AggregateCall => ({
  ...call,
  args: call.args.map(f),
  ...(call.filter === undefined ? {} : { filter: f(call.filter) }),
});

function relationsOf(expressions: readonly Expression[], island: Island): RelationSet {
  const ids = new Set(expressions.flatMap((each) => [...columnsOf(each)]));
  return island.relations.reduce(
    (set, { columns }, i) => (columns.some(({ id }) => ids.has(id)) ? set | single(i) : set),
    0,
  );
}

/** The relations of one silo that hang together, from one of them on. */
function neighbours(from: number, { relations, conditions }: Island, homes: readonly Site[]): RelationSet {
  let set = single(from);
  if (homes[from] === MEDIATOR) return set;
  for (let grown = true; grown; ) {
    grown = false;
    for (const [i] of relations.entries()) {
      if (homes[i] !== homes[from] || (set & single(i)) !== 0) continue;
      if (!conditions.some((each) => (each.relations & set) !== 0 && (each.relations & single(i)) !== 0)) continue;
      set |= single(i);
      grown = true;
    }
  }
  return set;
}

function divided(
  aggregate: Aggregate,
  { island, groups, calls }: Grouping,
  set: RelationSet,
  nextId: () => ColumnId,
): Divided {
  const inside = new Map<ColumnId, Column>();
  for (const i of members(set)) for (const column of island.relations[i]!.columns) inside.set(column.id, column);
  const crossing = island.conditions.filter(({ relations }) => (relations & set) !== 0 && (relations & ~set) !== 0);

  // What the rest of the statement reads: a group's expression as a whole where its columns all lie inside, else the columns.
  const keys: { readonly expression: Expression; readonly column: Column }[] = [];
  const keyOf = new Map<ColumnId, Column>();
  const key = (expression: Expression, name: string): Column => {
    const known = expression.kind === 'column' ? keyOf.get(expression.id) : undefined;
    if (known !== undefined) return known;
    const column = { id: nextId(), name, type: expression.type };
    keys.push({ expression, column });
    if (expression.kind === 'column') keyOf.set(expression.id, column);
    return column;
  };
  const outside = (each: Expression): Expression => {
    for (const id of columnsOf(each)) {
      const column = inside.get(id);
      if (column !== undefined) key({ kind: 'column', id, type: column.type }, column.name);
    }
    return substitute(each, (id) => (keyOf.has(id) ? referenceTo(keyOf.get(id)!) : undefined));
  };
  const conditions = crossing.map(({ expression }) => outside(expression));
  const finalGroups = groups.map((each, i) => {
    const columns = [...columnsOf(each)];
    const within = columns.length > 0 && columns.every((id) => inside.has(id));
    return within ? referenceTo(key(each, aggregate.columns[i]!.name)) : outside(each);
  });

  const parts = calls.map(partialsOf);
  const partialCalls = parts.flat();
  const partialColumns = partialCalls.map(({ name, type }): Column => ({ id: nextId(), name, type }));
  const ownConditions = island.conditions.filter(({ relations }) => (relations & ~set) === 0);
  const read = new Set(
    [...keys.map(({ expression }) => expression), ...partialCalls.flatMap(allOf)].flatMap((each) => [
      ...columnsOf(each),
    ]),
  );
  const partial = node({
    kind: 'aggregate',
    input: joinedWell(
      [...members(set)].map((i) => island.relations[i]!),
      ownConditions.map(({ expression }) => expression),
      [...inside.values()].filter(({ id }) => read.has(id)),
    ),
    groups: keys.map(({ expression }) => expression),
    aggregates: partialCalls,
    columns: [...keys.map(({ column }) => column), ...partialColumns],
  });

  const others = island.relations.filter((_, i) => (set & single(i)) === 0);
  const rest = island.conditions.filter(({ relations }) => (relations & set) === 0);
  const finalRead = new Set([
    ...finalGroups.flatMap((each) => [...columnsOf(each)]),
    ...partialColumns.map(({ id }) => id),
  ]);
  const all = [partial, ...others];
  const input = joinedWell(
    all,
    [...conditions, ...rest.map(({ expression }) => expression)],
    all.flatMap(({ columns }) => columns.filter(({ id }) => finalRead.has(id))),
  );
  const merges = partialCalls.map((call, i) => mergeOf(call, partialColumns[i]!));
  const merged: readonly Column[] = [
    ...finalGroups.map(({ type }, i) => ({ id: nextId(), name: aggregate.columns[i]!.name, type })),
    ...merges.map(({ type }, i) => ({ id: nextId(), name: partialColumns[i]!.name, type })),
  ];
  const final = node({ kind: 'aggregate', input, groups: finalGroups, aggregates: merges, columns: merged });
  let next = groups.length;
  const values = calls.map((call, i) =>
    finished(
      call,
      parts[i]!.map(() => referenceTo(merged[next++]!)),
      groups.length === 0,
    ),
  );
  const expressions = [...merged.slice(0, groups.length).map(referenceTo), ...values];
  return { partial, whole: node({ kind: 'project', input: final, expressions, columns: aggregate.columns }) };
}

const allOf = ({ args, filter }: AggregateCall): readonly Expression[] =>
  filter === undefined ? args : [...args, filter];

/** A join of all relations in which each one is linked to those before it, where it can be; the search orders them anew. */
function joinedWell(
  relations: readonly RelationalNode[],
  conditions: readonly Expression[],
  output: readonly Column[],
): RelationalNode {
  const island = islandFrom(relations, conditions, output);
  let tree: JoinTree = 0;
  let set = single(0);
  while (sizeOf(set) < relations.length) {
    const open = relations.map((_, i) => i).filter((i) => (set & single(i)) === 0);
    const next = open.find((i) => island.conditions.some(links(set, i))) ?? open[0]!;
    tree = { left: tree, right: next };
    set |= single(next);
  }
  return joined(island, tree);
}

const links =
  (set: RelationSet, relation: number) =>
  ({ relations }: IslandCondition): boolean =>
    (relations & set) !== 0 && (relations & single(relation)) !== 0;
