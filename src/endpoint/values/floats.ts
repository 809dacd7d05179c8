/** Floating-point numbers in PostgreSQL's text form (float.c, float8out; ryu's shortest digits since 12). */

/**
 * Shortest digits that read back as the same double; below 1e-4 and from 1e15 on with an exponent. Digits half-way
 * between two doubles are not used, although rounding to even would read them back: PostgreSQL's ryu does not either.
 */
export const doubleText = (value: number): string =>
  shortest(value, 15, () => {
    const text = String(value);
    return halfwayDouble(value, text) ? value.toPrecision(17) : text;
  });

/** Likewise for four-byte floats, whose exponent form begins at 1e6. */
export const realText = (value: number): string =>
  shortest(value, 6, () => {
    for (let digits = 1; digits < 9; digits++) {
      const text = value.toPrecision(digits);
      const read = Number(text);
      // The mirror image of `value` at a half-way point is the next float.
      const mirror = 2 * read - value;
      if (Math.fround(read) === value && (mirror === value || Math.fround(mirror) !== mirror)) return text;
    }
    return value.toPrecision(9);
  });

/** Decimals of at most 17 digits lie half-way between doubles only where doubles are whole numbers. */
function halfwayDouble(value: number, text: string): boolean {
  const size = Math.abs(value);
  if (size < 2 ** 53 || size >= 2 ** 78) return false;
  const { digits, exponent } = decompose(text);
  const read = BigInt(digits) * 10n ** BigInt(exponent - digits.length + 1);
  const mirror = 2n * read - BigInt(size);
  return mirror !== BigInt(size) && BigInt(Number(mirror)) === mirror;
}

/** `extra_float_digits` of 0 or less: `%.*g` with that many digits. An exact tie rounds up here, to even in C. */
export function roundedText(value: number, digits: number): string {
  const precision = Math.max(1, digits);
  return shortest(value, precision, () => value.toPrecision(precision));
}

/** `fixedUpTo`: the power of ten from which the exponent form is used. */
function shortest(value: number, fixedUpTo: number, render: () => string): string {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Infinity) return 'Infinity';
  if (value === -Infinity) return '-Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const size = Math.abs(value);
  // The common case: what JavaScript prints is already the answer.
  if (fixedUpTo === 15 && size >= 1e-4 && size < 1e15) {
    const text = render();
    if (!text.includes('e')) return text.includes('.') ? trimmed(text) : text;
  }
  const { sign, digits, exponent } = decompose(render());
  if (exponent >= -4 && exponent < fixedUpTo) {
    if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
    if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, '0');
    return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
  }
  const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`;
  const power = String(Math.abs(exponent)).padStart(2, '0');
  return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${power}`;
}

const trimmed = (text: string): string => (text.endsWith('0') ? text.replace(/\.?0+$/, '') : text);

/** The number's digits without zeros at either end, and the power of ten of the first one. */
function decompose(text: string): { sign: string; digits: string; exponent: number } {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text)!;
  const whole = match[2]!;
  const all = whole + (match[3] ?? '');
  const lead = all.length - all.replace(/^0+/, '').length;
  const exponent = whole.length - 1 - lead + Number(match[4] ?? 0);
  return { sign: match[1]!, digits: all.slice(lead).replace(/0+$/, ''), exponent };
}
