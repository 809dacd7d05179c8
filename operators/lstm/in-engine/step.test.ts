/** The function for BigQuery, run in a V8 context that has the language and WebAssembly alone, against the product's own trainer. */
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { trainingCode } from '../../../connectors/bigquery/training/functions.ts';
import { rowBatches } from '../../../connectors/row-batches.ts';
import type { StepAnswers, StepJob, StepRows } from '../../../connectors/training-step.ts';
import type { LocalTrainingSpec, ModelSpec, SequenceSpec } from '../../../src/plan/training.ts';
import { scalar } from '../../../src/plan/types.ts';
import { LocalTrainer } from '../local-trainer.ts';
import { initialWeights } from '../model.ts';
import { deriveSeed } from '../random.ts';
import { base64Of, bytesOf, floatsOf } from './base64.ts';
import { kernel } from './bundle.ts';
import type { EngineRow } from './rows.ts';
import { createHash } from './sandbox/crypto.ts';

const signal = new AbortController().signal;
const STEP = 3600e6;
const NAMES = ['load', 'heat'];

/** Three runs of rows of two entities, with a gap, a NULL, and one entity too short for a window. */
const ROWS: EngineRow[] = [60, 45, 50, 3].flatMap((length, run) =>
  Array.from({ length }, (_, i) => ({
    time: ((run === 2 ? 500 : 0) + i) * STEP,
    entity: ['a', 'b', 'b', 'c'][run]!,
    features: [run === 1 && i === 20 ? null : 50 + 8 * Math.sin((i + run) / 4) + run, 1e6 + 3 * Math.cos(i / 3)],
  })),
);

function inContext(job: StepJob, rows: readonly EngineRow[] = ROWS): unknown {
  const given = { job: JSON.stringify(job), rows: JSON.stringify(rows), kernel: kernel().toString('base64') };
  const script = `(function (job, given, kernel) {${trainingCode()}\n})(job, JSON.parse(rows), kernel)`;
  return JSON.parse(runInNewContext(script, { ...given }) as string);
}

const SEQUENCE: SequenceSpec = { window: 6, horizon: 2, stride: 1, maxGap: 1.5 * STEP, season: 5 };
const SPLIT = { validate: 0.15, test: 0.15 };
const BASE: ModelSpec = {
  ...{ cell: 'lstm', inputs: 2, hidden: 5, layers: 1, outputs: 1, dropout: 0, readout: 'last', biases: 1, loss: 'mse' },
};
const LOCAL: LocalTrainingSpec = { epochs: 2, batch: 16, optimizer: { name: 'adam', learningRate: 0.01 }, seed: 7 };

/** The product's own trainer, by its reference backend, on the same rows and scaled alike. */
async function product(spec: ModelSpec, sequence = SEQUENCE) {
  const columns = ['time', 'entity', ...NAMES].map((name, i) => ({ name, type: scalar(i === 1 ? 'text' : 'double') }));
  const trainer = await LocalTrainer.open(
    {
      ...{ silo: 'öst', time: 'time', entity: 'entity', targets: [0], sequence, model: spec, backend: 'reference' },
      features: NAMES.map((name) => ({ name, scale: 'standard' as const })),
      split: { kind: 'fractions', ...SPLIT },
      ...(sequence.season === undefined ? {} : { season: sequence.season }),
    },
    rowBatches(
      columns,
      ROWS.map(({ entity, features, time }) => [time, entity, ...features]),
    ),
    signal,
  );
  const moments = trainer.statistics();
  trainer.standardise(moments);
  return { trainer, moments };
}

const jobRows = (sequence = SEQUENCE): StepRows => ({ query: '', names: NAMES, entity: true, sequence, split: SPLIT });

function network(spec: ModelSpec, moments: StepAnswers['describe']['moments'], sequence = SEQUENCE) {
  const scales = moments.map(({ m2, mean, n }) => [mean, Math.sqrt(m2 / n)] as const);
  const weights = initialWeights(spec, 3);
  return { ...jobRows(sequence), spec, kept: [0, 1], scales, targets: [0], weights: base64Of(weights) };
}

test('what it tells of the rows is what the product tells', async () => {
  const { moments, trainer } = await product(BASE);
  await using _ = trainer;
  const told = inContext({ ...jobRows(), ask: 'describe' }) as StepAnswers['describe'];
  const { bytes: __, ...summary } = trainer.summary;
  expect(told).toMatchObject(summary);
  expect(told.moments).toEqual(moments);
});

const CASES: readonly (readonly [string, ModelSpec, Partial<LocalTrainingSpec>, SequenceSpec?])[] = [
  ['lstm, adam', BASE, {}],
  [
    'gru of two layers, every step, sgd with momentum and clipping',
    { ...BASE, cell: 'gru', layers: 2, readout: 'every' },
    { optimizer: { name: 'sgd', learningRate: 0.05, momentum: 0.9, clipNorm: 0.5 } },
  ],
  [
    'two biases, huber, adamw, proximal',
    { ...BASE, biases: 2, loss: 'huber', delta: 0.5 },
    { optimizer: { name: 'adamw', learningRate: 0.01, proximal: 0.1 } },
  ],
  [
    'dropout between layers, rmsprop, mae',
    { ...BASE, layers: 2, dropout: 0.3, loss: 'mae' },
    { optimizer: { name: 'rmsprop', learningRate: 0.01 } },
  ],
  ['windows with missing rows', { ...BASE, readout: 'every' }, {}, { ...SEQUENCE, minWindow: 3 }],
];

describe('one round, and errors', () => {
  const cases = CASES.map(([title, spec, local, sequence = SEQUENCE]) => ({ title, spec, local, sequence }));
  test.each(cases)('$title: as of the reference backend', async ({ local, sequence, spec }) => {
    const { moments, trainer } = await product(spec, sequence);
    await using _ = trainer;
    const given = network(spec, moments, sequence);
    const asked = { ...LOCAL, ...local };
    const weights = floatsOf(given.weights);
    const expected = await trainer.trainRound({ ...asked, weights, round: 4 }, signal);
    const rated = { ...asked.optimizer };
    const job: StepJob = { ...given, ...asked, optimizer: rated, silo: 'öst', round: 4, ask: 'train' };
    const found = inContext(job) as StepAnswers['train'];
    expect(found.windows).toBe(expected.windows);
    expect(found.steps).toBe(expected.steps);
    found.losses.forEach((loss, epoch) => {
      expect(loss).toBeCloseTo(expected.losses[epoch]!, 5);
    });
    const update = floatsOf(found.update);
    const own = expected.weights.map((weight, k) => weight - weights[k]!);
    const apart = Math.max(...update.map((u, i) => Math.abs(u - own[i]!)));
    expect(apart / Math.max(...own.map(Math.abs))).toBeLessThan(1e-3);

    const errors = inContext({ ...given, ask: 'evaluate', part: 'test', batch: 32 }) as StepAnswers['evaluate'];
    const { targets, ...sums } = await trainer.evaluate(weights, 'test', signal);
    expect(errors.windows).toBe(sums.windows);
    expect(errors.lossSum / errors.lossWeight).toBeCloseTo(sums.lossSum / sums.lossWeight, 5);
    expect(errors.targets[0]!.seasonal?.count).toBe(targets[0]!.seasonal?.count);
    expect(errors.targets[0]!.persistence.squaredErrorSum).toBeCloseTo(targets[0]!.persistence.squaredErrorSum, 3);
    expect(errors.targets[0]!.model.absoluteErrorSum).toBeCloseTo(targets[0]!.model.absoluteErrorSum, 3);
  });

  test('rounds alone, the best of which is tested', async () => {
    const { moments, trainer } = await product(BASE);
    await using _ = trainer;
    const expected = await trainer.trainAlone({ ...LOCAL, rounds: 3, patience: 2 }, signal);
    const given = { ...network(BASE, moments), weights: base64Of(initialWeights(BASE, LOCAL.seed)) };
    const rates = [0.01, 0.01, 0.01];
    const job: StepJob = { ...given, ...LOCAL, silo: 'öst', rates, patience: 2, ask: 'alone' };
    const found = inContext(job) as StepAnswers['alone'];
    expect(found.lossSum / found.lossWeight).toBeCloseTo(expected.lossSum / expected.lossWeight, 5);
  });
});

describe('trouble', () => {
  test('a column that is NULL throughout, and a value that is no number, are named', () => {
    const job: StepJob = { ...jobRows(), ask: 'describe' };
    const without = ROWS.map((row) => ({ ...row, features: [row.features[0]!, null] }));
    expect(() => inContext(job, without)).toThrow('column "heat" is NULL in every row');
  });

  test('no rows are no windows', () => {
    const told = inContext({ ...jobRows(), ask: 'describe' }, []) as StepAnswers['describe'];
    expect(told).toMatchObject({ rows: 0, entities: 0, windows: { train: 0, validation: 0, test: 0 } });
  });

  test('losses that run away are told', async () => {
    const { moments, trainer } = await product(BASE);
    await trainer[Symbol.asyncDispose]();
    const optimizer = { name: 'sgd', learningRate: 1e30 } as const;
    const job: StepJob = { ...network(BASE, moments), ...LOCAL, optimizer, silo: 's', round: 1, ask: 'train' };
    expect(() => inContext(job)).toThrow(/the training loss is (Infinity|NaN)|weights are infinite/);
  });
});

test('seeds and base64 are those of Node', () => {
  const texts = ['', 'abc', 'ö€😀', 'x'.repeat(200)];
  for (const text of texts) {
    const parts = [text, 4, 1];
    const own = createHash('sha256').update(JSON.stringify(parts)).digest().readUInt32LE(0);
    expect(own).toBe(deriveSeed(...parts));
  }
  for (let length = 0; length < 5; length++) {
    const floats = Float32Array.from({ length }, (_, i) => Math.sin(i) * 1e9);
    expect(base64Of(floats)).toBe(Buffer.from(floats.buffer).toString('base64'));
    expect(bytesOf(base64Of(floats))).toEqual(new Uint8Array(floats.buffer));
  }
});
