/**
 * How good federated models are: `npm run bench:quality [auto|reference|personal|held-out|all=all] [seeds=7,8,9] [task number]`. Test
 * RMSE of the strategies beside PyTorch's with the same data, windows and schedule (`reference`), and of TRAIN without
 * FEDERATE beside the naive rules and models of single silos: on those tasks (`auto`), with a head for every silo
 * (`personal`), and on tasks that nothing was tuned on (`held-out`). About half a minute per task, seed and mode on two cores.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine } from '../../src/engine/engine.ts';
import type { Session } from '../../src/engine/session.ts';
import type { RegressionMetrics } from '../../src/engine/training/metrics.ts';
import { HELD_OUT, type ReferenceTask, TASKS, type Task, writeSilos } from './tasks.ts';

const [mode = 'all', seedList = '7,8,9', only] = process.argv.slice(2);
const seeds = seedList.split(',').map(Number);
const chosen = <T extends Task>(tasks: readonly T[]): readonly T[] =>
  tasks.filter((_, i) => only === undefined || i === Number(only) - 1);

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

async function reference(engine: Engine, session: Session, task: ReferenceTask): Promise<void> {
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

const AUTO = '';
const PERSONAL = "FEDERATE auto (personalize => 'head')";

/** `auto`, as it is or with a head for every silo; `alone` is the least RMSE of models of one silo's rows that PyTorch or we have. */
async function auto(
  engine: Engine,
  session: Session,
  task: Task & Partial<ReferenceTask>,
  federate: typeof AUTO | typeof PERSONAL,
): Promise<void> {
  await run(session, "SET causeway.local_baseline = 'on'");
  console.log(`\n${task.name}, TRAIN ${federate === AUTO ? 'without FEDERATE' : federate}`);
  console.log(
    '| seed | silo | model | with its own head | persistence | seasonal | alone | alone, reference | worst ratio |\n|---|---|---|---|---|---|---|---|---|',
  );
  const { best, digits, local = [] } = task;
  const shown = (value: number | null | undefined): string => value?.toFixed(digits) ?? '';
  for (const seed of seeds) {
    const notices: string[] = [];
    const { pooled, rounds, seconds, silos } = await train(
      engine,
      session,
      task,
      `USING lstm (seed => ${seed}) ${federate}`,
      notices,
    );
    const line = (name: string, metrics: RegressionMetrics, alone: number | undefined, verdict: string): void => {
      const { localRmse, persistenceRmse, personalRmse, rmse, seasonalRmse } = metrics;
      const cells = [rmse, personalRmse, persistenceRmse, seasonalRmse, localRmse, alone].map(shown);
      console.log(`| ${seed} | ${name} | ${cells.join(' | ')} | ${verdict} |`);
    };
    silos.forEach((metrics, i) => {
      const { localRmse, persistenceRmse, personalRmse, rmse, seasonalRmse } = metrics;
      const peers = [persistenceRmse, seasonalRmse, localRmse, local[i]].map((each) => each ?? Infinity);
      line(String(i + 1), metrics, local[i], ((personalRmse ?? rmse) / Math.min(...peers)).toFixed(3));
    });
    const used = pooled.personalRmse ?? pooled.rmse;
    const verdict = best === undefined ? '' : `${(used / best).toFixed(3)} × best of the reference`;
    line('pooled', pooled, undefined, verdict);
    console.log(`${rounds} rounds, ${seconds.toFixed(1)} s; ${notices.join('; ')}`);
  }
}

async function measured<T extends Task>(
  task: T,
  measure: (engine: Engine, session: Session, task: T) => Promise<void>,
): Promise<void> {
  const series = task.series();
  if (series === undefined) {
    console.log(`skipped, ${task.name}: the data set is not there (../shared/data/etth1)`);
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), 'causeway-quality-'));
  try {
    await using engine = await Engine.open({ directory: join(directory, 'catalog') });
    await using session = engine.openSession();
    for (const statement of await writeSilos(series, task.table, directory)) await run(session, statement);
    await measure(engine, session, task);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const asked = (name: string): boolean => mode === 'all' || mode === name;
for (const task of chosen(TASKS)) {
  await measured(task, async (engine, session) => {
    if (asked('reference')) await reference(engine, session, task);
    if (asked('auto')) await auto(engine, session, task, AUTO);
    if (asked('personal')) await auto(engine, session, task, PERSONAL);
  });
}
if (asked('held-out')) {
  for (const task of chosen(HELD_OUT)) {
    await measured(task, (engine, session) => auto(engine, session, task, PERSONAL));
  }
}
