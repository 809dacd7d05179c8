/**
 * What a unit of work costs PostgreSQL and DuckDB in processor time, beside the defaults of optimizer/cost/site.ts: a busy machine
 * gives the figures of an idle one. A statement's time, less that of what it does besides, by the units it does.
 */
import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { postgres } from '../../connectors/postgres/connector.ts';
import { defaultProfile, MEDIATOR } from '../../optimizer/cost/site.ts';
import type { Unit } from '../../optimizer/cost/work.ts';
import { startPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { scalar } from '../../src/plan/types.ts';
import { median, printTable } from '../select/table.ts';

const ROWS = 1_000_000;
const SMALL = 100_000;
const LARGE = 500_000;
const GROUPS = 1000;

const TABLES = [
  `CREATE TABLE t AS SELECT i AS id, i % ${GROUPS} AS k, (1 + (i * 7919::bigint) % ${LARGE})::integer AS j, ((i * 104729::bigint) % 1000003)::integer AS v
   FROM generate_series(1, ${ROWS}) AS s(i)`,
  `CREATE TABLE small AS SELECT i AS id, i AS x FROM generate_series(1, ${SMALL}) AS s(i)`,
  `CREATE TABLE large AS SELECT i AS id, i AS x FROM generate_series(1, ${LARGE}) AS s(i)`,
];

/** Each puts out next to nothing, which nobody can tell from the columns' bounds. */
const STATEMENTS = {
  scan: 'SELECT id FROM t WHERE v = 777777',
  groups: 'SELECT k, sum(v) FROM t GROUP BY k HAVING sum(v) = 777',
  joinSmall: 'SELECT t.id FROM t JOIN small ON t.j = small.id WHERE t.v + small.x = 777',
  joinLarge: 'SELECT t.id FROM t JOIN large ON t.j = large.id WHERE t.v + large.x = 777',
  sort: `SELECT id, v FROM t ORDER BY v OFFSET ${ROWS}`,
} as const;

type Times = Record<keyof typeof STATEMENTS, number>;

/** Seconds of processor time of the statement, the median of some runs. */
async function timesOf(run: (sql: string) => Promise<number>): Promise<Times> {
  const times: Partial<Times> = {};
  for (const [name, sql] of Object.entries(STATEMENTS)) {
    const all: number[] = [];
    for (let i = 0; i < 5; i++) all.push(await run(sql));
    times[name as keyof Times] = median(all);
  }
  return times as Times;
}

/** A row that is looked up and found counts twice (optimizer/cost/work.ts). */
function perUnit({ scan, groups, joinSmall, joinLarge, sort }: Times): Partial<Record<Unit, number>> {
  const scanned = scan / ROWS;
  const [small, large] = [joinSmall - scanned * (ROWS + SMALL), joinLarge - scanned * (ROWS + LARGE)];
  const [hitsSmall, hitsLarge] = [(ROWS * SMALL) / LARGE, ROWS];
  // small = built × SMALL + probed × (ROWS + hits), large likewise: two equations.
  const [lookSmall, lookLarge] = [ROWS + hitsSmall, ROWS + hitsLarge];
  const determinant = SMALL * lookLarge - LARGE * lookSmall;
  return {
    scanned,
    aggregated: (groups - scan) / (ROWS + GROUPS),
    built: (small * lookLarge - large * lookSmall) / determinant,
    probed: (SMALL * large - LARGE * small) / determinant,
    sorted: (sort - scan) / (ROWS * Math.log2(ROWS)),
  };
}

/** Seconds that a process has worked, from /proc in hundredths. */
function worked(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const ownSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function ofPostgres(): Promise<Partial<Record<Unit, number>>> {
  await using server = await startPostgres();
  const { host, port, user, password } = server;
  const client = new pg.Client({ host, port, user, password, database: 'postgres' });
  await client.connect();
  try {
    for (const sql of [...TABLES, 'ANALYZE', 'SET max_parallel_workers_per_gather = 0']) await client.query(sql);
    const pid = (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]!.pid;
    const times = await timesOf(async (sql) => {
      const before = worked(pid);
      await client.query(sql);
      return worked(pid) - before;
    });
    const units = perUnit(times);
    return { ...units, produced: await produced(server, client, units.scanned!) };
  } finally {
    await client.end();
  }
}

/** Encoding at the server and decoding here, for rows of two integers: one process waits for the other, the longer one counts. */
async function produced(
  { host, port, user, password }: Awaited<ReturnType<typeof startPostgres>>,
  client: pg.Client,
  scanned: number,
): Promise<number> {
  const { signal } = new AbortController();
  await using silo = await postgres.connect(
    { url: `postgresql://${user}:${password}@${host}:${port}/postgres` },
    signal,
  );
  const columns = ['id', 'v'].map((name) => ({ name, type: scalar('integer') }));
  const all: number[] = [];
  for (let i = 0; i < 5; i++) {
    const { rows } = await client.query<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    const there = (): number => rows.reduce((sum, { pid }) => sum + worked(pid), 0);
    const [here, before] = [ownSeconds(), there()];
    const result = await silo.run({ kind: 'sql', text: 'SELECT id, v FROM t', columns }, signal);
    if (result.kind === 'batches') for await (const _ of result.batches);
    // The first run may have opened a connection that was not counted.
    if (i > 0) all.push(Math.max(there() - before - scanned * ROWS, ownSeconds() - here) / ROWS);
  }
  return median(all);
}

async function ofDuckDB(): Promise<Partial<Record<Unit, number>>> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  for (const sql of ["SET disabled_optimizers = 'join_filter_pushdown'", ...TABLES]) await connection.run(sql);
  const times = await timesOf(async (sql) => {
    const before = ownSeconds();
    await connection.run(sql);
    return ownSeconds() - before;
  });
  connection.closeSync();
  return perUnit(times);
}

export async function speeds(): Promise<void> {
  const measured = { postgres: await ofPostgres(), [MEDIATOR]: await ofDuckDB() };
  const rows = Object.entries(measured).flatMap(([kind, units]) =>
    Object.entries(units).map(([unit, seconds]) => {
      const known = defaultProfile(kind).seconds[unit as Unit];
      const nanoseconds = (each: number): string => (each * 1e9).toFixed(1);
      return [kind, unit, nanoseconds(seconds), nanoseconds(known), `${(known / seconds).toFixed(2)} ×`];
    }),
  );
  printTable(
    'Work of the engines, nanoseconds of processor time per unit, and what is taken for it before a silo is calibrated',
    ['engine', 'unit', 'measured', 'default', 'ratio'],
    rows,
  );
}
