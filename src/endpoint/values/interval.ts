/** Intervals: PostgreSQL's text form (IntervalStyle `postgres`) and its binary one — microseconds, days, months. */
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import { timeText } from './calendar.ts';

const MONTHS: Readonly<Record<string, number>> = { year: 12, mon: 1, month: 1, decade: 120, century: 1200 };
const DAYS: Readonly<Record<string, number>> = { day: 1, week: 7 };

/** @throws CausewayError (22P02) when `text` is no interval. */
export function encodeInterval(text: string): Buffer {
  let months = 0;
  let days = 0;
  let micros = 0n;
  let read = false;
  for (const match of text.matchAll(/([+-]?\d+)\s+([a-z]+)|([+-]?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?|\S+/g)) {
    read = true;
    const unit = match[2]?.replace(/s$/, '');
    if (unit !== undefined && MONTHS[unit] !== undefined) months += Number(match[1]) * MONTHS[unit];
    else if (unit !== undefined && DAYS[unit] !== undefined) days += Number(match[1]) * DAYS[unit];
    else if (match[4] !== undefined) {
      const seconds = BigInt(match[4]) * 3600n + BigInt(match[5]!) * 60n + BigInt(match[6]!);
      const size = seconds * 1_000_000n + BigInt((match[7] ?? '').padEnd(6, '0'));
      micros += match[3] === '-' ? -size : size;
    } else throw malformed(text);
  }
  if (!read) throw malformed(text);
  const bytes = Buffer.alloc(16);
  bytes.writeBigInt64BE(micros, 0);
  bytes.writeInt32BE(days, 8);
  bytes.writeInt32BE(months, 12);
  return bytes;
}

const malformed = (text: string): CausewayError =>
  new CausewayError(SQLSTATE.invalidTextRepresentation, `invalid input syntax for type interval: "${text}"`);

/** `1 year 2 mons -3 days +04:05:06`: a sign is written after a part that had another (EncodeInterval, datetime.c). */
export function decodeInterval(bytes: Buffer): string {
  const micros = bytes.readBigInt64BE(0);
  const days = bytes.readInt32BE(8);
  const months = bytes.readInt32BE(12);
  const parts: string[] = [];
  let before = false;
  const part = (value: number, unit: string) => {
    if (value === 0) return;
    parts.push(`${before && value > 0 ? '+' : ''}${value} ${unit}${value === 1 ? '' : 's'}`);
    before = value < 0;
  };
  part(Math.trunc(months / 12), 'year');
  part(months % 12, 'mon');
  part(days, 'day');
  if (micros !== 0n || parts.length === 0) {
    const size = micros < 0n ? -micros : micros;
    const hours = size / 3_600_000_000n;
    const clock = timeText(Number(size % 3_600_000_000n)).slice(2);
    parts.push(`${micros < 0n ? '-' : before ? '+' : ''}${String(hours).padStart(2, '0')}${clock}`);
  }
  return parts.join(' ');
}
