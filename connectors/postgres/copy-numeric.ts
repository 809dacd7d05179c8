/**
 * Binary numeric (src/backend/utils/adt/numeric.c, numeric_send): base-10000 digits, a weight, a sign and a display
 * scale, into Arrow's Decimal128 of a known scale.
 */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';

const NEGATIVE = 0x4000;
const SPECIAL = 0xc000;
const POWERS_OF_10 = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

/**
 * Writes the numeric at `from` times 10^scale into four 32-bit words of `values`.
 * @throws CausewayError for NaN, infinity, and values with more decimals than `scale`.
 */
export function readNumeric(
  view: DataView,
  from: number,
  scale: number,
  values: Int32Array,
  at: number,
  column: string,
): void {
  const digits = view.getUint16(from);
  const weight = view.getInt16(from + 2);
  const sign = view.getUint16(from + 4);
  if ((sign & SPECIAL) === SPECIAL) {
    throw new CausewayError(SQLSTATE.numericValueOutOfRange, `column "${column}" holds NaN or infinity`, {
      hint: `Cast it: ${column}::double precision.`,
    });
  }
  // The fast way: integer groups and one or two groups of decimals stay below 2^53.
  if (weight <= 1 && scale <= 4 && digits - weight - 1 <= 1) {
    let value = 0;
    for (let i = 0, group = weight; i < digits; i++, group--) {
      const digit = view.getUint16(from + 8 + i * 2);
      if (group >= 0) value += digit * POWERS_OF_10[group * 4 + scale]!;
      else value += scaledDown(digit, scale, column);
    }
    write(values, at, sign === NEGATIVE ? -value : value);
    return;
  }
  let exact = 0n;
  for (let i = 0; i < digits; i++) {
    exact = exact * 10_000n + BigInt(view.getUint16(from + 8 + i * 2));
  }
  // exact × 10000^(weight - digits + 1) × 10^scale
  const power = 4 * (weight - digits + 1) + scale;
  if (power >= 0) exact *= 10n ** BigInt(power);
  else {
    const divisor = 10n ** BigInt(-power);
    if (exact % divisor !== 0n) throw tooManyDecimals(scale, column);
    exact /= divisor;
  }
  writeExact(values, at, sign === NEGATIVE ? -exact : exact);
}

/** The first group after the point, as units of 10^-scale. */
function scaledDown(digit: number, scale: number, column: string): number {
  const value = digit / POWERS_OF_10[4 - scale]!;
  if (!Number.isInteger(value)) throw tooManyDecimals(scale, column);
  return value;
}

function write(values: Int32Array, at: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  values[at] = value - high * 2 ** 32;
  values[at + 1] = high;
  const fill = value < 0 ? 0xffffffff : 0;
  values[at + 2] = fill;
  values[at + 3] = fill;
}

function writeExact(values: Int32Array, at: number, value: bigint): void {
  for (let i = 0; i < 4; i++) values[at + i] = Number(BigInt.asUintN(32, value >> BigInt(32 * i)));
}

const tooManyDecimals = (scale: number, column: string) =>
  new CausewayError(
    SQLSTATE.internalError,
    `column "${column}" holds more decimals than the ${scale} that were planned`,
  );
