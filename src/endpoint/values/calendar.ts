/** Days, times and time zones in PostgreSQL's ISO text form. Dates are days, times microseconds, since 1970-01-01 UTC. */
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';

export const DAY_MICROS = 86_400_000_000n;
/** 2000-01-01, from which PostgreSQL's binary formats count. */
export const POSTGRES_EPOCH_DAYS = 10_957;
export const POSTGRES_EPOCH_MICROS = 946_684_800_000_000n;

const pad = (value: number, width: number): string => String(value).padStart(width, '0');

/** Proleptic Gregorian year, month, day (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days). */
export function civilFromDays(days: number): { year: number; month: number; day: number } {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const doe = z - era * 146_097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36_524) - Math.floor(doe / 146_096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const month = mp < 10 ? mp + 3 : mp - 9;
  return { year: yoe + era * 400 + (month <= 2 ? 1 : 0), month, day: doy - Math.floor((153 * mp + 2) / 5) + 1 };
}

/** The inverse of {@link civilFromDays}. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yoe = y - era * 400;
  const doy = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146_097 + yoe * 365 + Math.floor(yoe / 4) - Math.floor(yoe / 100) + doy - 719_468;
}

/** `2024-02-29`, and ` BC` after years before 1, which PostgreSQL counts without a year 0. */
export function dateParts(days: number): { text: string; era: '' | ' BC' } {
  const { year, month, day } = civilFromDays(days);
  const shown = year > 0 ? year : 1 - year;
  return { text: `${pad(shown, 4)}-${pad(month, 2)}-${pad(day, 2)}`, era: year > 0 ? '' : ' BC' };
}

export function dateText(days: number): string {
  if (days >= 0x7fffffff) return 'infinity';
  if (days <= -0x7fffffff) return '-infinity';
  const { text, era } = dateParts(days);
  return text + era;
}

/** `04:05:06.789`; microseconds of a day, up to `24:00:00`. */
export function timeText(micros: number): string {
  const seconds = Math.floor(micros / 1e6);
  const fraction = micros % 1e6;
  const clock = `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}`;
  return fraction === 0 ? clock : `${clock}.${pad(fraction, 6).replace(/0+$/, '')}`;
}

const LATEST = 0x7fffffffffffffffn;

/** A timestamp; with a zone it is shown there, its offset behind it. */
export function timestampText(micros: bigint, zone?: TimeZone): string {
  if (micros === LATEST) return 'infinity';
  if (micros <= -LATEST) return '-infinity';
  const offset = zone?.offsetAt(micros);
  const local = micros + BigInt(offset ?? 0) * 1_000_000n;
  const ofDay = ((local % DAY_MICROS) + DAY_MICROS) % DAY_MICROS;
  const { text, era } = dateParts(Number((local - ofDay) / DAY_MICROS));
  return `${text} ${timeText(Number(ofDay))}${offset === undefined ? '' : offsetText(offset)}${era}`;
}

/** `+02`, `+05:30`, `-00:53:28`; seconds east of UTC. */
export function offsetText(seconds: number): string {
  const size = Math.abs(seconds);
  const parts = [Math.floor(size / 3600), Math.floor(size / 60) % 60, size % 60].map((part) => pad(part, 2));
  while (parts.length > 1 && parts.at(-1) === '00') parts.pop();
  return (seconds < 0 ? '-' : '+') + parts.join(':');
}

/** Days of `2024-02-29`, `0044-03-15 BC`, `infinity`. */
export function parseDate(text: string): number {
  if (text === 'infinity') return 0x7fffffff;
  if (text === '-infinity') return -0x80000000;
  const match = /^(\d{4,7})-(\d\d)-(\d\d)( BC)?$/.exec(text);
  if (!match) throw malformed('date', text);
  const year = Number(match[1]);
  return daysFromCivil(match[4] ? 1 - year : year, Number(match[2]), Number(match[3]));
}

/** Microseconds of `04:05:06.789`. */
export function parseTime(text: string): number {
  const match = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/.exec(text);
  if (!match) throw malformed('time', text);
  const seconds = Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
  return seconds * 1e6 + Number((match[4] ?? '').padEnd(6, '0'));
}

/** Seconds east of UTC of `+05:30`. */
export function parseOffset(text: string): number {
  const match = /^([+-])(\d\d?)(?::?(\d\d))?(?::(\d\d))?$/.exec(text);
  if (!match) throw malformed('time zone displacement', text);
  const size = Number(match[2]) * 3600 + Number(match[3] ?? 0) * 60 + Number(match[4] ?? 0);
  return match[1] === '-' ? -size : size;
}

/** Microseconds since 1970 of `2024-02-29 12:00:00`, with or without an offset behind it. */
export function parseTimestamp(text: string): bigint {
  if (text === 'infinity') return LATEST;
  if (text === '-infinity') return -LATEST - 1n;
  const match = /^(\S+)[ T]([\d:.]+)([+-][\d:]+|Z)?( BC)?$/.exec(text);
  if (!match) throw malformed('timestamp', text);
  const days = BigInt(parseDate(match[1]! + (match[4] ?? '')));
  const offset = match[3] === undefined || match[3] === 'Z' ? 0 : parseOffset(match[3]);
  return days * DAY_MICROS + BigInt(parseTime(match[2]!)) - BigInt(offset) * 1_000_000n;
}

const malformed = (type: string, text: string): CausewayError =>
  new CausewayError(SQLSTATE.invalidTextRepresentation, `invalid input syntax for type ${type}: "${text}"`);

/** A zone of the IANA database, or a fixed offset as `SET TIME ZONE 2` names it (`<+02>-02`). */
export class TimeZone {
  readonly name: string;
  readonly #fixed: number | undefined;
  readonly #format: Intl.DateTimeFormat | undefined;
  /** Offsets by quarter of an hour since 1970: no zone has ever changed its offset at another minute since 1900. */
  readonly #cache = new Map<number, number>();

  /** @throws CausewayError (22023) for a zone that is not known. */
  constructor(name: string) {
    this.name = name;
    const posix = /^<[^>]+>([+-]?\d\d?(?::\d\d)?)$/.exec(name);
    if (/^(utc|gmt|etc\/utc|etc\/gmt|zulu)$/i.test(name)) {
      this.#fixed = 0;
    } else if (posix) {
      // POSIX counts westward.
      const text = posix[1]!;
      this.#fixed = -parseOffset(/^[+-]/.test(text) ? text : `+${text}`);
    } else {
      try {
        this.#format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
      } catch (cause) {
        throw new CausewayError(SQLSTATE.invalidParameterValue, `time zone "${name}" is not known here`, {
          hint: "Use a name of the IANA time zone database, like 'Europe/Berlin'.",
          cause,
        });
      }
    }
  }

  /** Seconds east of UTC at an instant. */
  offsetAt(micros: bigint): number {
    if (this.#format === undefined) return this.#fixed ?? 0;
    const quarter = Math.floor(Number(micros) / 9e8);
    const known = this.#cache.get(quarter);
    if (known !== undefined) return known;
    // Outside ±8.64e15 ms there is no Date; the zone's last or first offset holds there.
    const instant = Math.max(-8.64e15, Math.min(8.64e15, quarter * 900_000));
    const part = this.#format.formatToParts(instant).find(({ type }) => type === 'timeZoneName');
    const text = part?.value.replace('GMT', '') ?? '';
    const offset = text === '' ? 0 : parseOffset(text.replace('−', '-'));
    if (this.#cache.size > 100_000) this.#cache.clear();
    this.#cache.set(quarter, offset);
    return offset;
  }
}
