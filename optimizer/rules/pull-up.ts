/** Takes the correlated predicates of a subquery out of it, so that what is left can be run on its own. */
import type { ColumnId, Expression } from '../../src/plan/expressions.ts';
import { type Join, node, type RelationalNode } from '../../src/plan/nodes.ts';
import { columnsOf, conjunction, conjuncts, outerColumns } from '../../src/plan/traverse.ts';
import { isStable } from './properties.ts';

export interface Pulled {
  /** Uncorrelated; its columns are the subquery's own, then what `on` reads beside them. */
  readonly plan: RelationalNode;
  /** Predicates over the plan's columns and those of the surroundings. */
  readonly on: readonly Expression[];
}

/** Undefined when something else than filters of inner joins is correlated. */
export function pullUp(plan: RelationalNode): Pulled | undefined {
  const outer = outerColumns(plan);
  if (outer.size === 0) return { plan, on: [] };
  const isCorrelated = (part: Expression): boolean => [...columnsOf(part)].some((id) => outer.has(id));
  switch (plan.kind) {
    case 'filter': {
      const parts = conjuncts(plan.predicate);
      const correlated = parts.filter(isCorrelated);
      const input = correlated.every(isStable) ? pullUp(plan.input) : undefined;
      if (input === undefined) return undefined;
      const predicate = conjunction(parts.filter((part) => !isCorrelated(part)));
      const { columns } = input.plan;
      const rest =
        predicate === undefined ? input.plan : node({ kind: 'filter', input: input.plan, predicate, columns });
      return { plan: rest, on: [...input.on, ...correlated] };
    }
    case 'project': {
      const input = plan.expressions.some(isCorrelated) ? undefined : pullUp(plan.input);
      if (input === undefined) return undefined;
      // The predicates that were taken out still read columns which the select list does not have.
      const listed = new Set(plan.columns.map(({ id }) => id));
      const read = readBy(input.on);
      const more = input.plan.columns.filter(({ id }) => read.has(id) && !listed.has(id));
      const passed = more.map(({ id, type }): Expression => ({ kind: 'column', id, type }));
      return {
        plan: node({
          ...plan,
          input: input.plan,
          expressions: [...plan.expressions, ...passed],
          columns: [...plan.columns, ...more],
        }),
        on: input.on,
      };
    }
    case 'join':
      return pullUpJoin(plan, isCorrelated);
    default:
      return undefined;
  }
}

function readBy(on: readonly Expression[]): ReadonlySet<ColumnId> {
  const read = new Set<ColumnId>();
  for (const part of on) columnsOf(part, read);
  return read;
}

function pullUpJoin(join: Join, isCorrelated: (part: Expression) => boolean): Pulled | undefined {
  const { type } = join;
  const inner = type === 'inner' || type === 'cross';
  const own = conjuncts(join.on);
  if (join.lateral === true || (!inner && own.some(isCorrelated)) || !own.filter(isCorrelated).every(isStable))
    return undefined;
  if (!inner && type !== 'left' && type !== 'semi' && type !== 'anti') return undefined;
  const left = pullUp(join.left);
  const right = inner || outerColumns(join.right).size === 0 ? pullUp(join.right) : undefined;
  if (left === undefined || right === undefined) return undefined;
  const predicate = conjunction(own.filter((part) => !isCorrelated(part)));
  const { on: _, ...bare } = join;
  const columns =
    type === 'semi' || type === 'anti' ? left.plan.columns : [...left.plan.columns, ...right.plan.columns];
  return {
    plan: node({
      ...bare,
      type: inner ? (predicate === undefined ? 'cross' : 'inner') : type,
      left: left.plan,
      right: right.plan,
      columns,
      ...(predicate === undefined ? {} : { on: predicate }),
    }),
    on: [...left.on, ...right.on, ...own.filter(isCorrelated)],
  };
}
