/** May a silo run a node, or an expression, and is its answer PostgreSQL's answer? Read from the connector's capabilities. */
import {
  type Capabilities,
  callSupport,
  castSupport,
  type Operation,
  type Support,
  supportOf,
} from '../../connectors/capabilities.ts';
import type { Lack } from '../../connectors/dialect.ts';
import type { AggregateCall, Expression, SortKey, Subquery, WindowCall } from '../../src/plan/expressions.ts';
import type { Join, Limit, RelationalNode, SetOperation } from '../../src/plan/nodes.ts';
import { conjuncts, nodesOf, outerColumns, partsOf } from '../../src/plan/traverse.ts';
import type { SqlType, TypeKind } from '../../src/plan/types.ts';

const RANK: Readonly<Record<Support, number>> = { none: 0, superset: 1, exact: 2 };

const weakest = (supports: Iterable<Support>): Support => {
  let least: Support = 'exact';
  for (const support of supports) if (RANK[support] < RANK[least]) least = support;
  return least;
};

/**
 * The support of an expression: the weakest of its parts. A `superset` inside anything but a conjunction is `none`:
 * under NOT it would lose rows. Subqueries are judged by where their plans run, not here.
 */
export function expressionSupport(expression: Expression, capabilities: Capabilities): Support {
  const parts = partsOf(expression).map((part) => expressionSupport(part, capabilities));
  const below = weakest(parts);
  switch (expression.kind) {
    case 'column':
    case 'parameter':
      return 'exact';
    case 'literal':
      return typeSupport(expression.type, capabilities);
    case 'cast':
      if (!holds(expression.type, capabilities)) return 'none';
      if (widens(expression.operand.type, expression.type)) return strict(below);
      return weakest([
        strict(below),
        castSupport(capabilities.functions, expression.operand.type.kind, expression.type.kind),
      ]);
    case 'case':
      return strict(below);
    case 'subquery':
      if (capabilities.dialect?.lacks?.includes('correlated-subqueries') && outerColumns(expression.plan).size > 0)
        return 'none';
      return weakest([strict(below), operation('subquery', capabilities), comparisonSupport(expression, capabilities)]);
    case 'call': {
      const own = callSupport(capabilities, expression);
      return expression.name === 'and' || expression.name === 'or'
        ? weakest([own, below])
        : weakest([own, strict(below)]);
    }
  }
}

/** What an IN, ANY or ALL asks of the silo beside the subquery itself. */
function comparisonSupport(subquery: Subquery, capabilities: Capabilities): Support {
  const { form, operator = '=', operands, type } = subquery;
  if (form === 'array') return typeSupport(type, capabilities);
  const quantified = form === 'any' || form === 'all';
  if (quantified && capabilities.dialect?.lacks?.includes('quantified-subqueries')) return 'none';
  return strict(weakest(operands.map((each) => supportOf(capabilities.functions, operator, each.type.kind))));
}

const strict = (support: Support): Support => (support === 'exact' ? 'exact' : 'none');

const WIDER: Readonly<Partial<Record<TypeKind, readonly TypeKind[]>>> = {
  smallint: ['integer', 'bigint', 'numeric', 'double'],
  integer: ['bigint', 'numeric', 'double'],
  bigint: ['numeric'],
  real: ['double'],
  varchar: ['text'],
  date: ['timestamp'],
  unknown: ['text', 'varchar'],
};

/** Casts that keep every value as it is mean the same everywhere. */
const widens = (from: SqlType, to: SqlType): boolean =>
  (WIDER[from.kind]?.includes(to.kind) ?? false) ||
  (from.kind === to.kind && (to.kind === 'varchar' ? to.length === undefined : to.kind === 'text'));

const holds = (type: SqlType, { types }: Capabilities): boolean => type.kind === 'unknown' || types.includes(type.kind);

const typeSupport = (type: SqlType, capabilities: Capabilities): Support =>
  holds(type, capabilities) ? 'exact' : 'none';

const operation = (name: Operation, { operations }: Capabilities): Support => operations[name] ?? 'none';

/** Rows are told apart by `=`, put in order by `<`: both must mean what PostgreSQL means. */
const comparable = (expressions: readonly Expression[], capabilities: Capabilities): boolean =>
  expressions.every(({ type }) => supportOf(capabilities.functions, '=', type.kind) === 'exact');

const sortable = (keys: readonly SortKey[], capabilities: Capabilities): boolean =>
  keys.every(({ expression }) => supportOf(capabilities.functions, '<', expression.type.kind) === 'exact');

const exact = (expressions: readonly Expression[], capabilities: Capabilities): boolean =>
  expressions.every((expression) => expressionSupport(expression, capabilities) === 'exact');

const references = (node: RelationalNode): readonly Expression[] =>
  node.columns.map(({ id, type }) => ({ kind: 'column', id, type }));

/** True when the silo, already running the node's inputs, may run the node as well, with PostgreSQL's answer. */
export function runsExactly(node: RelationalNode, capabilities: Capabilities): boolean {
  const can = (name: Operation): boolean => operation(name, capabilities) === 'exact';
  const lacks = capabilities.dialect?.lacks ?? [];
  switch (node.kind) {
    case 'scan':
    case 'native-query':
    case 'cte-reference':
      return true;
    case 'with':
      return !lacks.includes('nested-with') || [...nodesOf(node)].filter(({ kind }) => kind === 'with').length === 1;
    case 'filter':
      return can('filter') && exact([node.predicate], capabilities);
    case 'project':
      return can('project') && exact(node.expressions, capabilities);
    case 'join':
      return can('join') && joins(node, capabilities) && exact(node.on === undefined ? [] : [node.on], capabilities);
    case 'aggregate':
      return (
        can('aggregate') &&
        !(node.groupingSets !== undefined && lacks.includes('grouping-sets')) &&
        exact(node.groups, capabilities) &&
        comparable(node.groups, capabilities) &&
        node.aggregates.every((call) => aggregates(call, capabilities))
      );
    case 'window':
      return (
        can('window') &&
        node.calls.every(
          (call) =>
            !(lacks.includes('special-frames') && isSpecial(call)) &&
            aggregates({ ...call, distinct: false }, capabilities) &&
            exact(call.partitionBy, capabilities) &&
            comparable(call.partitionBy, capabilities),
        )
      );
    case 'sort':
      return (
        can('sort') &&
        exact(
          node.keys.map((key) => key.expression),
          capabilities,
        ) &&
        sortable(node.keys, capabilities)
      );
    case 'limit':
      return can('limit') && node.withTies !== true && limits(node, lacks);
    case 'distinct':
      if (node.on !== undefined && lacks.includes('distinct-on')) return false;
      return (
        can('distinct') && exact(node.on ?? [], capabilities) && comparable(node.on ?? references(node), capabilities)
      );
    case 'set-operation':
      return can('set-operation') && setOperations(node, capabilities);
    case 'values':
      return can('values') && exact(node.rows.flat(), capabilities);
    case 'table-function':
      return (
        supportOf(capabilities.functions, node.name, node.args[0]?.type.kind) === 'exact' &&
        exact(node.args, capabilities)
      );
    case 'mediator-query':
    case 'memory-table':
      return false;
  }
}

const isSpecial = ({ frame }: WindowCall): boolean =>
  frame !== undefined && (frame.unit !== 'rows' || frame.exclude !== undefined);

function joins(join: Join, capabilities: Capabilities): boolean {
  const lacks = capabilities.dialect?.lacks ?? [];
  if (join.type === 'full' && lacks.includes('full-join')) return false;
  if (join.lateral === true && lacks.includes('lateral')) return false;
  const correlated = join.type === 'semi' || join.type === 'anti';
  const free = join.type === 'inner' || join.type === 'cross' || (correlated && join.on === undefined);
  if (!free && lacks.includes('unequal-joins') && !hasEquality(join)) return false;
  return !correlated || operation('subquery', capabilities) === 'exact';
}

/** One of the conditions makes a column of the left side equal to one of the right. */
function hasEquality({ left, right, on }: Join): boolean {
  const sideOf = (expression: Expression): RelationalNode | undefined =>
    [left, right].find(({ columns }) => expression.kind === 'column' && columns.some(({ id }) => id === expression.id));
  return conjuncts(on).some((part) => {
    if (part.kind !== 'call' || part.name !== '=' || part.args.some(({ type }) => type.kind === 'double')) return false;
    const sides = part.args.map(sideOf);
    return sides.includes(left) && sides.includes(right);
  });
}

const limits = ({ count, offset }: Limit, lacks: readonly Lack[]): boolean =>
  !lacks.includes('computed-limits') ||
  [count, offset].every((bound) => bound === undefined || bound.kind === 'literal');

function aggregates(call: AggregateCall, capabilities: Capabilities): boolean {
  if (call.filter !== undefined && capabilities.dialect?.lacks?.includes('filter-clause')) return false;
  return (
    supportOf(capabilities.aggregates, call.name, call.args[0]?.type.kind) === 'exact' &&
    exact([...call.args, ...(call.filter === undefined ? [] : [call.filter])], capabilities) &&
    exact(
      call.orderBy.map((key) => key.expression),
      capabilities,
    ) &&
    sortable(call.orderBy, capabilities) &&
    (!call.distinct || comparable(call.args, capabilities))
  );
}

function setOperations(operation: SetOperation, capabilities: Capabilities): boolean {
  const { operator, all } = operation;
  if (all && operator !== 'union' && capabilities.dialect?.lacks?.includes(`${operator}-all`)) return false;
  return (all && operator === 'union') || comparable(references(operation), capabilities);
}
