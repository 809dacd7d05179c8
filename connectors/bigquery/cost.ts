/** What a statement costs where BigQuery bills by the byte (on-demand analysis). */
import type { StatementEstimate } from '../connector.ts';
import type { DryRun } from './jobs.ts';

const MIB = 2 ** 20;
const TIB = 2 ** 40;

/** The service bills at least so much of every table that a statement reads. */
const LEAST_BYTES = 10 * MIB;

/** The list price in the US and EU multi-regions, in dollars per TiB. */
export const LIST_PRICE = 6.25;

/**
 * The price of what a dry run says would be read: at least 10 MiB a table. A dry run that says nothing would be read found the
 * result in the cache, or metadata enough: both are free.
 */
export function billed({ totalBytesProcessed, referencedTables }: DryRun, pricePerTib: number): StatementEstimate {
  const read = Number(totalBytesProcessed);
  const bytes = read === 0 ? 0 : Math.max(read, LEAST_BYTES * Math.max(1, referencedTables));
  const least = bytes > read ? `, billed as ${sizeText(bytes)}` : '';
  return { money: (bytes / TIB) * pricePerTib, basis: `dry run: ${sizeText(read)}${least}` };
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

function sizeText(bytes: number): string {
  const power = bytes === 0 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1024 ** power;
  return `${Number.isInteger(amount) || amount >= 100 ? amount.toFixed(0) : amount.toPrecision(2)} ${UNITS[power]}`;
}
