/** PostgreSQL's binary form of `numeric`: base-10000 digits (src/backend/utils/adt/numeric.c, numeric_send). */
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';

const POSITIVE = 0x0000;
const NEGATIVE = 0x4000;
const SPECIAL: Readonly<Record<string, number>> = {
  nan: 0xc000,
  infinity: 0xd000,
  inf: 0xd000,
  '-infinity': 0xf000,
  '-inf': 0xf000,
};
const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,5}))?$/;

/** @throws CausewayError (22P02) when `text` is no number. */
export function encodeNumeric(text: string): Buffer {
  const special = SPECIAL[text.toLowerCase()];
  // PostgreSQL sends a scale of 32 with its infinities.
  if (special !== undefined) return header(0, 0, special, special === 0xc000 ? 0 : 32);
  const match = DECIMAL.exec(text);
  if (!match || ((match[2] ?? '') === '' && (match[3] ?? '') === '')) {
    throw new CausewayError(SQLSTATE.invalidTextRepresentation, `invalid input syntax for type numeric: "${text}"`);
  }
  let whole = match[2] ?? '';
  let fraction = match[3] ?? '';
  const exponent = Number(match[4] ?? 0);
  if (exponent > 0) {
    whole += fraction.slice(0, exponent).padEnd(exponent, '0');
    fraction = fraction.slice(exponent);
  } else if (exponent < 0) {
    fraction = whole.slice(exponent).padStart(-exponent, '0') + fraction;
    whole = whole.slice(0, exponent);
  }
  const scale = fraction.length;
  whole = whole.replace(/^0+/, '');
  const groups =
    whole.padStart(Math.ceil(whole.length / 4) * 4, '0') + fraction.padEnd(Math.ceil(fraction.length / 4) * 4, '0');
  const digits: number[] = [];
  for (let i = 0; i < groups.length; i += 4) digits.push(Number(groups.slice(i, i + 4)));
  let weight = Math.ceil(whole.length / 4) - 1;
  while (digits[0] === 0) {
    digits.shift();
    weight--;
  }
  while (digits.at(-1) === 0) digits.pop();
  if (digits.length === 0) return header(0, 0, POSITIVE, scale);
  const bytes = Buffer.alloc(8 + digits.length * 2);
  header(digits.length, weight, match[1] === '-' ? NEGATIVE : POSITIVE, scale).copy(bytes);
  digits.forEach((digit, i) => {
    bytes.writeUInt16BE(digit, 8 + i * 2);
  });
  return bytes;
}

function header(count: number, weight: number, sign: number, scale: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16BE(count, 0);
  bytes.writeInt16BE(weight, 2);
  bytes.writeUInt16BE(sign, 4);
  bytes.writeUInt16BE(scale, 6);
  return bytes;
}

/** @throws RangeError when the bytes are too few. */
export function decodeNumeric(bytes: Buffer): string {
  const count = bytes.readUInt16BE(0);
  const weight = bytes.readInt16BE(2);
  const sign = bytes.readUInt16BE(4);
  const scale = bytes.readUInt16BE(6) & 0x3fff;
  if (sign === 0xc000) return 'NaN';
  if (sign === 0xd000) return 'Infinity';
  if (sign === 0xf000) return '-Infinity';
  const group = (place: number): string => {
    const index = weight - place;
    const digit = index >= 0 && index < count ? bytes.readUInt16BE(8 + index * 2) : 0;
    return String(digit).padStart(4, '0');
  };
  let whole = '';
  for (let place = weight; place >= 0; place--) whole += group(place);
  let fraction = '';
  for (let place = -1; fraction.length < scale; place--) fraction += group(place);
  whole = whole.replace(/^0+(?=\d)/, '') || '0';
  const text = scale > 0 ? `${whole}.${fraction.slice(0, scale)}` : whole;
  return sign === NEGATIVE ? `-${text}` : text;
}
