/** Projection pruning: every node puts out only the columns that something above it reads. */
import type { Column, ColumnId, Expression } from '../../src/plan/expressions.ts';
import { node, type RelationalNode, type SetOperation } from '../../src/plan/nodes.ts';
import {
  columnsOf,
  expressionsOf,
  hasSubquery,
  inputsOf,
  mapExpression,
  mapExpressions,
  outerColumns,
  withInputs,
} from '../../src/plan/traverse.ts';

type Needed = ReadonlySet<ColumnId>;

export const pruneColumns = (plan: RelationalNode): RelationalNode => prune(plan, idsOf(plan.columns));

const idsOf = (columns: readonly Column[]): Needed => new Set(columns.map(({ id }) => id));

/** The columns in `needed`; one of them all when none is, because rows must still be counted. */
function kept(columns: readonly Column[], needed: Needed): readonly Column[] {
  const found = columns.filter(({ id }) => needed.has(id));
  return found.length > 0 ? found : columns.slice(0, 1);
}

/** The same for a node that passes its inputs' columns on, after those were pruned. */
function passedOn(plan: RelationalNode, needed: Needed, inputs: readonly RelationalNode[]): readonly Column[] {
  const available = new Set(inputs.flatMap((input) => input.columns.map(({ id }) => id)));
  return kept(
    plan.columns.filter(({ id }) => available.has(id)),
    needed,
  );
}

const plus = (needed: Needed, expressions: readonly Expression[]): Needed => {
  const all = new Set(needed);
  for (const expression of expressions) columnsOf(expression, all);
  return all;
};

function prune(plan: RelationalNode, needed: Needed): RelationalNode {
  const pruned = pruneNode(plan, needed);
  return expressionsOf(pruned).some(hasSubquery) ? mapExpressions(pruned, inSubqueries) : pruned;
}

const inSubqueries = (expression: Expression): Expression =>
  hasSubquery(expression)
    ? mapExpression(expression, (part) =>
        part.kind === 'subquery' ? { ...part, plan: pruneColumns(part.plan) } : part,
      )
    : expression;

function pruneNode(plan: RelationalNode, needed: Needed): RelationalNode {
  switch (plan.kind) {
    case 'scan': {
      const columns = kept(plan.columns, needed);
      if (columns.length === plan.columns.length) return plan;
      const sources = new Map(plan.columns.map(({ id }, i) => [id, plan.sourceColumns[i]!]));
      return node({ ...plan, columns, sourceColumns: columns.map(({ id }) => sources.get(id)!) });
    }
    case 'values': {
      const columns = kept(plan.columns, needed);
      const places = columns.map((column) => plan.columns.indexOf(column));
      return node({ ...plan, columns, rows: plan.rows.map((row) => places.map((place) => row[place]!)) });
    }
    case 'project': {
      const columns = kept(plan.columns, needed);
      const expressions = columns.map((column) => plan.expressions[plan.columns.indexOf(column)]!);
      return node({ ...plan, columns, expressions, input: prune(plan.input, plus(new Set(), expressions)) });
    }
    case 'filter':
    case 'sort':
    case 'limit': {
      const input = prune(plan.input, plus(needed, expressionsOf(plan)));
      return node({ ...plan, input, columns: passedOn(plan, needed, [input]) });
    }
    case 'join': {
      const read = plus(
        new Set([...needed, ...(plan.lateral === true ? outerColumns(plan.right) : [])]),
        expressionsOf(plan),
      );
      const left = prune(plan.left, read);
      const right = prune(plan.right, read);
      const sides = plan.type === 'semi' || plan.type === 'anti' ? [left] : [left, right];
      return node({ ...plan, left, right, columns: passedOn(plan, needed, sides) });
    }
    case 'aggregate': {
      const { groups } = plan;
      const calls = plan.aggregates.map((call, i) => ({ call, column: plan.columns[groups.length + i]! }));
      const used = calls.filter(({ column }) => needed.has(column.id));
      // A grand total is one row even when nobody reads it.
      const aggregates = used.length === 0 && groups.length === 0 ? calls.slice(0, 1) : used;
      const columns = [...plan.columns.slice(0, groups.length), ...aggregates.map(({ column }) => column)];
      const narrower = node({ ...plan, aggregates: aggregates.map(({ call }) => call), columns });
      return withInputs(narrower, [prune(plan.input, plus(new Set(), expressionsOf(narrower)))]);
    }
    case 'window': {
      const added = plan.columns.slice(plan.columns.length - plan.calls.length);
      const places = added.flatMap(({ id }, i) => (needed.has(id) ? [i] : []));
      if (places.length === 0) return prune(plan.input, needed);
      const calls = places.map((place) => plan.calls[place]!);
      const own = plan.columns.filter(({ id }) => needed.has(id) && !added.some((column) => column.id === id));
      const narrower = node({ ...plan, calls, columns: [...own, ...places.map((place) => added[place]!)] });
      return withInputs(narrower, [prune(plan.input, plus(needed, expressionsOf(narrower)))]);
    }
    case 'set-operation':
      return pruneSetOperation(plan, needed);
    case 'with': {
      // References go by position: the definition keeps what it has.
      const definition = exactly(prune(plan.definition, idsOf(plan.definition.columns)), plan.definition.columns);
      const body = prune(plan.body, needed);
      return node({ ...plan, definition, body, columns: passedOn(plan, needed, [body]) });
    }
    default:
      return withInputs(
        plan,
        inputsOf(plan).map((input) => exactly(prune(input, idsOf(input.columns)), input.columns)),
      );
  }
}

/** Only UNION ALL does not care for columns that nobody reads; the others compare whole rows. */
function pruneSetOperation(plan: SetOperation, needed: Needed): RelationalNode {
  const columns = plan.operator === 'union' && plan.all ? kept(plan.columns, needed) : plan.columns;
  const places = columns.map((column) => plan.columns.indexOf(column));
  const inputs = plan.inputs.map((input) => {
    const own = places.map((place) => input.columns[place]!);
    return exactly(prune(input, idsOf(own)), own);
  });
  return node({ ...plan, inputs, columns });
}

/** The plan with exactly these columns in this order, as readers by position need it. */
function exactly(plan: RelationalNode, columns: readonly Column[]): RelationalNode {
  if (plan.columns.length === columns.length && columns.every(({ id }, i) => id === plan.columns[i]!.id)) return plan;
  const expressions = columns.map(({ id, type }): Expression => ({ kind: 'column', id, type }));
  return node({ kind: 'project', input: plan, expressions, columns });
}
