/**
 * Tables spread over three silos, against one local DuckDB that holds them all, against PostgreSQL with all of them, and
 * against shipping whole tables.
 */
import pg from 'pg';
import { lineitemInPostgres, placed, QUERIES, spread } from './queries.ts';
import { medians, ms, type Run, ratio, sum } from './setup.ts';
import { rowsOf } from './silos.ts';
import { printTable, timed } from './table.ts';

export async function threeSilos({ silos, repeats, patienceMs }: Run): Promise<void> {
  const { session, engine, local, postgresUrl } = silos;
  const whole = engine.openSession();
  await rowsOf(whole, 'SET causeway.pushdown = off');
  const rows: { name: string; times: Record<'spread' | 'lineitem' | 'whole' | 'local' | 'postgres', number> }[] = [];
  for (const { name, text } of QUERIES) {
    const contenders = {
      spread: () => rowsOf(session, placed(text, spread)),
      lineitem: () => rowsOf(session, placed(text, lineitemInPostgres)),
      whole: () => rowsOf(whole, placed(text, spread)),
      local: async () => (await local.runAndReadAll(text)).currentRowCount,
    };
    const times = await medians(contenders, repeats);
    rows.push({ name, times: { ...times, postgres: await inPostgres(postgresUrl, text, patienceMs) } });
  }
  const total = (name: keyof (typeof rows)[number]['times']): number => sum(rows.map(({ times }) => times[name]));
  const line = (name: string, t: (typeof rows)[number]['times']): string[] => [
    name,
    ms(t.spread),
    ms(t.local),
    ratio(t.spread, t.local),
    ms(t.whole),
    ratio(t.spread, t.whole),
    ms(t.lineitem),
    t.postgres >= patienceMs ? `> ${patienceMs}` : ms(t.postgres),
  ];
  printTable(
    `Three silos (ms): files hold lineitem and orders, a DuckDB file part and partsupp, PostgreSQL the rest
(aims: the sum ≤ 2 × local DuckDB; no query slower than whole tables; the last two columns: lineitem in PostgreSQL, PostgreSQL alone)`,
    ['query', 'spread', 'local DuckDB', 'ratio', 'whole tables', 'ratio', 'lineitem in pg', 'PostgreSQL itself'],
    [
      ...rows.map(({ name, times }) => line(name, times)),
      line('sum', {
        spread: total('spread'),
        local: total('local'),
        whole: total('whole'),
        lineitem: total('lineitem'),
        postgres: total('postgres'),
      }),
    ],
  );
}

/** One run is enough for what only stands beside. */
async function inPostgres(url: string, text: string, patienceMs: number): Promise<number> {
  const client = new pg.Client({ connectionString: url, statement_timeout: patienceMs });
  await client.connect();
  try {
    return await timed(() => client.query(text));
  } catch {
    return patienceMs;
  } finally {
    await client.end();
  }
}
