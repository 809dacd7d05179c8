/** Joins: FROM a JOIN b ON …; semi and anti joins too where the dialect has them, else EXISTS in the WHERE clause. */
import type { ColumnId, Expression } from '../../src/plan/expressions.ts';
import { type Join, node } from '../../src/plan/nodes.ts';
import { columnsOf, conjuncts, hasSubquery, outerColumns } from '../../src/plan/traverse.ts';
import { scalar } from '../../src/plan/types.ts';

import { fromItem, type Select, STAGE, selectText } from './select.ts';
import { conditionTexts, mergeable, type Outer, type Writer } from './writer.ts';

export function joinText(join: Join, outer: Outer, writer: Writer): Select {
  if (join.type === 'semi' || join.type === 'anti') {
    return writer.dialect.semiJoins === true && isUncorrelated(join) && comparesSides(join)
      ? semiJoinItem(join, outer, writer)
      : existsText(join, outer, writer);
  }
  const keepsLeft = join.type !== 'right' && join.type !== 'full';
  const keepsRight = join.type !== 'left' && join.type !== 'full';
  const reads = join.lateral === true ? outerColumns(join.right) : new Set<ColumnId>();
  const left = side(writer.select(join.left, outer), keepsLeft, join.on, writer, reads);
  const { right: source, on: condition } = join.lateral === true ? conditionInside(join) : join;
  const built = writer.select(source, join.lateral === true ? (id) => left.scope.get(id) ?? outer(id) : outer);
  const subselect = join.lateral === true && source.kind !== 'table-function';
  const right = subselect ? writer.wrapped(built, 'LATERAL ') : side(built, keepsRight, join.on, writer);

  const scope = new Map([...left.scope, ...right.scope]);
  const parts = conjuncts(condition);
  const hidden = writer.dialect.hashesComparisons === true && join.type === 'inner' && join.lateral !== true;
  const on = conditionTexts(hidden ? hideComparisons(parts, join) : parts, writer.naming(scope, outer));
  const type = join.type === 'cross' ? 'inner' : join.type;
  const operator = type === 'inner' && on.length === 0 ? 'CROSS JOIN' : `${type.toUpperCase()} JOIN`;
  const joinedOn = operator === 'CROSS JOIN' ? '' : ` ON ${on.join(' AND ') || 'TRUE'}`;
  const where = [...left.where, ...right.where];
  return {
    ...fromItem(
      `${left.from} ${operator} ${right.joined === true ? `(${right.from})` : right.from}${joinedOn}`,
      scope,
      join.columns,
    ),
    joined: true,
    stage: where.length > 0 ? STAGE.where : STAGE.from,
    where,
  };
}

/**
 * A LATERAL subquery may read the left side, so it can check the condition itself: DuckDB joins LATERAL by comparisons
 * only, without subqueries.
 */
function conditionInside({ type, right, on }: Join): Pick<Join, 'right' | 'on'> {
  if (on === undefined || !(type === 'left' || hasSubquery(on))) return on === undefined ? { right } : { right, on };
  return { right: node({ kind: 'filter', input: right, predicate: on, columns: right.columns }) };
}

/**
 * A side as a FROM item. Its WHERE clause and its computed columns may move above the join only where the join keeps
 * the side's rows as they are: on the NULL-extended side `coalesce(x, 1)` would mean another thing.
 * @param reads columns that a LATERAL other side reads
 */
function side(
  select: Select,
  kept: boolean,
  on: Expression | undefined,
  writer: Writer,
  reads: ReadonlySet<ColumnId> = new Set(),
): Select {
  const bare = select.from !== '' && select.ctes.length === 0;
  const free = select.stage === STAGE.from || (kept && select.stage === STAGE.where);
  const plain = select.columns.every((column) => select.scope.get(column.id)?.plain === true);
  const computed = [...reads].some((id) => select.scope.get(id)?.once === true);
  const readable = plain || (kept && !computed && mergeable(select.scope, on === undefined ? [] : [on]));
  return bare && free && readable ? select : writer.wrapped(select);
}

/** Joins of any other kind than inner do not reach into a query around them. */
const isUncorrelated = (join: Join): boolean =>
  join.lateral !== true && !conjuncts(join.on).some(hasSubquery) && outerColumns(join).size === 0;

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>=', 'is_not_distinct_from']);

const EQUALITIES: ReadonlySet<string> = new Set(['=', 'is_not_distinct_from']);

/** Comparisons of both sides beside an equality as calls that the engine does not look into; NULL is as good as false. */
function hideComparisons(parts: readonly Expression[], join: Join): readonly Expression[] {
  const compares = (part: Expression): boolean => !hasSubquery(part) && comparesSides({ left: join.left, on: part });
  const isEquality = (part: Expression): boolean => part.kind === 'call' && EQUALITIES.has(part.name);
  if (!parts.some((part) => isEquality(part) && compares(part))) return parts;
  const otherwise: Expression = { kind: 'literal', value: false, type: scalar('boolean') };
  return parts.map((part) =>
    isEquality(part) || !compares(part)
      ? part
      : { kind: 'call', name: 'coalesce', args: [part, otherwise], type: scalar('boolean') },
  );
}

/** Whether all it asks for are comparisons of the two sides: DuckDB loops over all pairs of rows for anything else. */
function comparesSides({ left, on }: Pick<Join, 'left' | 'on'>): boolean {
  const ids = new Set(left.columns.map(({ id }) => id));
  const sidesOf = (part: Expression) => new Set([...columnsOf(part)].map((id) => ids.has(id)));
  return conjuncts(on).every((part) => {
    if (part.kind !== 'call' || !COMPARISONS.has(part.name)) return false;
    const [a, b] = part.args.map(sidesOf);
    return a!.size === 1 && b!.size === 1 && a!.has(true) !== b!.has(true);
  });
}

/** `a SEMI JOIN b ON …`: an engine that has it need not find it behind an EXISTS. */
function semiJoinItem(join: Join, outer: Outer, writer: Writer): Select {
  const left = side(writer.select(join.left, outer), true, join.on, writer);
  const right = side(writer.select(join.right, outer), false, join.on, writer);
  const naming = writer.naming(new Map([...left.scope, ...right.scope]), outer);
  const on = conditionTexts(conjuncts(join.on), naming).join(' AND ') || 'TRUE';
  const item = right.joined === true ? `(${right.from})` : right.from;
  return {
    ...fromItem(`${left.from} ${join.type.toUpperCase()} JOIN ${item} ON ${on}`, left.scope, join.columns),
    joined: true,
    stage: left.stage,
    where: left.where,
  };
}

function existsText(join: Join, outer: Outer, writer: Writer): Select {
  const on = conjuncts(join.on);
  const left = writer.upTo(writer.select(join.left, outer), STAGE.where, on);
  const right = writer.upTo(writer.select(join.right, outer), STAGE.where, on);
  const naming = writer.naming(new Map([...left.scope, ...right.scope]), outer);
  const where = [...right.where, ...conditionTexts(on, naming)];
  const exists = selectText({ ...right, columns: [], where }, writer.dialect);
  return {
    ...left,
    stage: STAGE.where,
    where: [...left.where, `${join.type === 'anti' ? 'NOT ' : ''}EXISTS (${exists})`],
  };
}
