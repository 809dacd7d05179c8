/**
 * Equalities that follow from others: with `a = b` and `b = c`, `a` and `c` may be joined as well. That lets a silo join two
 * of its tables which the statement links only through a table elsewhere.
 */
import type { ColumnId, ColumnReference } from '../../src/plan/expressions.ts';
import { sameType, scalar } from '../../src/plan/types.ts';
import { equatedColumns } from '../rules/equalities.ts';
import { EXACT_TYPES } from './exact-types.ts';
import type { IslandCondition } from './island.ts';
import { members, type RelationSet, single } from './sets.ts';

/** Columns of different relations, by their relation. */
export type EqualColumns = ReadonlyMap<number, ColumnId>;

/** Of more relations with one key nearly every order would be possible, and the search would take long. */
const MOST_RELATIONS = 4;

/** The column by which a set of relations is joined with others of the same value; undefined when it has none. */
export function representative(equal: EqualColumns, set: RelationSet): ColumnId | undefined {
  for (const relation of members(set)) {
    const column = equal.get(relation);
    if (column !== undefined) return column;
  }
  return undefined;
}

/**
 * The conditions with those that follow from their equalities.
 * @param owner the relation of each column
 */
export function closed(
  conditions: readonly IslandCondition[],
  owner: ReadonlyMap<ColumnId, number>,
): readonly IslandCondition[] {
  const classOf = new Map<ColumnId, Set<ColumnReference>>();
  for (const pair of equatedColumns(conditions.map(({ expression }) => expression))) {
    if (!sameType(pair[0].type, pair[1].type) || !EXACT_TYPES.has(pair[0].type.kind)) continue;
    const [a, b] = pair.map((column) => classOf.get(column.id) ?? new Set([column])) as [
      Set<ColumnReference>,
      Set<ColumnReference>,
    ];
    const merged = new Map([...a, ...b, ...pair].map((column) => [column.id, column]));
    const all = new Set(merged.values());
    for (const id of merged.keys()) classOf.set(id, all);
  }

  const found = [...conditions];
  for (const columns of new Set(classOf.values())) {
    const equal = new Map([...columns].map((column) => [owner.get(column.id)!, column.id]));
    // Two columns of one relation are not equal before it is joined.
    if (equal.size !== columns.size || equal.size < 3 || equal.size > MOST_RELATIONS) continue;
    const all = [...columns];
    for (const [i, a] of all.entries()) {
      for (const b of all.slice(i + 1)) {
        const at = found.findIndex((condition) => equates(condition, a, b));
        if (at >= 0) found[at] = { ...found[at]!, equal };
        else found.push({ ...between(a, b, owner), equal, implied: true });
      }
    }
  }
  return found;
}

function equates({ expression }: IslandCondition, a: ColumnReference, b: ColumnReference): boolean {
  const [pair] = equatedColumns([expression]);
  if (pair === undefined) return false;
  return (pair[0].id === a.id && pair[1].id === b.id) || (pair[0].id === b.id && pair[1].id === a.id);
}

function between(a: ColumnReference, b: ColumnReference, owner: ReadonlyMap<ColumnId, number>): IslandCondition {
  return {
    expression: { kind: 'call', name: '=', args: [a, b], type: scalar('boolean') },
    relations: single(owner.get(a.id)!) | single(owner.get(b.id)!),
    columns: new Set([a.id, b.id]),
  };
}
