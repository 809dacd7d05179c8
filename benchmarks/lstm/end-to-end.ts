/**
 * Rows out of PostgreSQL to a trained epoch at W2 size (48 rows back, 64 units, batches of 64): how much of the time is the kernel's,
 * and how much memory the process takes beside the rows. `npm run bench:lstm -- --end-to-end 10000000`
 */

import { postgres } from '../../connectors/postgres/connector.ts';
import { LocalTrainer } from '../../operators/lstm/local-trainer.ts';
import { initialWeights } from '../../operators/lstm/model.ts';
import { mergeStatistics } from '../../operators/lstm/statistics.ts';
import { scalar } from '../../src/plan/types.ts';
import { startServer, testDatabase } from '../../test/servers/postgres.ts';
import { modelOf, WORKLOADS } from './workloads.ts';

const FEATURES = 8;
const ROWS_PER_METER = 10_000;
const MiB = 2 ** 20;

/** Wall time and processor time of a piece of work, in seconds. */
async function timed<T>(work: () => T | Promise<T>): Promise<{ value: T; wall: number; cpu: number }> {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const value = await work();
  const { system, user } = process.cpuUsage(cpu);
  return { value, wall: (performance.now() - began) / 1000, cpu: (system + user) / 1e6 };
}

export async function endToEnd(rows: number, epochs = 1): Promise<void> {
  const { signal } = new AbortController();
  const names = Array.from({ length: FEATURES }, (_, f) => `f${f}`);
  const { server, stop } = await startServer();
  try {
    await using database = await testDatabase(server);
    const values = names.map((name, f) => `sin(i * ${f + 1} / 37.0) + ${f} * 10 AS ${name}`);
    await database.client.query(
      `CREATE TABLE readings AS SELECT m AS meter, timestamp '2020-01-01' + i * interval '1 hour' AS ts, ${values.join(', ')}
       FROM generate_series(1, ${Math.ceil(rows / ROWS_PER_METER)}) m, generate_series(1, ${Math.min(rows, ROWS_PER_METER)}) i`,
    );
    await database.client.query('ALTER TABLE readings ADD PRIMARY KEY (meter, ts)');
    await database.client.query('VACUUM ANALYZE readings');
    await using silo = await postgres.connect({ url: database.url }, signal);
    const workload = WORKLOADS.find(({ name }) => name === 'W2')!;
    const spec = {
      silo: 'berlin',
      time: 'ts',
      entity: 'meter',
      features: names.map((name) => ({ name, scale: 'standard' }) as const),
      targets: [0],
      sequence: { window: workload.window, horizon: 1, stride: 1 },
      split: { kind: 'fractions', validate: 0.1, test: 0.1 } as const,
      model: { ...modelOf(workload), inputs: FEATURES },
    };
    globalThis.gc?.();
    const before = process.memoryUsage.rss();
    const text = `SELECT ts, meter, ${names.join(', ')} FROM readings ORDER BY meter, ts`;
    const columns = [
      { name: 'ts', type: scalar('timestamp') },
      { name: 'meter', type: scalar('integer') },
      ...names.map((name) => ({ name, type: scalar('double') })),
    ];
    const opened = await timed(async () => {
      const result = await silo.run({ kind: 'sql', text, columns }, signal);
      if (result.kind !== 'batches') throw new Error('PostgreSQL answers with batches');
      return LocalTrainer.open(spec, result.batches, signal);
    });
    await using trainer = opened.value;
    const told = await timed(() => trainer.statistics());
    const scaled = await timed(() => trainer.standardise(mergeStatistics([told.value])));
    const request = { round: 1, epochs, batch: workload.batch, seed: 7, weights: initialWeights(trainer.model, 7) };
    const optimizer = { name: 'adam', learningRate: 1e-3 } as const;
    const trained = await timed(() => trainer.trainRound({ ...request, optimizer }, signal));
    const { bytes, windows } = trainer.summary;
    const peak = process.resourceUsage().maxRSS * 1024 - before;
    const parts = [
      ['rows out of PostgreSQL into the buffer', opened],
      ['statistics', told],
      ['scaling', scaled],
      [`${epochs} epoch, ${windows.train} windows`, trained],
    ] as const;
    console.log(
      `\n${trainer.summary.rows} rows × ${FEATURES} features\n| part | seconds | processor seconds |\n|---|---|---|`,
    );
    for (const [name, { cpu, wall }] of parts) console.log(`| ${name} | ${wall.toFixed(2)} | ${cpu.toFixed(2)} |`);
    const sum = (of: (part: (typeof parts)[number][1]) => number) => parts.reduce((all, [, part]) => all + of(part), 0);
    const share = (of: (part: (typeof parts)[number][1]) => number) => ((100 * of(trained)) / sum(of)).toFixed(1);
    console.log(
      `\nThe kernel's share: ${share(({ wall }) => wall)} % of the time, ${share(({ cpu }) => cpu)} % of the processor time.`,
    );
    console.log(
      `Memory at the peak, above what the process had before: ${(peak / MiB).toFixed(0)} MiB, ` +
        `${(peak / bytes).toFixed(2)} × the ${(bytes / MiB).toFixed(0)} MiB of float32 values.`,
    );
  } finally {
    await stop();
  }
}
