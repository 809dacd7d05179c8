/**
 * A stand-in for the training procedure that needs no Python: the product's own trainer, with its reference backend, does each
 * job of connectors/training-step.ts by itself, on rows that it reads anew. test/engines/snowpark.test.ts runs the real handler.
 */
import { rowBatches } from '../../../connectors/row-batches.ts';
import type { StepAnswers, StepEvaluation, StepJob, StepNetwork } from '../../../connectors/training-step.ts';
import type { Evaluation } from '../../../operators/lstm/evaluation.ts';
import { LocalTrainer } from '../../../operators/lstm/local-trainer.ts';
import type { FeatureStatistics } from '../../../operators/lstm/statistics.ts';
import type { FeatureSpec } from '../../../src/plan/training.ts';
import { scalar } from '../../../src/plan/types.ts';
import type { WarehouseSql } from '../warehouse/duckdb-sql.ts';
import type { Procedures } from './procedures.ts';
import { stepRows } from './step-rows.ts';

export const referenceProcedure =
  (sql: WarehouseSql): Procedures[string] =>
  async (given, signal) => {
    const job = given as StepJob;
    const names = ['time', ...(job.entity ? ['entity'] : []), ...job.names];
    const columns = names.map((name) => ({ name, type: scalar(name === 'entity' ? 'text' : 'double') }));
    const { maxGap, ...sequence } = job.sequence;
    const spec = {
      ...{ silo: 'silo' in job ? job.silo : 'snow', time: 'time', targets: [0] },
      ...(job.entity ? { entity: 'entity' } : {}),
      features: job.names.map((name): FeatureSpec => ({ name, scale: 'standard' })),
      sequence: maxGap === undefined ? sequence : { ...sequence, maxGap },
      split:
        'testFrom' in job.split
          ? {
              ...{ kind: 'calendar' as const },
              ...{ validateFrom: BigInt(job.split.validateFrom), testFrom: BigInt(job.split.testFrom) },
            }
          : { kind: 'fractions' as const, ...job.split },
      ...(sequence.season === undefined ? {} : { season: sequence.season }),
    };
    const rows = rowBatches(columns, await stepRows(sql, job, signal));
    const network = job.ask === 'describe' ? undefined : job;
    const model = network?.spec ?? NO_MODEL;
    const targets = network?.targets.map((target) => network.kept[target]!) ?? [0];
    await using trainer = await LocalTrainer.open(
      { ...spec, targets, model, backend: 'reference', threads: 1 },
      rows,
      signal,
    );
    if (network !== undefined) trainer.standardise(statisticsOf(network, job.names.length));
    return await answerOf(job, trainer, signal);
  };

const NO_MODEL: StepNetwork['spec'] = {
  ...{ cell: 'lstm', inputs: 1, hidden: 1, layers: 1, outputs: 1, dropout: 0, readout: 'last', biases: 1, loss: 'mse' },
};

/** Moments whose mean and deviation are the job's; features that it leaves out have one value. */
const statisticsOf = ({ kept, scales }: StepNetwork, features: number): FeatureStatistics =>
  Array.from({ length: features }, (_, i) => {
    const [mean, deviation] = scales[kept.indexOf(i)] ?? [0, 0];
    return { n: 1, mean, m2: deviation ** 2 };
  });

async function answerOf(
  job: StepJob,
  trainer: LocalTrainer,
  signal: AbortSignal,
): Promise<StepAnswers[StepJob['ask']]> {
  if (job.ask === 'describe') {
    const { bytes: _, ...summary } = trainer.summary;
    return { ...summary, longest: summary.rows, moments: trainer.statistics() };
  }
  const bytes = Buffer.from(job.weights, 'base64');
  const weights = Float32Array.from({ length: bytes.length / 4 }, (_, k) => bytes.readFloatLE(4 * k));
  if (job.ask === 'evaluate') return sumsOf(await trainer.evaluate(weights, job.part, signal));
  if (job.ask === 'train') {
    const { losses, seconds, steps, weights: trained, windows } = await trainer.trainRound({ ...job, weights }, signal);
    const update = trained.map((weight, k) => weight - weights[k]!);
    return { update: Buffer.from(update.buffer).toString('base64'), losses, seconds, steps, windows };
  }
  const rounds = job.rates.length;
  return sumsOf(await trainer.trainAlone({ ...job, rounds }, signal));
}

const sumsOf = ({ lossSum, lossWeight, targets, windows }: Evaluation): StepEvaluation => ({
  ...{ lossSum, lossWeight, windows },
  targets: targets.map(({ actual, model, persistence, seasonal }) => ({
    ...{ actual, model: model, persistence: persistence },
    ...(seasonal === undefined ? {} : { seasonal: seasonal }),
  })),
});
