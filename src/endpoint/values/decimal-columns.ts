/** Columns of Arrow's 128-bit decimals; values that a double holds exactly, nearly all, are written without a BigInt. */
import type { Data, Decimal } from 'apache-arrow';
import { numeric } from '../../plan/types.ts';
import { encodeBinary } from './binary.ts';
import { composed, type EncodedColumn, separate, type Validity } from './encoded-column.ts';
import { exact } from './halves.ts';
import { writeAscii, writeInteger } from './text-encoders.ts';

export function decimals(data: Data, validity: Validity, binary: boolean): EncodedColumn {
  const words = data.values as Uint32Array;
  const { scale } = data.type as Decimal;
  /** The unscaled value where a double holds it. */
  const small = (row: number): number | undefined => {
    const sign = words[row * 4 + 1]! | 0;
    const fill = sign >> 31;
    const fits = exact(sign) && (words[row * 4 + 2]! | 0) === fill && (words[row * 4 + 3]! | 0) === fill;
    return fits ? sign * 0x100000000 + words[row * 4]! : undefined;
  };
  const text = (row: number): string => {
    let value = 0n;
    for (let i = 3; i >= 0; i--) value = (value << 32n) | BigInt(words[row * 4 + i]!);
    value = BigInt.asIntN(128, value);
    const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
    const point = digits.length - scale;
    return `${value < 0n ? '-' : ''}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ''}`;
  };
  if (!binary) {
    return composed(48, validity, (buffer, at, row) => {
      const value = scale <= 15 ? small(row) : undefined;
      return value === undefined ? writeAscii(buffer, at, text(row)) : writeFixedPoint(buffer, at, value, scale);
    });
  }
  const type = numeric();
  if (scale > 12) return separate(validity, (row) => encodeBinary(type, text(row)));
  return composed(64, validity, (buffer, at, row) => {
    const value = small(row);
    if (value !== undefined) return writeSmallNumeric(buffer, at, value, scale);
    const bytes = encodeBinary(type, text(row));
    buffer.set(bytes, at);
    return at + bytes.length;
  });
}

/** `12.50` of 1250 with scale 2. */
function writeFixedPoint(buffer: Buffer, at: number, value: number, scale: number): number {
  const unit = 10 ** scale;
  let end = at;
  if (value < 0) buffer[end++] = 0x2d;
  const size = Math.abs(value);
  const whole = Math.floor(size / unit);
  end = writeInteger(buffer, end, whole);
  if (scale === 0) return end;
  buffer[end++] = 0x2e;
  let rest = size - whole * unit;
  for (let i = end + scale - 1; i >= end; i--) {
    const next = Math.floor(rest / 10);
    buffer[i] = 48 + rest - next * 10;
    rest = next;
  }
  return end + scale;
}

/** Digits of one value, most significant first. */
const DIGITS = new Uint16Array(8);

/** The binary numeric of a value that is `value` / 10^`scale` (see numeric.ts). */
function writeSmallNumeric(buffer: Buffer, start: number, value: number, scale: number): number {
  const unit = 10 ** scale;
  const size = Math.abs(value);
  const whole = Math.floor(size / unit);
  // The fraction fills whole groups of four decimals.
  const groups = Math.ceil(scale / 4);
  let rest = (size - whole * unit) * 10 ** (groups * 4 - scale);
  let first = DIGITS.length;
  for (let i = 0; i < groups; i++) {
    const next = Math.floor(rest / 10_000);
    DIGITS[--first] = rest - next * 10_000;
    rest = next;
  }
  let weight = -1;
  for (let left = whole; left > 0; weight++) {
    const next = Math.floor(left / 10_000);
    DIGITS[--first] = left - next * 10_000;
    left = next;
  }
  let last = DIGITS.length;
  while (last > first && DIGITS[last - 1] === 0) last--;
  while (first < last && DIGITS[first] === 0) {
    first++;
    weight--;
  }
  const count = last - first;
  let at = writeWord(buffer, start, count);
  at = writeWord(buffer, at, count === 0 ? 0 : weight);
  at = writeWord(buffer, at, value < 0 && count > 0 ? 0x4000 : 0);
  at = writeWord(buffer, at, scale);
  for (let i = first; i < last; i++) at = writeWord(buffer, at, DIGITS[i]!);
  return at;
}

function writeWord(buffer: Buffer, at: number, word: number): number {
  buffer[at] = (word >> 8) & 255;
  buffer[at + 1] = word & 255;
  return at + 2;
}
