/** PostgreSQL's to_char, to_timestamp and format (documentation, "Data Type Formatting Functions", "String Functions"). */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { parseDecimal, rescale } from './numeric.ts';

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const ROMAN = ['I', 'II', 'III', 'IV', 'V', 'VI', 'VII', 'VIII', 'IX', 'X', 'XI', 'XII'];
const MS_PER_DAY = 86_400_000;

/** Templates, longest first where one starts another. */
const TIME_TOKEN =
  /"([^"]*)"|(FM)?(SSSSS|SSSS|YYYY|IYYY|Y,YYY|MONTH|Month|month|IDDD|HH24|HH12|A\.M\.|P\.M\.|a\.m\.|p\.m\.|DDD|DAY|Day|day|MON|Mon|mon|YYY|IYY|TZH|TZM|FF[1-6]|MM|MI|MS|DD|DY|Dy|dy|ID|HH|SS|US|YY|IY|AM|PM|am|pm|WW|IW|CC|RM|rm|TZ|tz|OF|BC|AD|bc|ad|Y|I|D|J|Q|W)(TH|th)?/g;

/** to_char of a timestamp given as microseconds since 1970 (UTC). */
export function timestampToChar(micros: bigint, format: string): string {
  const milliseconds = Number(micros / 1000n) - (micros % 1000n < 0n ? 1 : 0);
  const date = new Date(milliseconds);
  const fraction = Number(((micros % 1_000_000n) + 1_000_000n) % 1_000_000n);
  return format.replace(
    TIME_TOKEN,
    (whole, quoted: string | undefined, fill: string | undefined, token?: string, ordinal?: string) => {
      if (token === undefined) return quoted ?? whole;
      const text = timeField(date, fraction, token, fill !== undefined);
      return ordinal === undefined ? text : text + ordinalSuffix(Number(text), ordinal === 'TH');
    },
  );
}

function timeField(date: Date, fraction: number, token: string, bare: boolean): string {
  const number = (value: number, width: number) => (bare ? String(value) : String(value).padStart(width, '0'));
  const word = (value: string, width: number) => (bare ? value : value.padEnd(width));
  const cased = (value: string) =>
    token === token.toUpperCase() ? value.toUpperCase() : token === token.toLowerCase() ? value.toLowerCase() : value;
  const year = date.getUTCFullYear();
  const hours = date.getUTCHours();
  const dayOfYear =
    Math.floor((Date.UTC(year, date.getUTCMonth(), date.getUTCDate()) - Date.UTC(year, 0, 1)) / MS_PER_DAY) + 1;
  switch (token) {
    case 'YYYY':
      return number(year, 4);
    case 'YYY':
      return number(year % 1000, 3);
    case 'YY':
      return number(year % 100, 2);
    case 'Y':
      return String(year % 10);
    case 'Y,YYY':
      return `${Math.floor(year / 1000)},${String(year % 1000).padStart(3, '0')}`;
    case 'IYYY':
      return number(isoWeek(date).year, 4);
    case 'IYY':
      return number(isoWeek(date).year % 1000, 3);
    case 'IY':
      return number(isoWeek(date).year % 100, 2);
    case 'I':
      return String(isoWeek(date).year % 10);
    case 'MONTH':
    case 'Month':
    case 'month':
      return word(cased(MONTHS[date.getUTCMonth()]!), 9);
    case 'MON':
    case 'Mon':
    case 'mon':
      return cased(MONTHS[date.getUTCMonth()]!.slice(0, 3));
    case 'MM':
      return number(date.getUTCMonth() + 1, 2);
    case 'RM':
    case 'rm':
      return word(cased(ROMAN[date.getUTCMonth()]!), 4);
    case 'DAY':
    case 'Day':
    case 'day':
      return word(cased(DAYS[date.getUTCDay()]!), 9);
    case 'DY':
    case 'Dy':
    case 'dy':
      return cased(DAYS[date.getUTCDay()]!.slice(0, 3));
    case 'DDD':
      return number(dayOfYear, 3);
    case 'IDDD':
      return number((isoWeek(date).week - 1) * 7 + (date.getUTCDay() || 7), 3);
    case 'DD':
      return number(date.getUTCDate(), 2);
    case 'D':
      return String(date.getUTCDay() + 1);
    case 'ID':
      return String(date.getUTCDay() || 7);
    case 'HH24':
      return number(hours, 2);
    case 'HH':
    case 'HH12':
      return number(hours % 12 || 12, 2);
    case 'MI':
      return number(date.getUTCMinutes(), 2);
    case 'SS':
      return number(date.getUTCSeconds(), 2);
    case 'SSSS':
    case 'SSSSS':
      return String(hours * 3600 + date.getUTCMinutes() * 60 + date.getUTCSeconds());
    case 'MS':
      return String(Math.floor(fraction / 1000)).padStart(3, '0');
    case 'US':
      return String(fraction).padStart(6, '0');
    case 'AM':
    case 'PM':
    case 'am':
    case 'pm':
      return cased(hours < 12 ? 'AM' : 'PM');
    case 'A.M.':
    case 'P.M.':
    case 'a.m.':
    case 'p.m.':
      return cased(hours < 12 ? 'A.M.' : 'P.M.');
    case 'BC':
    case 'AD':
    case 'bc':
    case 'ad':
      return cased(year > 0 ? 'AD' : 'BC');
    case 'CC':
      return number(Math.ceil(year / 100), 2);
    case 'J':
      return String(Math.floor(date.getTime() / MS_PER_DAY) + 2_440_588);
    case 'Q':
      return String(Math.floor(date.getUTCMonth() / 3) + 1);
    case 'WW':
      return number(Math.ceil(dayOfYear / 7), 2);
    case 'W':
      return String(Math.ceil(date.getUTCDate() / 7));
    case 'IW':
      return number(isoWeek(date).week, 2);
    case 'TZ':
      return 'UTC';
    case 'tz':
      return 'utc';
    case 'TZH':
    case 'OF':
      return '+00';
    case 'TZM':
      return '00';
    default: // FF1 … FF6
      return String(fraction)
        .padStart(6, '0')
        .slice(0, Number(token.slice(2)));
  }
}

/** to_char of an interval: its own years, months, days and time. */
export function intervalToChar(months: number, days: number, micros: bigint, format: string): string {
  const pad = (value: number, width: number) => (value < 0 ? '-' : '') + String(Math.abs(value)).padStart(width, '0');
  const seconds = Number(micros / 1_000_000n);
  const fraction = Number(micros % 1_000_000n);
  const fields: Readonly<Record<string, string>> = {
    YYYY: pad(Math.trunc(months / 12), 4),
    MM: pad(months % 12, 2),
    DD: pad(days, 2),
    DDD: pad(Math.trunc(months / 12) * 360 + (months % 12) * 30 + days, 3),
    HH24: pad(Math.trunc(seconds / 3600), 2),
    HH: pad(Math.trunc(seconds / 3600) % 12 || 12, 2),
    HH12: pad(Math.trunc(seconds / 3600) % 12 || 12, 2),
    MI: pad(Math.trunc(seconds / 60) % 60, 2),
    SS: pad(seconds % 60, 2),
    MS: pad(Math.trunc(fraction / 1000), 3),
    US: pad(fraction, 6),
  };
  return format.replace(TIME_TOKEN, (whole, quoted?: string, _fill?: string, token?: string) => {
    if (token === undefined) return quoted ?? whole;
    const field = fields[token.toUpperCase()];
    if (field !== undefined) return field;
    throw new CausewayError(SQLSTATE.featureNotSupported, `an interval has no "${token}" here`);
  });
}

/** ISO 8601 week and its year. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(
    Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + 4 - (date.getUTCDay() || 7)),
  );
  const year = thursday.getUTCFullYear();
  return { year, week: Math.ceil(((thursday.getTime() - Date.UTC(year, 0, 1)) / MS_PER_DAY + 1) / 7) };
}

function ordinalSuffix(value: number, upper: boolean): string {
  const teen = value % 100 >= 11 && value % 100 <= 13;
  const suffix = teen ? 'th' : (['th', 'st', 'nd', 'rd'][value % 10] ?? 'th');
  return upper ? suffix.toUpperCase() : suffix;
}

/** to_char of a number given as decimal text. */
export function numberToChar(value: string, format: string): string {
  const bare = /FM/i.test(format);
  const picture = format.replace(/FM/gi, '');
  const mark = /PR|SG|MI|PL|S/i.exec(picture)?.[0].toUpperCase();
  const body = picture.replace(/PR|SG|MI|PL|S|TH|L/gi, '');
  const [whole = '', fraction = ''] = body.split(/[.D]/i);
  const decimals = fraction.replace(/[^09]/g, '').length;
  const exact = parseDecimal(value);
  const rounded = rescale(exact, decimals);
  const negative = rounded < 0n;
  const digits = String(rounded < 0n ? -rounded : rounded).padStart(decimals + 1, '0');
  const places = whole.replace(/[^09]/g, '').length;
  const integer = decimals === 0 ? digits : digits.slice(0, -decimals);
  const shownInteger = integer === '0' ? '' : integer;
  const overflow = shownInteger.length > places;
  const padded = shownInteger.padStart(places, ' ');
  const forced = whole.replace(/[^09]/g, '').indexOf('0');
  let text = '';
  let at = 0;
  let started = false;
  for (const c of whole) {
    if (c === '9' || c === '0') {
      let digit = overflow ? '#' : padded[at]!;
      if (digit === ' ' && forced >= 0 && at >= forced) digit = '0';
      // A number below one shows a zero before the point when no decimals follow.
      if (digit === ' ' && at === places - 1 && decimals === 0) digit = '0';
      if (digit !== ' ') started = true;
      text += digit;
      at++;
    } else if (c === ',' || c === 'G' || c === 'g') text += started ? ',' : ' ';
    else text += c;
  }
  let tail = '';
  if (/[.D]/i.test(body)) {
    const last = overflow ? '#'.repeat(decimals) : digits.slice(digits.length - decimals);
    let shown = decimals === 0 ? '' : last;
    if (bare) {
      const kept = fraction.replace(/[^09]/g, '').lastIndexOf('0') + 1;
      shown = shown.slice(0, kept) + shown.slice(kept).replace(/0+$/, '');
    }
    tail = `.${shown}`;
  }
  if (bare && tail === '.' && text.trim() === '') text = '0';
  const blanks = /^ */.exec(text)![0].length;
  const core = text.slice(blanks) + tail;
  const pad = bare ? '' : ' '.repeat(blanks);
  switch (mark) {
    case 'PR':
      return negative ? `${pad}<${core}>` : bare ? core : `${pad} ${core} `;
    case 'S':
    case 'SG': {
      const sign = negative ? '-' : '+';
      return /(S|SG)$/i.test(picture) ? pad + core + sign : pad + sign + core;
    }
    case 'MI': {
      const sign = negative ? '-' : bare ? '' : ' ';
      return /MI$/i.test(picture) ? pad + core + sign : sign + pad + core;
    }
    case 'PL':
      return negative ? `${pad}-${core}` : `${pad}+${core}`;
    default:
      return bare ? `${negative ? '-' : ''}${core}` : `${pad}${negative ? '-' : ' '}${core}`;
  }
}

/** to_timestamp and to_date: microseconds since 1970 of `text` read by `format`. */
export function parseTimestamp(text: string, format: string): bigint {
  const fields: Record<string, number> = {};
  let at = 0;
  let from = 0;
  const skip = (literal: string) => {
    for (const c of literal) {
      if (text[at] === c || (/[^\w]/.test(c) && /[^\w]/.test(text[at] ?? 'x'))) at++;
    }
  };
  const number = (width: number) => {
    while (text[at] === ' ') at++;
    const found = new RegExp(`^[+-]?\\d{1,${width}}`).exec(text.slice(at));
    if (found === null) throw invalid(text, format);
    at += found[0].length;
    return Number(found[0]);
  };
  const name = (names: readonly string[], length?: number) => {
    const rest = text.slice(at).toLowerCase();
    const index = names.findIndex((word) => rest.startsWith(word.slice(0, length).toLowerCase()));
    if (index < 0) throw invalid(text, format);
    at += names[index]!.slice(0, length).length;
    return index;
  };
  for (const match of format.matchAll(TIME_TOKEN)) {
    skip(format.slice(from, match.index));
    from = match.index + match[0].length;
    const token = match[3];
    if (token === undefined) {
      at += match[1]!.length;
      continue;
    }
    switch (token.toUpperCase()) {
      case 'YYYY':
        fields.year = number(/\d/.test(format[from] ?? '') || /^[A-Z]/i.test(format[from] ?? '') ? 4 : 6);
        break;
      case 'YY': {
        const year = number(2);
        fields.year = year < 70 ? 2000 + year : 1900 + year;
        break;
      }
      case 'MM':
        fields.month = number(2);
        break;
      case 'MON':
        fields.month = name(MONTHS, 3) + 1;
        break;
      case 'MONTH':
        fields.month = name(MONTHS) + 1;
        break;
      case 'DD':
        fields.day = number(2);
        break;
      case 'DDD':
        fields.month = 1;
        fields.day = number(3);
        break;
      case 'DAY':
        name(DAYS);
        break;
      case 'DY':
        name(DAYS, 3);
        break;
      case 'HH24':
      case 'HH12':
      case 'HH':
        fields.hour = number(2);
        break;
      case 'MI':
        fields.minute = number(2);
        break;
      case 'SS':
        fields.second = number(2);
        break;
      case 'MS': {
        const start = at;
        const value = number(3);
        fields.micros = value * 10 ** (3 - (at - start)) * 1000;
        break;
      }
      case 'US': {
        const start = at;
        const value = number(6);
        fields.micros = value * 10 ** (6 - (at - start));
        break;
      }
      case 'AM':
      case 'PM':
      case 'A.M.':
      case 'P.M.': {
        const half = name(['am', 'pm', 'a.m.', 'p.m.']) % 2;
        fields.hour = ((fields.hour ?? 0) % 12) + half * 12;
        break;
      }
      default:
        throw new CausewayError(SQLSTATE.featureNotSupported, `the template pattern "${token}" is not read here`);
    }
  }
  const { year = 1, month = 1, day = 1, hour = 0, minute = 0, second = 0, micros = 0 } = fields;
  const valid =
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    (fields.month === undefined || day <= 366) &&
    hour < 24 &&
    minute < 60 &&
    second < 60;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const rolled = !/DDD/.test(format) && date.getUTCMonth() !== month - 1;
  if (!valid || rolled) throw new CausewayError('22008', `date/time field value out of range: "${text}"`);
  return BigInt(date.getTime()) * 1000n + BigInt(micros);
}

const invalid = (text: string, format: string) =>
  new CausewayError('22007', `invalid value "${text}" for the format "${format}"`);

/** format('%s %I %L', …) */
export function formatText(pattern: string, args: readonly (string | null)[]): string {
  let next = 0;
  return pattern.replace(
    /%(?:(\d+)\$)?(-)?(\d+)?([sIL%])/g,
    (_, position?: string, left?: string, width?: string, kind?: string) => {
      if (kind === '%') return '%';
      const index = position === undefined ? next++ : Number(position) - 1;
      if (position !== undefined) next = index + 1;
      if (index >= args.length)
        throw new CausewayError(SQLSTATE.invalidParameterValue, 'too few arguments for format()');
      const value = args[index] ?? null;
      let text = value ?? '';
      if (kind === 'L') text = value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`;
      if (kind === 'I') {
        if (value === null) throw new CausewayError('22004', 'null values cannot be formatted as an SQL identifier');
        text = /^[a-z_][a-z0-9_$]*$/.test(value) ? value : `"${value.replaceAll('"', '""')}"`;
      }
      const size = Number(width ?? 0);
      return left === undefined ? text.padStart(size) : text.padEnd(size);
    },
  );
}
