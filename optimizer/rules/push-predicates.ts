/**
 * Predicate pushdown: every conjunct as near to the tables as its columns allow, and, through equalities of join
 * conditions, copies of it on the other side as well.
 */
import type { ColumnId, Expression } from '../../src/plan/expressions.ts';
import {
  type Aggregate,
  type Join,
  type JoinType,
  node,
  type RelationalNode,
  type Window,
} from '../../src/plan/nodes.ts';
import {
  columnsOf,
  conjunction,
  conjuncts,
  expressionsOf,
  hasSubquery,
  inputsOf,
  mapExpression,
  mapExpressions,
  substitute,
  withInputs,
} from '../../src/plan/traverse.ts';
import { inferred } from './equalities.ts';
import { isNullRejecting, isStable } from './properties.ts';

export const pushPredicates = (plan: RelationalNode): RelationalNode => push(plan, []);

/** The plan with the predicates applied as deep in it as possible. */
function push(plan: RelationalNode, predicates: readonly Expression[]): RelationalNode {
  switch (plan.kind) {
    case 'filter': {
      const own = conjuncts(plan.predicate).map(inSubqueries);
      return narrowed(push(plan.input, [...predicates, ...own]), plan);
    }
    case 'project': {
      const values = new Map(plan.columns.map((column, i) => [column.id, plan.expressions[i]!]));
      const movable = (part: Expression): boolean =>
        isStable(part) && [...columnsOf(part)].every((id) => !values.has(id) || isStable(values.get(id)!));
      const [down, here] = split(predicates, movable);
      const input = push(
        plan.input,
        down.map((part) => substitute(part, (id) => values.get(id))),
      );
      return filtered(rebuilt(plan, [input]), here);
    }
    case 'join':
      return pushIntoJoin(plan, predicates);
    case 'aggregate':
      return pushIntoAggregate(plan, predicates);
    case 'window': {
      const keys = partitionColumns(plan);
      const [down, here] = split(predicates, (part) => isStable(part) && within(part, keys));
      return filtered(rebuilt(plan, [push(plan.input, down)]), here);
    }
    case 'sort':
      return rebuilt(plan, [push(plan.input, predicates)]);
    case 'distinct': {
      const [down, here] = plan.on === undefined ? split(predicates, isStable) : [[], predicates];
      return filtered(rebuilt(plan, [push(plan.input, down)]), here);
    }
    case 'set-operation': {
      const [down, here] = split(predicates, isStable);
      const inputs = plan.inputs.map((input) => {
        const columns = new Map(plan.columns.map(({ id }, i) => [id, input.columns[i]!]));
        const own = (id: ColumnId): Expression | undefined => {
          const column = columns.get(id);
          return column === undefined ? undefined : { kind: 'column', id: column.id, type: column.type };
        };
        return push(
          input,
          down.map((part) => substitute(part, own)),
        );
      });
      return filtered(withInputs(plan, inputs), here);
    }
    case 'with':
      return withInputs(plan, [push(plan.definition, []), push(plan.body, predicates)]);
    default: {
      const inputs = inputsOf(plan).map((input) => push(input, []));
      return filtered(rebuilt(plan, inputs), predicates);
    }
  }
}

/** The node over its new inputs, with predicates pushed down inside the plans of its own subqueries. */
function rebuilt(plan: RelationalNode, inputs: readonly RelationalNode[]): RelationalNode {
  const over = withInputs(plan, inputs);
  return expressionsOf(over).some(hasSubquery) ? mapExpressions(over, inSubqueries) : over;
}

const inSubqueries = (expression: Expression): Expression =>
  hasSubquery(expression)
    ? mapExpression(expression, (part) => (part.kind === 'subquery' ? { ...part, plan: push(part.plan, []) } : part))
    : expression;

function filtered(input: RelationalNode, predicates: readonly Expression[]): RelationalNode {
  const predicate = conjunction(predicates);
  return predicate === undefined ? input : node({ kind: 'filter', input, predicate, columns: input.columns });
}

/** A node's column list may be shorter than its input's; it is kept when the node itself goes away. */
function narrowed(input: RelationalNode, plan: RelationalNode): RelationalNode {
  const ids = input.columns.map(({ id }) => id);
  if (ids.length === plan.columns.length && plan.columns.every(({ id }, i) => id === ids[i])) return input;
  const expressions = plan.columns.map(({ id, type }): Expression => ({ kind: 'column', id, type }));
  return node({ kind: 'project', input, expressions, columns: plan.columns });
}

function split<T>(all: readonly T[], test: (each: T) => boolean): [T[], T[]] {
  const [yes, no]: [T[], T[]] = [[], []];
  for (const each of all) (test(each) ? yes : no).push(each);
  return [yes, no];
}

const within = (expression: Expression, columns: ReadonlySet<ColumnId>): boolean =>
  [...columnsOf(expression)].every((id) => columns.has(id));

const idsOf = (plan: RelationalNode): ReadonlySet<ColumnId> => new Set(plan.columns.map(({ id }) => id));

/** Columns that every window call partitions by: a predicate on them keeps or drops whole partitions. */
function partitionColumns({ calls }: Window): ReadonlySet<ColumnId> {
  const [first, ...rest] = calls.map(
    ({ partitionBy }) => new Set(partitionBy.flatMap((part) => (part.kind === 'column' ? [part.id] : []))),
  );
  return new Set([...(first ?? [])].filter((id) => rest.every((keys) => keys.has(id))));
}

function pushIntoAggregate(plan: Aggregate, predicates: readonly Expression[]): RelationalNode {
  const groups = new Map(plan.groups.map((group, i) => [plan.columns[i]!.id, group]));
  const movable = (part: Expression): boolean => {
    const columns = [...columnsOf(part)];
    return isStable(part) && columns.length > 0 && columns.every((id) => groups.has(id) && isStable(groups.get(id)!));
  };
  const [down, here] = plan.groupingSets === undefined ? split(predicates, movable) : [[], predicates];
  const input = push(
    plan.input,
    down.map((part) => substitute(part, (id) => groups.get(id))),
  );
  return filtered(rebuilt(plan, [input]), here);
}

/** Which side keeps its rows when they find no partner. */
const KEEPS: Readonly<Record<JoinType, { readonly left: boolean; readonly right: boolean }>> = {
  inner: { left: false, right: false },
  cross: { left: false, right: false },
  left: { left: true, right: false },
  right: { left: false, right: true },
  full: { left: true, right: true },
  semi: { left: false, right: false },
  anti: { left: true, right: false },
};

function pushIntoJoin(join: Join, predicates: readonly Expression[]): RelationalNode {
  const type = strengthened(join, predicates);
  const [left, right] = [idsOf(join.left), idsOf(join.right)];
  const onlyLeft = (part: Expression): boolean => isStable(part) && [...columnsOf(part)].every((id) => !right.has(id));
  const onlyRight = (part: Expression): boolean =>
    isStable(part) && join.lateral !== true && [...columnsOf(part)].every((id) => !left.has(id));
  const inner = type === 'inner' || type === 'cross';
  const keeps = KEEPS[type];
  const own = conjuncts(join.on).map(inSubqueries);

  // What is asked of the result may be asked of a side to whose rows no NULLs are added.
  const [aboveLeft, rest] = split(predicates, (part) => onlyLeft(part) && !keeps.right);
  const [aboveRight, above] = split(rest, (part) => onlyRight(part) && !keeps.left);
  const condition = inner ? [...own, ...above.filter(isStable)] : own;
  const here = inner ? above.filter((part) => !isStable(part)) : above;
  // The join condition filters a side whose unmatched rows are dropped.
  const [onLeft, others] = split(condition, (part) => onlyLeft(part) && !keeps.left && columnsOf(part).size > 0);
  const [onRight, on] = split(others, (part) => onlyRight(part) && !keeps.right && columnsOf(part).size > 0);
  const toLeft = [...aboveLeft, ...onLeft];
  const toRight = [...aboveRight, ...onRight];
  const copies = inferred(on, toLeft, toRight);

  const predicate = conjunction(on);
  const { on: _, ...bare } = join;
  const joined = node({
    ...bare,
    type: inner ? (predicate === undefined ? 'cross' : 'inner') : type,
    left: push(join.left, [...toLeft, ...(keeps.left ? [] : copies.left)]),
    right: push(join.right, [...toRight, ...(keeps.right || join.lateral === true ? [] : copies.right)]),
    ...(predicate === undefined ? {} : { on: predicate }),
  });
  return filtered(joined, here);
}

/** An outer join whose NULL-extended rows no predicate lets pass is an inner one (or a one-sided one). */
function strengthened({ type, left, right }: Join, predicates: readonly Expression[]): JoinType {
  if (type !== 'left' && type !== 'right' && type !== 'full') return type;
  const rejects = (side: RelationalNode): boolean => predicates.some((part) => isNullRejecting(part, idsOf(side)));
  // Rows whose left columns are all NULL come from a right or full join, and the other way round.
  const dropsRight = type !== 'left' && rejects(left);
  const dropsLeft = type !== 'right' && rejects(right);
  if (type !== 'full') return dropsLeft || dropsRight ? 'inner' : type;
  if (dropsLeft && dropsRight) return 'inner';
  return dropsRight ? 'left' : dropsLeft ? 'right' : 'full';
}
