/** Sets of up to 30 relations as the bits of one integer. */

export type RelationSet = number;

export const MAX_RELATIONS = 30;

export const single = (relation: number): RelationSet => 1 << relation;

export const firstOf = (set: RelationSet): number => 31 - Math.clz32(set & -set);

/** The members, ascending. */
export function* members(set: RelationSet): Generator<number> {
  for (let rest = set; rest !== 0; rest &= rest - 1) yield firstOf(rest);
}

export function sizeOf(set: RelationSet): number {
  let size = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) size++;
  return size;
}
