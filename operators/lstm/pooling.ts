/** Lists of sums of two silos, added entry by entry. */
export const addLists = (a: readonly number[], b: readonly number[]): number[] => a.map((value, i) => value + b[i]!);
