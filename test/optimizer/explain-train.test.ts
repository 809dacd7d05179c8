/** EXPLAIN TRAIN as users see it: one golden text per reason of a rejected site, over fixed speeds and statistics. */
import { describe, expect, it } from 'vitest';
import type { Objective } from '../../optimizer/cost/objective.ts';
import type { SiloTraining, TrainingShape } from '../../optimizer/cost/training.ts';
import { WIDTH } from '../../optimizer/explain/text.ts';
import { trainText } from '../../optimizer/explain/train.ts';
import { trainDot } from '../../optimizer/explain/train-dot.ts';
import {
  type ExplainedSpeculation,
  type ExplainedTraining,
  explainedTraining,
  type TrainingFacts,
} from '../../optimizer/explain/training.ts';
import { placedTraining, SITE_REASONS, type TrainingShare } from '../../optimizer/placement/placed-training.ts';
import type { TrainingLegality } from '../../optimizer/policy/training.ts';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { ModelSpec } from '../../src/plan/training.ts';

const SHAPE: TrainingShape = {
  weights: 17_729,
  flopsPerWindow: 5.1e6,
  rounds: 20,
  epochs: 1,
  compression: 'none',
};

const PLAN = {
  model: 'load24',
  spec: { cell: 'lstm', layers: 1, hidden: 64 } as ModelSpec,
  sequence: { window: 48, horizon: 24, stride: 1 },
  federation: { strategy: 'fedavg', options: {}, rounds: 20, weightBy: 'windows' as const },
  local: { epochs: 1, batch: 64, seed: 7, optimizer: { name: 'adam' as const, learningRate: 1e-3 } },
};

function share(silo: string, over: Partial<SiloTraining> = {}, legality: TrainingLegality = {}): TrainingShare {
  const training: SiloTraining = {
    silo,
    home: 'agent',
    windows: 80_000,
    rows: 102_000,
    rowBytes: 40,
    homeFlops: 1.8e10,
    hereFlops: 2e10,
    secondsPerByte: 1 / 10e6,
    roundTrip: 0.03,
    readSeconds: 0.4,
    moneyPerByte: 0,
    ...over,
  };
  return { training, legality };
}

const OLD_MACHINE = { windows: 1600, rows: 2100, homeFlops: 1e8 };
const kept = { mediator: 'policies of berlin keep mw in' };
const unsaid = { mediator: 'no policy of paris says that its rows may leave for training' };

interface Options {
  readonly objective?: Objective;
  readonly speculation?: ExplainedSpeculation;
  readonly actuals?: NonNullable<TrainingFacts['actuals']>;
}

function explainOf(shares: readonly TrainingShare[], { objective = 'time', ...more }: Options = {}): ExplainedTraining {
  const placed = placedTraining(shares, SHAPE, { cores: 8, objective });
  const statements = new Map(
    shares.map(({ training }) => [training.silo, ['SELECT t1."ts", t1."meter_id", t1."mw" FROM "readings" AS t1']]),
  );
  return explainedTraining(PLAN, placed, {
    network: SHAPE,
    strategy: 'fedavg',
    here: { backend: 'native (AVX-512)', threads: 1, flopsPerSecond: 2e10 },
    statements,
    planning: [
      { name: 'speed of this machine', milliseconds: 0 },
      { name: 'statistics', milliseconds: 0 },
      { name: 'placement', milliseconds: 0 },
    ],
    ...more,
  });
}

const updatesRefused = new CausewayError(
  SQLSTATE.policyViolation,
  'no policy of oslo lets model updates from oslo.readings leave',
);

const CASES: Readonly<Record<string, readonly [shares: readonly TrainingShare[], options?: Options]>> = {
  'two silos train at home, a small one sends its rows': [
    [share('berlin', {}, kept), share('oslo', OLD_MACHINE), share('paris', {}, unsaid)],
  ],
  'rows stay where the run waits for another silo': [
    [share('berlin', { windows: 900_000, rows: 1_000_000 }, kept), share('oslo', { homeFlops: 9e9 })],
  ],
  'a worker in this process reads its rows anyway': [[share('oslo', { home: 'worker' })]],
  'updates may not leave, rows may': [[share('oslo', {}, { home: updatesRefused })]],
  'the objective of training is egress': [
    [share('berlin', { rows: 9000, windows: 7100 }), share('oslo')],
    { objective: 'egress' },
  ],
  'the objective of training is money': [
    [share('berlin', { rows: 9000, windows: 7100, homeMoneyPerSecond: 2e-4, moneyPerByte: 9e-11 })],
    { objective: 'money' },
  ],
  'inside its engine, which is faster': [
    [share('sales', { home: 'worker', hereFlops: 1e9, engine: { startup: 5, flops: 2e10 } })],
  ],
  'what its engine cannot do is refused by name': [
    [
      share('sales', {
        home: 'worker',
        engine: { startup: 5, flops: 2e10, refused: 'its engine cannot do this: the loss quantile' },
      }),
    ],
  ],
  'its agent is as fast as this machine': [[share('berlin', { homeFlops: 2e10, roundTrip: 0.001 })]],
  'its engine is as fast as its worker': [
    [
      share(
        'sales',
        { home: 'worker', engine: { startup: 0.01, flops: 2.05e10 } },
        { mediator: 'no policy of sales says that its rows may leave for training' },
      ),
    ],
  ],
  'rounds are enough': [
    [share('oslo', { home: 'worker' })],
    {
      speculation: {
        silo: 'oslo',
        windows: 1230,
        losses: [0.9, 0.6, 0.5, 0.45],
        curve: { floor: 0.31, gain: 0.6, power: 0.9, error: 0.01 },
        tolerance: 0.05,
        enough: 12,
        seconds: 0.41,
      },
    },
  ],
  'rounds are too few, and are not known': [
    [share('berlin', {}, kept)],
    { speculation: { reason: 'no silo trains in this process, and rows do not leave for a guess' } },
  ],
  'training analyzed, one silo moved': [
    [share('berlin', {}, kept), share('oslo')],
    {
      actuals: {
        seconds: 431,
        rounds: 20,
        silos: [
          { silo: 'berlin', site: 'agent', rows: 104_000, windows: 81_000, seconds: 410, bytes: 1.42e6 },
          { silo: 'oslo', site: 'mediator', rows: 51_000, windows: 40_000, seconds: 300, bytes: 2.3e6 },
        ],
      },
    },
  ],
};

const file = (name: string, ending: string): string => `./golden/train-${name.replace(/[^a-z]+/gi, '-')}.${ending}`;

describe('EXPLAIN TRAIN', () => {
  it('has a golden for every reason against a site', () => {
    const reasons = Object.values(CASES).flatMap(([shares, options]) =>
      explainOf(shares, options).silos.flatMap(({ rejected }) => rejected.map(({ reason }) => reason)),
    );
    const unseen = Object.entries(SITE_REASONS).filter(([, reason]) => {
      const text = reason('@', '#').replace('@', '(> 100|[\\d.]+)').replace('#', '(time|bytes|price)');
      return !reasons.some((each) => new RegExp(`^${text}$`).test(each));
    });
    expect(unseen.map(([kind]) => kind)).toEqual([]);
  });

  for (const [name, [shares, options]] of Object.entries(CASES)) {
    it(name, async () => {
      const lines = trainText(explainOf(shares, options));
      for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(WIDTH);
      await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(file(name, 'txt'));
    });
  }

  it('as dot', async () => {
    const mixed = explainOf(CASES['two silos train at home, a small one sends its rows']![0]);
    await expect(`${trainDot(mixed).join('\n')}\n`).toMatchFileSnapshot(file('mixed', 'dot'));
  });
});
