/** PostgreSQL's numeric division on decimal texts, digit for digit (src/backend/utils/adt/numeric.c). */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';

/** Decimal digits of one base-10000 digit, and the digits a quotient has at least. */
const GROUP = 4;
const MIN_SIGNIFICANT_DIGITS = 16;

interface Decimal {
  readonly unscaled: bigint;
  readonly scale: number;
}

/** `-12.50` → −1250 and 2. */
export function parseDecimal(text: string): Decimal {
  const match = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text.trim());
  if (match === null) throw new CausewayError(SQLSTATE.numericValueOutOfRange, `"${text}" is not a finite number`);
  const [, sign, whole = '', fraction = '', power = '0'] = match;
  const scale = fraction.length - Number(power);
  const digits = BigInt(`${whole}${fraction}` || '0') * (scale < 0 ? 10n ** BigInt(-scale) : 1n);
  return { unscaled: sign === '-' ? -digits : digits, scale: Math.max(0, scale) };
}

/**
 * The quotient with the number of decimals that PostgreSQL gives it (select_div_scale), rounded half away from zero.
 * @throws CausewayError 22012 when the divisor is zero.
 */
export function divide(dividend: string, divisor: string): Decimal {
  const a = parseDecimal(dividend);
  const b = parseDecimal(divisor);
  if (b.unscaled === 0n) throw new CausewayError(SQLSTATE.divisionByZero, 'division by zero');
  const first = leadingGroup(a);
  const second = leadingGroup(b);
  const weight = first.weight - second.weight - (first.digit <= second.digit ? 1 : 0);
  const scale = Math.min(1000, Math.max(MIN_SIGNIFICANT_DIGITS - weight * GROUP, a.scale, b.scale, 0));
  const power = BigInt(scale + b.scale - a.scale);
  const numerator = a.unscaled * (power > 0n ? 10n ** power : 1n);
  const denominator = b.unscaled * (power < 0n ? 10n ** -power : 1n);
  return { unscaled: divideRounding(numerator, denominator), scale };
}

/** The decimal with another number of decimals, rounded half away from zero. */
export function rescale({ unscaled, scale }: Decimal, to: number): bigint {
  return to >= scale ? unscaled * 10n ** BigInt(to - scale) : divideRounding(unscaled, 10n ** BigInt(scale - to));
}

function divideRounding(numerator: bigint, denominator: bigint): bigint {
  const negative = numerator < 0n !== denominator < 0n;
  const top = numerator < 0n ? -numerator : numerator;
  const bottom = denominator < 0n ? -denominator : denominator;
  const rounded = (top * 2n + bottom) / (bottom * 2n);
  return negative ? -rounded : rounded;
}

/** The first non-zero base-10000 digit and its weight; both 0 for zero. */
function leadingGroup({ unscaled, scale }: Decimal): { digit: number; weight: number } {
  if (unscaled === 0n) return { digit: 0, weight: 0 };
  const digits = String(unscaled < 0n ? -unscaled : unscaled);
  // Position of the first digit: 0 is the one before the point, -1 the first decimal.
  const position = digits.length - scale - 1;
  const weight = Math.floor(position / GROUP);
  const length = position - weight * GROUP + 1;
  return { digit: Number(digits.slice(0, length).padEnd(length, '0')), weight };
}

/**
 * A quotient that was kept with more decimals than PostgreSQL shows: trailing zeros go, down to the decimals a value of
 * this size has as the result of a division.
 */
export function quotientText(text: string): string {
  const value = parseDecimal(text);
  const { weight } = leadingGroup(value);
  const shown = Math.max(0, MIN_SIGNIFICANT_DIGITS - weight * GROUP);
  const [whole, fraction = ''] = text.split('.');
  const kept = fraction.slice(0, shown) + fraction.slice(shown).replace(/0+$/, '');
  return kept === '' ? whole! : `${whole}.${kept}`;
}
