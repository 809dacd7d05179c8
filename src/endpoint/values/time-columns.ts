/** Columns of dates, times and timestamps. */
import { type Data, type Timestamp, TimeUnit } from 'apache-arrow';
import { postgresMicros } from './binary.ts';
import {
  DAY_MICROS,
  dateParts,
  dateText,
  offsetText,
  POSTGRES_EPOCH_DAYS,
  POSTGRES_EPOCH_MICROS,
  timestampText,
} from './calendar.ts';
import { composed, type EncodedColumn, fixedWidth, type Validity } from './encoded-column.ts';
import { exact, halves } from './halves.ts';
import type { OutputSettings } from './output-settings.ts';
import { writeAscii, writeTime } from './text-encoders.ts';

export function dates(values: Int32Array, validity: Validity, binary: boolean): EncodedColumn {
  if (binary) {
    return fixedWidth(4, validity, (view, at, row) => {
      const days = values[row]!;
      const infinite = days >= 0x7fffffff || days <= -0x7fffffff;
      view.setInt32(at, infinite ? (days > 0 ? 0x7fffffff : -0x80000000) : days - POSTGRES_EPOCH_DAYS);
    });
  }
  let last = Number.NaN;
  let text = '';
  return composed(20, validity, (buffer, at, row) => {
    const days = values[row]!;
    if (days !== last) {
      text = dateText(days);
      last = days;
    }
    return writeAscii(buffer, at, text);
  });
}

export function times(values: BigInt64Array, validity: Validity, binary: boolean): EncodedColumn {
  if (binary) return fixedWidth(8, validity, (view, at, row) => view.setBigInt64(at, values[row]!));
  return composed(16, validity, (buffer, at, row) => writeTime(buffer, at, Number(values[row])));
}

/** @param output undefined for timestamps without a time zone */
export function timestamps(
  data: Data,
  validity: Validity,
  binary: boolean,
  output: OutputSettings | undefined,
): EncodedColumn {
  const values = microseconds(data);
  if (binary) return binaryTimestamps(values, validity);
  return output === undefined ? plainTimestamps(values, validity) : zonedTimestamps(values, validity, output);
}

/** 2^32 and the seconds from 1970 to 2000 in microseconds. */
const HIGH = 0x100000000;
const EPOCH = Number(POSTGRES_EPOCH_MICROS);

function binaryTimestamps(values: BigInt64Array, validity: Validity): EncodedColumn {
  const { low, high } = halves(values);
  return fixedWidth(8, validity, (view, at, row) => {
    const top = high[row * 2 + 1]!;
    if (!exact(top)) {
      view.setBigInt64(at, postgresMicros(values[row]!));
      return;
    }
    const micros = top * HIGH + low[row * 2]! - EPOCH;
    const upper = Math.floor(micros / HIGH);
    view.setInt32(at, upper);
    view.setUint32(at + 4, micros - upper * HIGH);
  });
}

const DAY = Number(DAY_MICROS);

function plainTimestamps(values: BigInt64Array, validity: Validity): EncodedColumn {
  const { low, high } = halves(values);
  const writeDay = dayWriter();
  return composed(40, validity, (buffer, at, row) => {
    const top = high[row * 2 + 1]!;
    if (!exact(top)) return writeAscii(buffer, at, timestampText(values[row]!));
    const micros = top * HIGH + low[row * 2]!;
    const days = Math.floor(micros / DAY);
    const end = writeDay(buffer, at, days);
    return end === at
      ? writeAscii(buffer, at, timestampText(values[row]!))
      : writeTime(buffer, end, micros - days * DAY);
  });
}

function zonedTimestamps(values: BigInt64Array, validity: Validity, { timeZone }: OutputSettings): EncodedColumn {
  const { low, high } = halves(values);
  const writeDay = dayWriter();
  let quarter = Number.NaN;
  let offset = 0;
  let suffix = '';
  return composed(48, validity, (buffer, at, row) => {
    const top = high[row * 2 + 1]!;
    if (!exact(top)) return writeAscii(buffer, at, timestampText(values[row]!, timeZone));
    const instant = top * HIGH + low[row * 2]!;
    const place = Math.floor(instant / 9e8);
    if (place !== quarter) {
      quarter = place;
      offset = timeZone.offsetAt(values[row]!) * 1e6;
      suffix = offsetText(offset / 1e6);
    }
    const micros = instant + offset;
    const days = Math.floor(micros / DAY);
    const end = writeDay(buffer, at, days);
    if (end === at) return writeAscii(buffer, at, timestampText(values[row]!, timeZone));
    return writeAscii(buffer, writeTime(buffer, end, micros - days * DAY), suffix);
  });
}

/**
 * Writes `2024-02-29 `; nothing for years before 1, whose era stands behind the time. Neighbouring rows mostly lie on one
 * day: its text is kept.
 */
function dayWriter(): (buffer: Buffer, at: number, days: number) => number {
  let last = Number.NaN;
  let text = '';
  return (buffer, at, days) => {
    if (days !== last) {
      const parts = dateParts(days);
      text = parts.era === '' ? `${parts.text} ` : '';
      last = days;
    }
    return writeAscii(buffer, at, text);
  };
}

/** A timestamp column's values in microseconds, whatever unit it came in. */
function microseconds(data: Data): BigInt64Array {
  const values = data.values as BigInt64Array;
  switch ((data.type as Timestamp).unit) {
    case TimeUnit.SECOND:
      return values.map((value) => value * 1_000_000n);
    case TimeUnit.MILLISECOND:
      return values.map((value) => value * 1000n);
    case TimeUnit.NANOSECOND:
      return values.map((value) => value / 1000n);
    default:
      return values;
  }
}
