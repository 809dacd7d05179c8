import { type RecordBatch, tableFromArrays } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import type { ModelSpec } from '../../src/plan/training.ts';
import { classificationMetrics } from './classification.ts';
import { mergeEvaluations, metricsOf } from './evaluation.ts';
import { importances, mergeExplanations } from './explain.ts';
import { LocalTrainer, type LocalTrainerSpec } from './local-trainer.ts';
import { initialWeights } from './model.ts';
import { mergeStatistics } from './statistics.ts';

const model: ModelSpec = {
  cell: 'lstm',
  inputs: 2,
  hidden: 8,
  layers: 1,
  outputs: 1,
  dropout: 0,
  readout: 'last',
  biases: 2,
  loss: 'mse',
};

const spec: LocalTrainerSpec = {
  silo: 'berlin',
  time: 'ts',
  features: [
    { name: 'load', scale: 'standard' },
    { name: 'phase', scale: 'none' },
  ],
  targets: [0],
  sequence: { window: 6, horizon: 2, stride: 1 },
  split: { kind: 'fractions', validate: 0.1, test: 0.1 },
  season: 4,
  model,
  threads: 1,
};

const request = {
  round: 1,
  epochs: 1,
  batch: 16,
  seed: 7,
  optimizer: { name: 'adam', learningRate: 0.01, clipNorm: 1 },
} as const;

const { signal } = new AbortController();
const HOUR = 3_600_000_000;

async function* rows(
  n: number,
  load: (i: number) => number = (i) => 100 + 20 * Math.sin(i / 3),
): AsyncIterable<RecordBatch> {
  yield* tableFromArrays({
    ts: Float64Array.from({ length: n }, (_, i) => i * HOUR),
    load: Float64Array.from({ length: n }, (_, i) => load(i)),
    phase: Float64Array.from({ length: n }, (_, i) => Math.cos(i / 3)),
  }).batches;
}

async function opened(batches = rows(300), overrides: Partial<LocalTrainerSpec> = {}): Promise<LocalTrainer> {
  const trainer = await LocalTrainer.open({ ...spec, ...overrides }, batches, signal);
  trainer.standardise(mergeStatistics([trainer.statistics()]));
  return trainer;
}

describe('LocalTrainer', () => {
  it('says what it read', async () => {
    await using trainer = await opened();
    expect(trainer.summary).toEqual({
      rows: 300,
      incompleteRows: 0,
      entities: 1,
      segments: 3,
      rowsPerPart: { train: 240, validation: 30, test: 30 },
      windows: { train: 233, validation: 23, test: 23 },
      bytes: 2400,
    });
  });

  it('learns, and repeats its bits', async () => {
    await using trainer = await opened();
    const first = initialWeights(model, 7);
    const result = await trainer.trainRound({ ...request, weights: first, epochs: 30 }, signal);
    expect(result.windows).toBe(233);
    expect(result.steps).toBe(30 * Math.ceil(233 / 16));
    expect(result.loss).toBeLessThan(result.losses[0]! / 10);
    expect(first).toEqual(initialWeights(model, 7));
    const again = await trainer.trainRound({ ...request, weights: first, epochs: 30 }, signal);
    expect(again.weights).toEqual(result.weights);
    const otherRound = await trainer.trainRound({ ...request, weights: first, epochs: 30, round: 2 }, signal);
    expect(otherRound.weights).not.toEqual(result.weights);
  });

  it('evaluates in the units of the target, beside the naive rules', async () => {
    const load = (i: number) => 100 + 20 * Math.sin(i / 3);
    await using trainer = await opened(rows(300, load));
    const evaluation = await trainer.evaluate(initialWeights(model, 7), 'test', signal);
    const { actual, persistence, seasonal, target } = evaluation.targets[0]!;
    expect(target).toBe('load');
    const targets = Array.from({ length: 23 }, (_, k) => 270 + k + 7);
    const rmse = (back: number) =>
      Math.sqrt(targets.reduce((sum, i) => sum + (load(i) - load(i - back)) ** 2, 0) / targets.length);
    expect(metricsOf(persistence, actual).rmse).toBeCloseTo(rmse(2), 3);
    expect(metricsOf(seasonal!, actual).rmse).toBeCloseTo(rmse(4), 3);
    const twice = mergeEvaluations([evaluation, evaluation]);
    expect(metricsOf(twice.targets[0]!.model, twice.targets[0]!.actual)).toEqual(
      metricsOf(evaluation.targets[0]!.model, actual),
    );
  });

  it('learns quantiles that cover what they should', async () => {
    const quantiles = [0.1, 0.5, 0.9];
    const noisy = (i: number) => 50 + 10 * Math.sin(i * i);
    const forecaster = { ...model, loss: 'quantile', outputs: 3, quantiles } as const;
    await using trainer = await opened(rows(600, noisy), { model: forecaster });
    const weights = initialWeights(forecaster, 7);
    const { weights: learned } = await trainer.trainRound({ ...request, weights, epochs: 15 }, signal);
    const { targets } = await trainer.evaluate(learned, 'train', signal);
    const { quantiles: found } = targets[0]!;
    expect(found!.map(({ level }) => level)).toEqual(quantiles);
    for (const { covered, level } of found!) {
      expect(Math.abs(covered / targets[0]!.actual.n - level)).toBeLessThan(0.12);
    }
  });

  it('learns a class, and counts hits and misses', async () => {
    const classifier = { ...model, loss: 'binary-cross-entropy' } as const;
    const positive = (i: number) => (Math.sin(i / 3) > 0 ? 1 : 0);
    await using trainer = await opened(rows(600, positive), { model: classifier });
    const weights = initialWeights(classifier, 7);
    const { weights: learned } = await trainer.trainRound({ ...request, weights, epochs: 20 }, signal);
    const { classifications, targets } = await trainer.evaluate(learned, 'test', signal);
    expect(targets).toEqual([]);
    expect(classificationMetrics(classifications![0]!).accuracy).toBeGreaterThan(0.9);
  });

  it('refuses a class that is none', async () => {
    const classifier = { ...model, loss: 'softmax-cross-entropy', outputs: 3 } as const;
    const error = opened(
      rows(60, (i) => i % 4),
      { model: classifier },
    );
    await expect(error).rejects.toThrow('column "load" has the value 3, which is no class');
  });

  it('predicts what it evaluates', async () => {
    await using trainer = await opened();
    const weights = initialWeights(model, 7);
    const { actual, predicted, times } = await trainer.predict(weights, 'test', signal);
    const { targets } = await trainer.evaluate(weights, 'test', signal);
    const squares = predicted.reduce((sum, value, i) => sum + (value - actual[i]!) ** 2, 0);
    expect(squares).toBeCloseTo(targets[0]!.model.squaredErrorSum, 3);
    expect(times[0]).toBe(277 * HOUR);
  });

  it('forecasts within the horizon from known rows, and beyond it from its own predictions and the given future', async () => {
    await using trainer = await opened();
    const { weights } = await trainer.trainRound({ ...request, weights: initialWeights(model, 7), epochs: 40 }, signal);
    const steps = 12;
    const phases = Array.from({ length: steps }, (_, k) => [Number.NaN, Math.cos((300 + k) / 3)]);
    const future = new Map([['', Float64Array.from(phases.flat())]]);
    const [forecast] = await trainer.forecast(weights, steps, signal, future);
    const expected = Array.from({ length: steps }, (_, k) => 100 + 20 * Math.sin((300 + k) / 3));
    forecast!.values.forEach((value, k) => {
      expect(Math.abs(value - expected[k]!)).toBeLessThan(8);
    });
    const [held] = await trainer.forecast(weights, steps, signal);
    expect(held!.values.slice(0, 2)).toEqual(forecast!.values.slice(0, 2));
    expect(held!.values.slice(4)).not.toEqual(forecast!.values.slice(4));
    expect(trainer.lastRows()).toEqual([{ entity: '', time: 299 * HOUR, interval: HOUR }]);
  });

  it('explains: the load matters, a feature the network does not read does not', async () => {
    await using trainer = await opened();
    const { weights } = await trainer.trainRound({ ...request, weights: initialWeights(model, 7), epochs: 20 }, signal);
    // Inputs stand column by column in the first tensor, [gates · hidden, inputs]: the second one is cut off.
    for (let row = 0; row < 4 * model.hidden; row++) weights[row * 2 + 1] = 0;
    const explanation = await trainer.explain({ weights, part: 'test', seed: 1 }, signal);
    const lines = importances(mergeExplanations([explanation, explanation]));
    expect(lines.length).toBe(2 * (1 + spec.sequence.window));
    const [load, ...loadLags] = lines.filter(({ feature }) => feature === 'load');
    const [phase] = lines.filter(({ feature }) => feature === 'phase');
    expect(load!.permutation).toBeGreaterThan(0);
    expect(phase!.permutation).toBe(0);
    expect(phase!.attribution).toBe(0);
    expect(loadLags.map(({ lag }) => lag)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(loadLags.reduce((sum, { attribution }) => sum + attribution, 0)).toBeCloseTo(load!.attribution, 12);
    expect(loadLags[0]!.attribution).toBeGreaterThan(loadLags[5]!.attribution);
  });

  it('drops constant features and trains without them', async () => {
    const trainer = await LocalTrainer.open(
      spec,
      rows(100, (i) => i % 7),
      signal,
    );
    await using _ = trainer;
    const [load] = trainer.statistics();
    const { dropped } = trainer.standardise([load!, { n: 80, mean: 3, m2: 0 }]);
    expect(dropped).toEqual(['phase']);
    expect(trainer.model.inputs).toBe(1);
    const weights = initialWeights(trainer.model, 1);
    expect((await trainer.trainRound({ ...request, weights }, signal)).loss).toBeGreaterThan(0);
  });

  it('names silo, window and rows when there is not one window', async () => {
    const error = LocalTrainer.open(spec, rows(9), signal);
    await expect(error).rejects.toMatchObject({ sqlstate: 'CW002', silo: 'berlin' });
    await expect(error).rejects.toThrow('silo berlin has not one training window');
  });

  it.each(['wasm', 'tfjs', 'reference'] as const)('trains on %s as on any other backend', async (backend) => {
    await using trainer = await opened(rows(80), { backend });
    await using other = await opened(rows(80));
    const weights = initialWeights(model, 7);
    const [found, expected] = await Promise.all(
      [trainer, other].map((t) => t.trainRound({ ...request, weights }, signal)),
    );
    expect(found!.loss).toBeCloseTo(expected!.loss, 5);
    expected!.weights.forEach((weight, i) => {
      expect(found!.weights[i]).toBeCloseTo(weight, 4);
    });
  });

  it('stops a diverging round with step, column and range', async () => {
    await using trainer = await opened();
    const optimizer = { name: 'sgd', learningRate: 1e30 } as const;
    const round = trainer.trainRound({ ...request, optimizer, weights: initialWeights(model, 7), epochs: 5 }, signal);
    await expect(round).rejects.toMatchObject({
      silo: 'berlin',
      message: expect.stringMatching(/^the training loss is (NaN|Infinity) at step \d+ of round 1$/),
      detail: expect.stringContaining('column "load" ranges from'),
    });
    const oneStep = { ...request, optimizer: { ...optimizer, learningRate: 1e300 }, batch: 1000 };
    await expect(trainer.trainRound({ ...oneStep, weights: initialWeights(model, 7) }, signal)).rejects.toMatchObject({
      message: 'weights are infinite or no numbers after step 1 of round 1',
      detail: expect.stringContaining('column "load" ranges from'),
    });
    const next = await trainer.trainRound({ ...request, weights: initialWeights(model, 7) }, signal);
    expect(next.loss).toBeLessThan(10);
  });

  it('stops when it is cancelled, and can go on', async () => {
    await using trainer = await opened();
    const stop = new AbortController();
    const weights = initialWeights(model, 7);
    const round = trainer.trainRound({ ...request, weights, epochs: 1_000_000 }, stop.signal);
    while (trainer.steps === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort();
    await expect(round).rejects.toMatchObject({ sqlstate: '57014' });
    expect((await trainer.trainRound({ ...request, weights }, signal)).steps).toBe(15);
  });

  it('refuses rounds before the rows are scaled', async () => {
    await using trainer = await LocalTrainer.open(spec, rows(100), signal);
    expect(() => trainer.evaluate(initialWeights(model, 7), 'test', signal)).toThrow('not scaled yet');
  });
});
