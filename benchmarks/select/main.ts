/**
 * Federated SELECT against its peers, interleaved in one run; medians and ratios are printed.
 *
 *   npm run bench:select -- [scale=0.1] [repeats=3] [sessions=100]
 *
 * The 22 query texts of TPC-H are read from ../shared/data/tpch_sf0005/queries; without them there is nothing to measure.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { postgres } from '../../connectors/postgres/connector.ts';
import { openBenchmarkSilos, rowsOf, type Silos } from './silos.ts';
import { median, printTable, quantile, timed } from './table.ts';
import { TABLES, type Table } from './tpch-data.ts';

const scale = Number(process.argv[2] ?? 0.1);
const repeats = Number(process.argv[3] ?? 3);
const sessions = Number(process.argv[4] ?? 100);
const signal = new AbortController().signal;

/** A query that PostgreSQL itself does not answer in this time is counted with this time. */
const PATIENCE_MS = 20_000;

const FOLDER = resolve(import.meta.dirname, '../../../shared/data/tpch_sf0005/queries');
if (!existsSync(FOLDER)) {
  console.log(`nothing measured: the query texts are not at ${FOLDER}`);
  process.exit(0);
}
const QUERIES = readdirSync(FOLDER).map((file) => ({
  name: file.replace('.sql', ''),
  text: readFileSync(join(FOLDER, file), 'utf8').replace(/;\s*$/, ''),
}));

/** Each table's silo: large ones in files, two in a DuckDB file, the rest in PostgreSQL. */
const SPREAD: Readonly<Record<Table, string>> = {
  lineitem: 'lake',
  orders: 'lake',
  part: 'duck',
  partsupp: 'duck',
  customer: 'pg',
  supplier: 'pg',
  nation: 'pg',
  region: 'pg',
};

/** The query with every table named by its silo. */
const placed = (text: string, placement: (table: Table) => string): string =>
  TABLES.reduce(
    (sql, table) =>
      sql.replaceAll(new RegExp(`((?:FROM|JOIN|,)\\s+)${table}\\b`, 'gi'), `$1${placement(table)}.${table}`),
    text,
  );

const spread = (table: Table): string => SPREAD[table];
const lineitemInPostgres = (table: Table): string => (table === 'lineitem' ? 'pg' : SPREAD[table]);

async function medians(contenders: Readonly<Record<string, () => Promise<unknown>>>): Promise<Record<string, number>> {
  const times: Record<string, number[]> = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (const run of Object.values(contenders)) await run();
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [name, run] of Object.entries(contenders)) times[name]!.push(await timed(run));
  }
  return Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
}

const total = (rows: readonly Record<string, number>[], name: string): number =>
  rows.reduce((sum, row) => sum + row[name]!, 0);
const ms = (value: number): string => value.toFixed(1);
const ratio = (a: number, b: number): string => (a / b).toFixed(2);

/** One silo's statement through us, and sent to that silo directly over the same connector. */
async function oneSilo({ session, postgresUrl }: Silos): Promise<void> {
  await using silo = await postgres.connect({ url: postgresUrl }, signal);
  const measured = [];
  for (const { name, text } of QUERIES) {
    const ours = placed(text, () => 'pg');
    const columns = await silo.describe!(text, signal);
    const direct = async (): Promise<void> => {
      const patience = AbortSignal.timeout(PATIENCE_MS);
      try {
        const result = await silo.run({ kind: 'sql', text, columns }, patience);
        if (result.kind === 'batches') for await (const batch of result.batches) void batch.numRows;
      } catch (thrown) {
        if (!patience.aborted) throw thrown;
      }
    };
    measured.push({ name, ...(await medians({ causeway: () => rowsOf(session, ours), direct })) });
  }
  const rows = measured as unknown as (Record<string, number> & { name: string })[];
  printTable(
    'One silo: through Causeway / sent to PostgreSQL directly (ms, median)',
    ['query', 'causeway', 'direct', 'ratio'],
    [
      ...rows.map((row) => [row.name, ms(row.causeway!), ms(row.direct!), ratio(row.causeway!, row.direct!)]),
      [
        'sum',
        ms(total(rows, 'causeway')),
        ms(total(rows, 'direct')),
        ratio(total(rows, 'causeway'), total(rows, 'direct')),
      ],
    ],
  );
}

/** Tables spread over three silos, against one local DuckDB that holds them all, and against shipping whole tables. */
async function spreadOut({ session, engine, local }: Silos): Promise<void> {
  const whole = engine.openSession();
  await rowsOf(whole, 'SET causeway.pushdown = off');
  const rows: (Record<string, number> & { name: string })[] = [];
  for (const { name, text } of QUERIES) {
    const times = await medians({
      spread: () => rowsOf(session, placed(text, spread)),
      'lineitem in pg': () => rowsOf(session, placed(text, lineitemInPostgres)),
      'whole tables': () => rowsOf(whole, placed(text, spread)),
      'local DuckDB': async () => (await local.runAndReadAll(text)).currentRowCount,
    });
    rows.push({ name, ...times } as unknown as Record<string, number> & { name: string });
  }
  const names = ['spread', 'lineitem in pg', 'whole tables', 'local DuckDB'];
  printTable(
    'Three silos (ms, median): files hold lineitem and orders, a DuckDB file part and partsupp, PostgreSQL the rest',
    ['query', ...names, 'spread / local', 'spread / whole'],
    [
      ...rows.map((row) => [
        row.name,
        ...names.map((each) => ms(row[each]!)),
        ratio(row.spread!, row['local DuckDB']!),
        ratio(row.spread!, row['whole tables']!),
      ]),
      [
        'sum',
        ...names.map((each) => ms(total(rows, each))),
        ratio(total(rows, 'spread'), total(rows, 'local DuckDB')),
        ratio(total(rows, 'spread'), total(rows, 'whole tables')),
      ],
    ],
  );
}

/** Many sessions at once, each with a query of its own. */
async function crowd({ engine }: Silos): Promise<void> {
  let failed = 0;
  const started = performance.now();
  const times = await Promise.all(
    Array.from({ length: sessions }, async (_, i) => {
      const { text } = QUERIES[i % QUERIES.length]!;
      const session = engine.openSession();
      return timed(async () => rowsOf(session, placed(text, spread)).catch(() => failed++));
    }),
  );
  printTable(
    `${sessions} sessions at once, mixed queries`,
    ['p50 ms', 'p95 ms', 'all ms', 'errors', 'RSS MB'],
    [
      [
        ms(quantile(times, 0.5)),
        ms(quantile(times, 0.95)),
        ms(performance.now() - started),
        String(failed),
        String(Math.round(process.memoryUsage().rss / 1e6)),
      ],
    ],
  );
}

/** Planning alone, with everything known already. */
async function planning({ session }: Silos): Promise<void> {
  const times: number[] = [];
  for (const { text } of QUERIES) {
    const explain = `EXPLAIN ${placed(text, spread)}`;
    await rowsOf(session, explain);
    for (let repeat = 0; repeat < Math.max(5, repeats); repeat++)
      times.push(await timed(() => rowsOf(session, explain)));
  }
  printTable(
    'EXPLAIN of the 22 queries',
    ['p50 ms', 'p95 ms'],
    [[ms(quantile(times, 0.5)), ms(quantile(times, 0.95))]],
  );
}

console.log(`TPC-H shape at scale ${scale}, ${repeats} repeats`);
await using silos = await openBenchmarkSilos(scale);
await oneSilo(silos);
await spreadOut(silos);
await planning(silos);
await crowd(silos);
