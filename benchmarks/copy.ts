/**
 * Rows from PostgreSQL into the mediator, against `psql \copy … binary` to nowhere (the bound of the wire) and against
 * rows read by node-pg. All in one run, interleaved; medians and ratios are printed.
 *
 *   node benchmarks/copy.ts [rows=1000000] [repeats=5]
 */
import { spawn } from 'node:child_process';
import pg from 'pg';
import { postgres } from '../connectors/postgres/connector.ts';
import { Mediator } from '../operators/mediator/mediator.ts';
import { startServer, testDatabase } from '../test/servers/postgres.ts';

const rows = Number(process.argv[2] ?? 1_000_000);
const repeats = Number(process.argv[3] ?? 5);
const signal = new AbortController().signal;

const { server, stop } = await startServer();
try {
  await using database = await testDatabase(server);
  await database.client.query(`CREATE TABLE t AS SELECT i AS id,
      CASE WHEN i % 17 <> 0 THEN (i * 7919::bigint * 1000003) % 9000000000000000 END AS big,
      CASE WHEN i % 13 <> 0 THEN sin(i) * 1e6 END AS dbl,
      (CASE WHEN i % 11 <> 0 THEN (i * 104729::bigint % 1000000000) / 100.0 - 4000000 END)::numeric(12, 2) AS num,
      CASE WHEN i % 19 = 0 THEN NULL WHEN i % 3 = 0 THEN 'short' || i % 1000 ELSE 'customer comment number ' || i || ' ' || md5(i::text) END AS txt,
      CASE WHEN i % 23 <> 0 THEN date '1992-01-01' + i % 9000 END AS dt,
      CASE WHEN i % 29 <> 0 THEN timestamptz '2020-01-01Z' + i * interval '1.000003 seconds' END AS ts,
      CASE WHEN i % 7 <> 0 THEN i % 2 = 0 END AS b
    FROM generate_series(1, ${rows}) i`);
  await database.client.query('VACUUM ANALYZE t');
  await using silo = await postgres.connect({ url: database.url }, signal);
  await using mediator = await Mediator.open();
  const [table] = await silo.tables(signal);
  const columns = table!.columns.map(({ name, type }) => ({ name, type }));
  const names = columns.map(({ name }) => name).join(', ');

  /** Our way: binary COPY into typed arrays into DuckDB chunks. */
  const ours = async () => {
    await using session = await mediator.session();
    const result = await silo.run({ kind: 'sql', text: `SELECT ${names} FROM t`, columns }, signal);
    return (await session.ingest('t', result, signal)) ?? 0;
  };
  /** The rows of node-pg's own parser, kept nowhere. */
  const nodePg = async () => {
    const client = new pg.Client(database.url);
    await client.connect();
    const result = await client.query({ text: `SELECT ${names} FROM t`, rowMode: 'array' });
    await client.end();
    return result.rowCount ?? 0;
  };
  const psql = () =>
    new Promise<number>((done, fail) => {
      const command = `\\copy (SELECT ${names} FROM t) TO '/dev/null' (FORMAT binary)`;
      const child = spawn('psql', ['-X', '-q', '-c', command, database.url], { stdio: 'ignore' });
      child.on('error', fail);
      child.on('exit', (code) => (code === 0 ? done(rows) : fail(new Error(`psql ended with ${code}`))));
    });

  const contenders: [string, () => Promise<number>][] = [['causeway', ours]];
  const hasPsql = await psql().then(
    () => true,
    () => false,
  );
  if (hasPsql) contenders.push(['psql \\copy binary', psql]);
  else console.log('psql is not installed: no bound is measured');
  contenders.push(['node-pg', nodePg]);

  /** Processor time of this process: what is left when the machine has other work. */
  const processor = new Map<string, number[]>(contenders.map(([name]) => [name, []]));
  const seconds = new Map<string, number[]>(contenders.map(([name]) => [name, []]));
  await ours();
  for (let i = 0; i < repeats; i++) {
    for (const [name, run] of contenders) {
      const before = process.cpuUsage();
      const start = performance.now();
      const moved = await run();
      if (moved !== rows) throw new Error(`${name} moved ${moved} rows instead of ${rows}`);
      seconds.get(name)!.push((performance.now() - start) / 1000);
      const { user, system } = process.cpuUsage(before);
      processor.get(name)!.push((user + system) / 1e6);
    }
  }
  const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;
  const own = median(seconds.get('causeway')!);
  console.table(
    contenders.map(([name]) => {
      const middle = median(seconds.get(name)!);
      return {
        path: name,
        'median s': middle.toFixed(3),
        'own cpu s': median(processor.get(name)!).toFixed(3),
        'rows/s': Math.round(rows / middle).toLocaleString('en'),
        'causeway is × as fast': (middle / own).toFixed(2),
      };
    }),
  );
} finally {
  await stop();
}
