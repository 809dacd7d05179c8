/** Statistics as a silo reports them, made usable: what is absurd is dropped with a notice, what is missing stays so. */
import type { ColumnStatistics, TableStatistics } from '../../connectors/connector.ts';

/** A table's statistics that hold no impossible value, and what had to be dropped. */
export interface SaneStatistics {
  readonly statistics: TableStatistics | undefined;
  readonly notices: readonly string[];
}

const count = (value: number): boolean => Number.isFinite(value) && value >= 0;
const fraction = (value: number): boolean => value >= 0 && value <= 1;

/**
 * Drops negative and non-finite counts, fractions outside 0 … 1, bounds in the wrong order, histograms of one bound.
 * @param name the table as its user writes it, for the notices
 */
export function sane(name: string, reported: TableStatistics | undefined): SaneStatistics {
  if (reported === undefined) return { statistics: undefined, notices: [] };
  if (!count(reported.rows)) {
    return { statistics: undefined, notices: [`${name}: the silo reports ${reported.rows} rows; defaults are used`] };
  }
  const notices: string[] = [];
  const columns: Record<string, ColumnStatistics> = {};
  for (const [column, statistics] of Object.entries(reported.columns)) {
    const dropped: string[] = [];
    columns[column] = saneColumn(statistics, dropped);
    if (dropped.length > 0) notices.push(`${name}.${column}: absurd ${dropped.join(', ')} ignored`);
  }
  const bytes = reported.bytes !== undefined && count(reported.bytes) ? { bytes: reported.bytes } : {};
  return { statistics: { rows: reported.rows, ...bytes, columns }, notices };
}

function saneColumn(column: ColumnStatistics, dropped: string[]): ColumnStatistics {
  const { distinct, nullFraction, width, min, max, histogram, mostCommon } = column;
  const keep = <T>(word: string, value: T | undefined, good: (value: T) => boolean): T | undefined => {
    if (value === undefined || good(value)) return value;
    dropped.push(word);
    return undefined;
  };
  const ordered = !(typeof min === 'number' && typeof max === 'number') || min <= max;
  if (!ordered) dropped.push('bounds');
  const number = (value: unknown): boolean => typeof value !== 'number' || Number.isFinite(value);
  return withoutUndefined({
    distinct: keep('distinct', distinct, count),
    nullFraction: keep('nullFraction', nullFraction, fraction),
    width: keep('width', width, (value) => count(value) && value > 0),
    min: ordered ? keep('min', min, number) : undefined,
    max: ordered ? keep('max', max, number) : undefined,
    histogram: keep('histogram', histogram, (bounds) => bounds.length > 1 && bounds.every(number)),
    mostCommon: keep(
      'mostCommon',
      mostCommon,
      (values) =>
        values.every((entry) => fraction(entry.frequency)) &&
        values.reduce((sum, entry) => sum + entry.frequency, 0) <= 1.001,
    ),
  });
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
