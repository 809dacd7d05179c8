/** Values in PostgreSQL's text form, for the types that travel as text (see arrow.ts). */

const MICROS_PER_SECOND = 1_000_000n;
const MICROS_PER_MINUTE = 60n * MICROS_PER_SECOND;
const MICROS_PER_HOUR = 60n * MICROS_PER_MINUTE;
const MICROS_PER_DAY = 24n * MICROS_PER_HOUR;

/** Days and microseconds that stand for infinity, as in DuckDB; PostgreSQL's -infinity is one lower. */
export const DATE_INFINITY = 2_147_483_647;
export const TIMESTAMP_INFINITY = 9_223_372_036_854_775_807n;

/** An interval in IntervalStyle `postgres`: `1 year 2 mons -3 days +04:05:06.7`. */
export function intervalText(months: number, days: number, micros: bigint): string {
  const parts: string[] = [];
  let negativeBefore = false;
  const add = (value: number, unit: string) => {
    if (value === 0) return;
    const sign = negativeBefore && value > 0 ? '+' : '';
    parts.push(`${sign}${value} ${unit}${value === 1 ? '' : 's'}`);
    negativeBefore = value < 0;
  };
  add(Math.trunc(months / 12), 'year');
  add(months % 12, 'mon');
  add(days, 'day');
  if (micros !== 0n || parts.length === 0) {
    const sign = micros < 0n ? '-' : negativeBefore ? '+' : '';
    parts.push(sign + timeText(micros < 0n ? -micros : micros));
  }
  return parts.join(' ');
}

/** `HH:MM:SS[.ffffff]`, hours unbounded, for micros ≥ 0. */
export function timeText(micros: bigint): string {
  const two = (value: bigint) => String(value).padStart(2, '0');
  const fraction = micros % MICROS_PER_SECOND;
  const seconds = two((micros % MICROS_PER_MINUTE) / MICROS_PER_SECOND) + fractionText(fraction);
  return `${two(micros / MICROS_PER_HOUR)}:${two((micros % MICROS_PER_HOUR) / MICROS_PER_MINUTE)}:${seconds}`;
}

const fractionText = (micros: bigint): string =>
  micros === 0n ? '' : `.${String(micros).padStart(6, '0').replace(/0+$/, '')}`;

/** Time with time zone; `offset` in seconds east of UTC: `12:00:00+05:30`. */
export function timetzText(micros: bigint, offset: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const size = Math.abs(offset);
  const minutes = Math.trunc(size / 60) % 60;
  const seconds = size % 60;
  const zone =
    two(Math.trunc(size / 3600)) + (minutes || seconds ? `:${two(minutes)}` : '') + (seconds ? `:${two(seconds)}` : '');
  return `${timeText(micros)}${offset < 0 ? '-' : '+'}${zone}`;
}

/** A date in ISO style, from days since 1970-01-01. */
export function dateText(days: number): string {
  if (days >= DATE_INFINITY) return 'infinity';
  if (days <= -DATE_INFINITY) return '-infinity';
  const { year, month, day } = civilFromDays(days);
  const pad = (value: number, size: number) => String(value).padStart(size, '0');
  const shown = year > 0 ? year : 1 - year;
  return `${pad(shown, 4)}-${pad(month, 2)}-${pad(day, 2)}${year > 0 ? '' : ' BC'}`;
}

/** A timestamp in ISO style, from microseconds since 1970-01-01; with `+00` when `zoned`. */
export function timestampText(micros: bigint, zoned: boolean): string {
  if (micros >= TIMESTAMP_INFINITY) return 'infinity';
  if (micros <= -TIMESTAMP_INFINITY) return '-infinity';
  let time = micros % MICROS_PER_DAY;
  let days = micros / MICROS_PER_DAY;
  if (time < 0n) {
    time += MICROS_PER_DAY;
    days -= 1n;
  }
  const date = dateText(Number(days));
  const [front, era] = date.endsWith(' BC') ? [date.slice(0, -3), ' BC'] : [date, ''];
  return `${front} ${timeText(time)}${zoned ? '+00' : ''}${era}`;
}

/** Proleptic Gregorian calendar date of a day number (H. Hinnant, "chrono-compatible low-level date algorithms"). */
function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** A double as PostgreSQL prints it: shortest form that reads back the same, `1e+20`, `NaN`, `Infinity`. */
export function doubleText(value: number): string {
  if (Object.is(value, -0)) return '-0';
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
  return exponentialText(value.toExponential(), 15);
}

/** A float4 likewise: the shortest decimal that reads back to the same single. */
export function realText(value: number): string {
  if (!Number.isFinite(value) || value === 0) return doubleText(value);
  for (let digits = 1; digits < 9; digits++) {
    const text = value.toExponential(digits - 1);
    if (Math.fround(Number(text)) === value) return exponentialText(text, 6);
  }
  return exponentialText(value.toExponential(8), 6);
}

/** `d.ddde±x` in fixed notation when -4 ≤ exponent < `fixedBelow`, as in C's %g and PostgreSQL's shortest printing. */
function exponentialText(text: string, fixedBelow: number): string {
  const [mantissa, power] = text.split('e') as [string, string];
  const exponent = Number(power);
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace(/[-.]/g, '').replace(/0+$/, '') || '0';
  if (exponent < -4 || exponent >= fixedBelow) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    const shown = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${shown}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, '0');
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

/** Unscaled digits and scale as decimal text: (12345n, 2) → `123.45`. */
export function decimalText(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? '-' : '';
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** bytea in hex form. */
export const byteaText = (bytes: Uint8Array): string => `\\x${Buffer.from(bytes).toString('hex')}`;

/** An array of element texts: `{1,NULL,"a b"}`; nested arrays are given as their own texts with `nested`. */
export function arrayText(elements: readonly (string | null)[], nested = false): string {
  const quoted = elements.map((text) => {
    if (text === null) return 'NULL';
    if (nested) return text;
    const plain = text !== '' && !/[\s{}",\\]/.test(text) && !/^null$/i.test(text);
    return plain ? text : `"${text.replace(/["\\]/g, '\\$&')}"`;
  });
  return `{${quoted.join(',')}}`;
}
