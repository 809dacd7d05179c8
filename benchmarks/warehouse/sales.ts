/** The table that is read: numbers, texts, moments, NULLs, eight columns as they are in a table of sales. */
import type { ResultColumn } from '../../connectors/connector.ts';
import { numeric, scalar } from '../../src/plan/types.ts';

export const SALES_COLUMNS: readonly ResultColumn[] = [
  { name: 'id', type: scalar('bigint') },
  { name: 'customer', type: scalar('integer') },
  { name: 'amount', type: numeric(12, 2) },
  { name: 'score', type: scalar('double') },
  { name: 'note', type: scalar('text') },
  { name: 'day', type: scalar('date') },
  { name: 'ts', type: scalar('timestamp') },
  { name: 'paid', type: scalar('boolean') },
];

/** A SELECT for DuckDB that makes so many of its rows. */
export const salesRows = (rows: number): string => `SELECT
  CAST(i AS DECIMAL(18, 0)) AS id,
  CAST(i % 1000 AS DECIMAL(9, 0)) AS customer,
  CAST((i * 7919 % 1000000) / 100.0 AS DECIMAL(12, 2)) AS amount,
  sin(i) AS score,
  CASE WHEN i % 10 = 0 THEN NULL ELSE 'note number ' || i END AS note,
  DATE '2020-01-01' + CAST(i % 1500 AS INTEGER) AS day,
  TIMESTAMP '2020-01-01 00:00:00' + to_microseconds(i * 61000000) AS ts,
  i % 3 = 0 AS paid
  FROM range(${rows}) AS r(i)`;

/** What readers of one service took. */
export interface Timed {
  readonly seconds: number;
  /** Of this process, in all its threads. */
  readonly cpu: number;
}

/** Wall and processor time of `work`. */
export async function timed(work: () => Promise<void>): Promise<Timed> {
  const before = process.cpuUsage();
  const began = performance.now();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - began) / 1000, cpu: (user + system) / 1e6 };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** Prints each reader's medians; the first is ours. */
export function report(title: string, rows: number, readers: Readonly<Record<string, readonly Timed[]>>): void {
  console.log(title);
  console.table(
    Object.fromEntries(
      Object.entries(readers).map(([name, times]) => {
        const seconds = median(times.map((each) => each.seconds));
        return [
          name,
          {
            seconds: seconds.toFixed(2),
            'M rows/s': (rows / seconds / 1e6).toFixed(2),
            'CPU seconds': median(times.map((each) => each.cpu)).toFixed(2),
          },
        ];
      }),
    ),
  );
}
