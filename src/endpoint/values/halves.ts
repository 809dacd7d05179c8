/** 64-bit values as two words each: reading them as BigInt would allocate one object per value. */

export interface Halves {
  readonly low: Uint32Array;
  readonly high: Int32Array;
}

/** Value `i` has its words at `2 * i` of `low` and at `2 * i + 1` of `high`. */
export function halves(values: BigInt64Array): Halves {
  return {
    low: new Uint32Array(values.buffer, values.byteOffset, values.length * 2),
    high: new Int32Array(values.buffer, values.byteOffset, values.length * 2),
  };
}

/** High words of values that a double holds exactly. */
export const exact = (high: number): boolean => high >= -0x200000 && high < 0x200000;
