/**
 * How good federated models are: `npm run bench:quality [auto|reference|all=all] [seeds=7,8,9] [task number]`. Test RMSE of the
 * strategies beside PyTorch's with the same data, windows and schedule, and of TRAIN without FEDERATE beside the naive
 * rules and models of single silos. About two minutes per task and seed on two cores.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine } from '../../src/engine/engine.ts';
import type { Session } from '../../src/engine/session.ts';
import type { RegressionMetrics } from '../../src/engine/training/metrics.ts';
import { TASKS, type Task, writeSilos } from './tasks.ts';

const [mode = 'all', seedList = '7,8,9', only] = process.argv.slice(2);
const seeds = seedList.split(',').map(Number);
const tasks = TASKS.filter((_, i) => only === undefined || i === Number(only) - 1);

/** As the reference was trained: only what has a unit is standardised. */
const USING = (features: string, seed: number): string => `USING lstm (standardize => (${features}), seed => ${seed})`;
const STRATEGIES = {
  fedavg: 'fedavg (rounds => 20)',
  fedprox: 'fedprox (rounds => 20, mu => 0.01)',
  fedadam: 'fedadam (rounds => 20, server_learning_rate => 0.01, beta1 => 0.9, beta2 => 0.99, tau => 1e-3)',
} as const;

async function run(session: Session, text: string, notices: string[] = []): Promise<void> {
  const onNotice = ({ message, severity }: { message: string; severity: string }): void => {
    if (severity === 'NOTICE') notices.push(message);
  };
  for await (const { batches } of session.execute(text, { onNotice })) for await (const _ of batches);
}

const mean = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;

async function train(engine: Engine, session: Session, task: Task, clauses: string, notices?: string[]) {
  const { horizon, series, table, target, window } = task;
  const columns = ['time', ...series()!.features.map(({ name }) => `"${name}"`)].join(', ');
  await run(
    session,
    `TRAIN OR REPLACE MODEL m PREDICT "${target}" FORECAST BY time WINDOW ${window} HORIZON ${horizon} ${clauses}
     AS SELECT ${columns} FROM ${table}`,
    notices,
  );
  const { metrics } = engine.catalog.models.get('m')!;
  return {
    pooled: metrics.pooled[0] as RegressionMetrics,
    silos: metrics.silos.map(({ test }) => test[0] as RegressionMetrics),
    rounds: metrics.rounds.length,
    seconds: metrics.seconds,
  };
}

async function reference(engine: Engine, session: Session, task: Task): Promise<void> {
  const features = task.series()!.features.flatMap(({ name, scale }) => (scale === 'standard' ? [`'${name}'`] : []));
  console.log(`\n| ${task.name}: pooled RMSE | Causeway | PyTorch | ratio |\n|---|---|---|---|`);
  await run(session, "SET causeway.local_baseline = 'off'");
  for (const strategy of ['fedavg', 'fedprox', 'fedadam'] as const) {
    const found: number[] = [];
    for (const seed of seeds) {
      const clauses = `${USING(features.join(', '), seed)} FEDERATE ${STRATEGIES[strategy]}`;
      found.push((await train(engine, session, task, clauses)).pooled.rmse);
    }
    const [expected, spread] = task.reference[strategy];
    const each = found.map((rmse) => rmse.toFixed(task.digits)).join(', ');
    console.log(
      `| ${strategy} | ${mean(found).toFixed(task.digits)} (${each}) | ${expected} ± ${spread} | ${(mean(found) / expected).toFixed(3)} |`,
    );
  }
}

async function auto(engine: Engine, session: Session, task: Task): Promise<void> {
  await run(session, "SET causeway.local_baseline = 'on'");
  console.log(`\n${task.name}, TRAIN without FEDERATE`);
  console.log(
    '| seed | silo | model | persistence | seasonal | alone | alone, reference | worst ratio |\n|---|---|---|---|---|---|---|---|',
  );
  for (const seed of seeds) {
    const notices: string[] = [];
    const { pooled, rounds, seconds, silos } = await train(
      engine,
      session,
      task,
      `USING lstm (seed => ${seed})`,
      notices,
    );
    silos.forEach((metrics, i) => {
      const { localRmse, persistenceRmse, rmse, seasonalRmse } = metrics;
      const peers = [persistenceRmse, seasonalRmse ?? Infinity, localRmse ?? Infinity, task.local[i]!];
      const cells = [rmse, ...peers].map((value) => value.toFixed(task.digits));
      console.log(`| ${seed} | ${i + 1} | ${cells.join(' | ')} | ${(rmse / Math.min(...peers)).toFixed(3)} |`);
    });
    const ratio = (pooled.rmse / task.best).toFixed(3);
    const naive = [pooled.persistenceRmse, pooled.seasonalRmse ?? NaN, pooled.localRmse ?? NaN].map((v) =>
      v.toFixed(task.digits),
    );
    console.log(
      `| ${seed} | pooled | ${pooled.rmse.toFixed(task.digits)} | ${naive.join(' | ')} | | ${ratio} × best of the reference |`,
    );
    console.log(`${rounds} rounds, ${seconds.toFixed(1)} s; ${notices.join('; ')}`);
  }
}

for (const task of tasks) {
  const series = task.series();
  if (series === undefined) {
    console.log(`skipped, ${task.name}: the data set is not there (../shared/data/etth1)`);
    continue;
  }
  const directory = mkdtempSync(join(tmpdir(), 'causeway-quality-'));
  try {
    await using engine = await Engine.open({ directory: join(directory, 'catalog') });
    await using session = engine.openSession();
    for (const statement of await writeSilos(series, task.table, directory)) await run(session, statement);
    if (mode !== 'auto') await reference(engine, session, task);
    if (mode !== 'reference') await auto(engine, session, task);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
