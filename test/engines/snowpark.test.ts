/**
 * The generated Snowpark procedure, its handler run by a Python with torch and a stand-in for the session, beside the product's
 * own trainer on the same rows. TORCH_PYTHON names the Python. Snowflake itself has not run it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepAnswers, StepEvaluation, StepJob, StepNetwork, StepRows } from '../../connectors/training-step.ts';
import { initialWeights, weightLayout } from '../../operators/lstm/model.ts';
import { decodeSafetensors } from '../../operators/lstm/safetensors.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { Session } from '../../src/engine/session.ts';
import type { LocalTrainingSpec, ModelSpec } from '../../src/plan/training.ts';
import { siloOptions } from '../servers/snowflake/place.ts';
import { referenceProcedure } from '../servers/snowflake/reference-procedure.ts';
import { type SnowflakeTestServer, startSnowflake } from '../servers/snowflake/server.ts';
import { READINGS, run } from '../support/federation.ts';
import { Snowpark } from './snowpark-procedure.ts';

const python = process.env.TORCH_PYTHON;
if (python === undefined) console.log('TORCH_PYTHON is not set: the Snowpark procedure is not run');

const BASE: ModelSpec = {
  ...{ cell: 'lstm', inputs: 2, hidden: 5, layers: 1, outputs: 1, dropout: 0, readout: 'last', biases: 1, loss: 'mse' },
};
const LOCAL: LocalTrainingSpec = { epochs: 2, batch: 16, optimizer: { name: 'adam', learningRate: 0.01 }, seed: 7 };

const CASES: readonly (readonly [string, ModelSpec, LocalTrainingSpec])[] = [
  ['lstm, adam', BASE, LOCAL],
  [
    'gru of two layers, every step, sgd with momentum and clipping',
    { ...BASE, cell: 'gru', layers: 2, readout: 'every' },
    { ...LOCAL, optimizer: { name: 'sgd', learningRate: 0.05, momentum: 0.9, clipNorm: 0.5 } },
  ],
  [
    'two biases, huber, adamw, proximal',
    { ...BASE, biases: 2, loss: 'huber', delta: 0.5 },
    { ...LOCAL, optimizer: { name: 'adamw', learningRate: 0.01, proximal: 0.1, betas: [0.8, 0.99] } },
  ],
];

const HOUR = 3600e6;
/** Rows with a NULL, a gap, two entities, and a part for each use. */
const ROWS: StepRows = {
  query: 'SELECT "TS", "METER", "LOAD", "HEAT" FROM "READINGS" ORDER BY "METER", "TS"',
  names: ['load', 'heat'],
  entity: true,
  sequence: { window: 6, horizon: 2, stride: 1, maxGap: HOUR, season: 24 },
  split: { validate: 0.2, test: 0.1 },
};

const floats = (base64: string): Float32Array => {
  const bytes = Buffer.from(base64, 'base64');
  return Float32Array.from({ length: bytes.length / 4 }, (_, k) => bytes.readFloatLE(4 * k));
};

/** The largest difference, as a part of the largest number. */
const apart = (a: Float32Array, b: Float32Array): number =>
  Math.max(...a.map((value, k) => Math.abs(value - b[k]!))) / Math.max(...a.map(Math.abs));

function expectAlike(found: StepEvaluation, expected: StepEvaluation): void {
  const numbers = (value: unknown): number[] =>
    typeof value === 'number' ? [value] : Object.values(value as object).flatMap(numbers);
  const [a, b] = [numbers(sorted(found)), numbers(sorted(expected))];
  expect(a).toHaveLength(b.length);
  for (const [i, value] of b.entries())
    expect(Math.abs(a[i]! - value)).toBeLessThanOrEqual(1e-3 * Math.abs(value) + 1e-6);
}

/** Members in the order of their names. */
const sorted = (value: unknown): unknown =>
  typeof value !== 'object' || value === null
    ? value
    : Object.fromEntries(
        Object.entries(value)
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, each]) => [name, sorted(each)]),
      );

describe.skipIf(python === undefined)('the Snowpark procedure', () => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-snowpark-'));
  let snowpark: Snowpark;
  let server: SnowflakeTestServer;
  let engine: Engine;
  let session: Session;
  const signal = new AbortController().signal;

  beforeAll(async () => {
    snowpark = new Snowpark(python!);
    server = await startSnowflake({ procedures: (sql) => ({ SNOWPARK: snowpark.procedure(sql) }) });
    await server.sql.run(`CREATE TABLE "READINGS" AS
      SELECT ts AS "TS", meter AS "METER", load AS "LOAD",
        CASE WHEN meter = 2 AND ts = TIMESTAMP '2024-01-02 07:00:00' THEN NULL ELSE 10 + 3 * cos(load) END AS "HEAT"
      FROM (${READINGS(150, 0)}) WHERE NOT (meter = 1 AND ts = TIMESTAMP '2024-01-03 05:00:00')`);
    engine = await Engine.open({ directory });
    session = engine.openSession();
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    snowpark?.[Symbol.dispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const both = async <K extends StepJob['ask']>(job: StepJob & { readonly ask: K }) => {
    const procedures = [snowpark.procedure(server.sql), referenceProcedure(server.sql)!];
    const [found, expected] = await Promise.all(procedures.map((procedure) => procedure!(job, signal)));
    return { found, expected } as { readonly found: StepAnswers[K]; readonly expected: StepAnswers[K] };
  };

  test.each([
    ['by shares', ROWS.split],
    ['by the calendar', { validateFrom: Date.UTC(2024, 0, 5) * 1000, testFrom: Date.UTC(2024, 0, 6) * 1000 }],
  ])('describes rows that are split %s as the trainer does', async (_, split) => {
    const { expected, found } = await both({ ...ROWS, split, ask: 'describe' });
    const { longest, moments, ...counts } = found;
    const { longest: _longest, moments: told, ...others } = expected;
    expect(counts).toEqual(others);
    expect(longest).toBeGreaterThan(0);
    for (const [i, { m2, mean, n }] of moments.entries()) {
      expect(n).toBe(told[i]!.n);
      expect(mean).toBeCloseTo(told[i]!.mean, 9);
      expect(m2 / told[i]!.m2).toBeCloseTo(1, 9);
    }
  });

  test.each(CASES)('%s: the update and the errors of the product’s own kernel', async (_, spec, local) => {
    const weightsOf = (seed: number) => Buffer.from(initialWeights(spec, seed).buffer).toString('base64');
    const network: StepNetwork = {
      ...{ spec, kept: [0, 1], targets: [0], weights: weightsOf(3) },
      scales: [
        [60, 8],
        [10, 3],
      ],
    };
    const training = { ...ROWS, ...network, ...local, silo: 'snöw' };
    const { expected, found } = await both({ ...training, ask: 'train', round: 4 });
    expect({ ...found, update: '', losses: [], seconds: 0 }).toEqual({
      ...expected,
      update: '',
      losses: [],
      seconds: 0,
    });
    found.losses.forEach((loss, i) => {
      expect(loss).toBeCloseTo(expected.losses[i]!, 5);
    });
    expect(apart(floats(expected.update), floats(found.update))).toBeLessThan(1e-3);
    for (const part of ['validation', 'test'] as const) {
      const errors = await both({ ...ROWS, ...network, ask: 'evaluate', part, batch: 32 });
      expectAlike(errors.found, errors.expected);
    }
    const rates = Array.from({ length: 3 }, () => local.optimizer.learningRate);
    const own = { ...training, weights: weightsOf(local.seed) };
    const alone = await both({ ...own, ask: 'alone', rates, patience: 5 });
    expectAlike(alone.found, alone.expected);
  });

  test('TRAIN through it: after three rounds the weights of the training in this process', async () => {
    const create = (name: string, procedure: string) => {
      const options = Object.entries({ ...siloOptions(server.url), training_procedure: procedure });
      const written = options.map(([option, value]) => `${option} '${value}'`).join(', ');
      return run(session, `CREATE SILO ${name} USING snowflake OPTIONS (${written})`);
    };
    const train = (model: string) =>
      run(
        session,
        `TRAIN MODEL ${model} PREDICT load FORECAST BY ts PER meter WINDOW 12 HORIZON 2
         USING lstm (hidden => 6, batch => 32, season => 24, learning_rate => 1e-2, clip => 1) FEDERATE fedavg (rounds => 3)
         AS SELECT ts, meter, load, heat FROM snow.readings`,
      );
    const weights = (name: string): Float32Array => {
      const { models } = engine.catalog;
      const model = models.get(name)!;
      return decodeSafetensors(models.weights(model), weightLayout(model.signature.spec)).weights;
    };
    const rmse = (name: string) => {
      const [test] = engine.catalog.models.get(name)!.metrics.silos[0]!.test;
      return test?.kind === 'regression' ? [test.rmse, test.localRmse] : [];
    };
    await create('snow', 'snowpark');
    await train('here');
    expect(server.log.some(({ sql }) => sql?.startsWith('CALL') === true)).toBe(false);
    await run(session, 'ALTER SILO snow SET (price_per_gb => 1000000)');
    await run(session, "SET causeway.optimize_for = 'money'");
    await train('inside');
    expect(server.log.some(({ sql }) => sql?.startsWith('CALL snowpark(') === true)).toBe(true);
    const distance = apart(weights('here'), weights('inside'));
    console.log(`three rounds: weights ${distance.toExponential(1)} apart, rmse ${rmse('here')} and ${rmse('inside')}`);
    expect(distance).toBeLessThan(1e-3);
    rmse('inside').forEach((error, i) => {
      expect(error! / rmse('here')[i]!).toBeCloseTo(1, 3);
    });
  });
});
