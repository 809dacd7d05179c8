/**
 * Digits of exact arithmetic. PostgreSQL's numeric carries its scale per value; where the scale of a result follows
 * from the operands (its manual, §8.1.2: `+ -` the larger, `*` the sum), the plan says so, and engines with fixed-point
 * decimals give the same digits. Where it does not follow — division, averages, functions — the result is unbounded.
 */
import { numeric, type SqlType } from './types.ts';

interface Digits {
  readonly precision: number;
  readonly scale: number;
}

/** Beyond this no engine but PostgreSQL has a fixed-point type. */
const MOST = 38;

const INTEGER_DIGITS: Readonly<Record<string, number>> = { smallint: 5, integer: 10, bigint: 19 };

function digitsOf(type: SqlType): Digits | undefined {
  if (type.kind === 'numeric') {
    return type.precision === undefined ? undefined : { precision: type.precision, scale: type.scale ?? 0 };
  }
  const precision = INTEGER_DIGITS[type.kind];
  return precision === undefined ? undefined : { precision, scale: 0 };
}

const bounded = (precision: number, scale: number): SqlType =>
  scale > MOST / 2 ? numeric() : numeric(Math.min(MOST, precision), scale);

/** The type that holds every value of both. */
function wider(a: Digits, b: Digits, extra = 0): SqlType {
  const scale = Math.max(a.scale, b.scale);
  return bounded(Math.max(a.precision - a.scale, b.precision - b.scale) + scale + extra, scale);
}

/** The type of a call that results in numeric, as exactly as the operands allow. */
export function numericResult(name: string, args: readonly SqlType[]): SqlType {
  const [a, b] = args.map(digitsOf);
  if (a === undefined) return numeric();
  if (args.length === 1) {
    if (name === 'sum') return bounded(MOST, a.scale);
    return ['negate', 'plus', 'abs', 'min', 'max'].includes(name) ? bounded(a.precision, a.scale) : numeric();
  }
  if (b === undefined) return numeric();
  if (name === '+' || name === '-') return wider(a, b, 1);
  if (name === '*') return bounded(a.precision + b.precision, a.scale + b.scale);
  return numeric();
}

/** The numeric type of a column fed from several: CASE, COALESCE, UNION, VALUES. Unbounded unless the scales agree. */
export function commonNumeric(types: readonly SqlType[]): SqlType {
  const digits = types.filter((type) => type.kind !== 'unknown').map(digitsOf);
  const scales = new Set(types.filter((type) => type.kind === 'numeric').map((type) => digitsOf(type)?.scale));
  let result: Digits | undefined;
  for (const next of digits) {
    if (next === undefined || scales.size !== 1) return numeric();
    const both = result === undefined ? bounded(next.precision, next.scale) : wider(result, next);
    if (both.kind !== 'numeric' || both.precision === undefined) return numeric();
    result = { precision: both.precision, scale: both.scale ?? 0 };
  }
  return result === undefined ? numeric() : numeric(result.precision, result.scale);
}

/** The exact type of a numeric literal's digits: `0.06` is numeric(3,2). */
export function literalNumeric(digits: string): SqlType {
  const plain = /^[+-]?0*(\d*)\.?(\d*)$/.exec(digits.trim());
  if (plain === null) return numeric();
  const scale = plain[2]!.length;
  const precision = Math.max(1, plain[1]!.length) + scale;
  return precision > MOST ? numeric() : bounded(precision, scale);
}

/**
 * Decimal digits without an exponent, rounded half away from zero to `scale` digits after the point when one is given:
 * `plainDecimal('1.25e1', 0)` is `13`. Undefined for exponents too large to write out.
 */
export function plainDecimal(text: string, scale?: number): string | undefined {
  const found = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text);
  if (found === null) return undefined;
  const [, sign, whole = '', fraction = '', power = '0'] = found;
  const exponent = Number(power) - fraction.length;
  if (Math.abs(exponent) > 400) return undefined;
  const digits = BigInt(`${whole}${fraction}` || '0');
  const places = scale ?? Math.max(0, -exponent);
  const shift = places + exponent;
  const ten = 10n ** BigInt(Math.abs(shift));
  const scaled = shift >= 0 ? digits * ten : (digits * 2n + ten) / (ten * 2n);
  const padded = String(scaled).padStart(places + 1, '0');
  const plain = places === 0 ? padded : `${padded.slice(0, -places)}.${padded.slice(-places)}`;
  return sign === '-' && scaled !== 0n ? `-${plain}` : plain;
}
