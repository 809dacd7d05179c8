/**
 * The generated Snowpark procedure, its handler run by a Python with torch and a stand-in for the session: the update is the
 * one of the product's own training thread. TORCH_PYTHON names the Python. Snowflake itself has not run it.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { trainingProcedure } from '../../connectors/snowflake/training/procedure.ts';
import { createBackend } from '../../operators/lstm/choose-backend.ts';
import { initialWeights } from '../../operators/lstm/model.ts';
import { TrainingSession } from '../../operators/lstm/training-session.ts';
import type { LocalTrainingSpec, ModelSpec } from '../../src/plan/training.ts';

const python = process.env.TORCH_PYTHON;
if (python === undefined) console.log('TORCH_PYTHON is not set: the Snowpark procedure is not run');

const HANDLER = trainingProcedure({ database: 'd', schema: 's', role: 'r' }).split('$$')[1]!;
const SCALES = [
  [50, 8],
  [10, 3],
] as const;
const WINDOW = 6;
const HORIZON = 2;
const STEP = 3600;

/** Two entities, one with a gap: three runs of rows. */
const rows = [40, 25, 30].flatMap((length, run) =>
  Array.from({ length }, (_, i): [number, string, number, number] => [
    (run === 2 ? 500 : 0) * STEP + i * STEP,
    run === 0 ? 'a' : 'b',
    50 + 8 * Math.sin((i + run) / 4) + run,
    10 + 3 * Math.cos(i / 3),
  ]),
);

function expectedStarts(): Uint32Array {
  const starts: number[] = [];
  let first = 0;
  for (const length of [40, 25, 30]) {
    for (let i = 0; i + WINDOW + HORIZON <= length; i++) starts.push(first + i);
    first += length;
  }
  return Uint32Array.from(starts);
}

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
    { ...LOCAL, optimizer: { name: 'adamw', learningRate: 0.01, proximal: 0.1 } },
  ],
];

describe.skipIf(python === undefined)('the Snowpark procedure', () => {
  test.each(CASES)('%s: the update of the product’s own kernel', (_title, spec, local) => {
    const weights = initialWeights(spec, 3);
    const values = Float32Array.from(
      rows.flatMap(([, , ...each]) => each.map((v, i) => (v - SCALES[i]![0]) / SCALES[i]![1])),
    );
    const data = { values, features: 2, targets: [0], window: WINDOW, horizon: HORIZON };
    const none = new Uint32Array();
    const session = new TrainingSession(
      {
        ...{
          silo: 'snöw',
          model: spec,
          data,
          names: ['load', 'heat'],
          segments: [],
          entityStarts: [0],
          control: new Int32Array(2),
        },
        scales: { features: SCALES.map(() => ({ mean: 0, deviation: 1 })) },
        windows: { train: expectedStarts(), validation: none, test: none },
      },
      (each, batch) => createBackend(spec, each, { choice: 'reference', batch }),
    );
    const ours = session.train({ ...local, weights, round: 4 });

    const job = {
      ...{ silo: 'snöw', seed: local.seed, round: 4, epochs: local.epochs, batch: local.batch, query: 'SELECT …' },
      ...{
        scales: SCALES,
        targets: [0],
        window: WINDOW,
        horizon: HORIZON,
        step: STEP,
        spec,
        optimizer: local.optimizer,
      },
      weights: Buffer.from(weights.buffer).toString('base64'),
    };
    const { stdout, stderr } = spawnSync(python!, [join(import.meta.dirname, 'snowpark-stand-in.py')], {
      input: JSON.stringify({ handler: HANDLER, rows: { 'SELECT …': rows }, job }),
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    const result = JSON.parse(stdout) as { update: string; windows: number; loss: number };
    expect(result.windows).toBe(ours.windows);
    expect(result.loss).toBeCloseTo(ours.loss, 5);
    const bytes = Buffer.from(result.update, 'base64');
    const update = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    expect(update).toHaveLength(weights.length);
    const apart = Math.max(...update.map((u, i) => Math.abs(u - (ours.weights[i]! - weights[i]!))));
    const size = Math.max(...update.map(Math.abs));
    expect(apart / size).toBeLessThan(1e-3);
  });
});
