import { expect, it } from 'vitest';
import { ClassificationCounter } from '../../../operators/lstm/classification.ts';
import { ErrorCounter, type Evaluation } from '../../../operators/lstm/evaluation.ts';
import { figureNames, figuresOf, targetMetrics } from './metrics.ts';

const sums = (errors: readonly number[]) => {
  const counter = new ErrorCounter();
  for (const error of errors) counter.add(10, 10 + error);
  return counter.sums;
};

const whole = { part: 'test', lossSum: 0, lossWeight: 1 } as const;
const regression: Evaluation = {
  ...whole,
  windows: 4,
  targets: [
    {
      target: 'load',
      model: sums([1, -1, 1, -1]),
      persistence: sums([2, 2, 2, 2]),
      seasonal: sums([]),
      actual: { n: 4, mean: 10, m2: 0 },
      quantiles: [{ level: 0.1, pinballSum: 2, covered: 1 }],
    },
  ],
};

it('gives every figure of a regression, and null where a figure is not defined', () => {
  const [metrics] = targetMetrics(regression);
  expect(figuresOf(metrics!)).toEqual({
    ...{ rmse: 1, mae: 1, mape: 0.1, r2: null, pinball_q10: 0.5, coverage_q10: 0.25 },
    ...{
      persistence_rmse: 2,
      persistence_mae: 2,
      seasonal_rmse: null,
      local_rmse: null,
      local_mae: null,
      personal_rmse: null,
      personal_mae: null,
      seasonal_mae: null,
    },
  });
});

it('names the figures of each loss as it gives them', () => {
  const counter = new ClassificationCounter('high', 3);
  counter.add(0, [0.5, 0.25, 0.25]);
  counter.add(1, [0.5, 0.25, 0.25]);
  const classification = { ...whole, windows: 2, targets: [], classifications: [counter.sums] };
  const named = (evaluation: Evaluation) => Object.keys(figuresOf(targetMetrics(evaluation)[0]!));
  expect(named(regression)).toEqual(figureNames({ loss: 'quantile', quantiles: [0.1] }));
  expect(named(classification)).toEqual(figureNames({ loss: 'softmax-cross-entropy' }));
  expect(targetMetrics(classification)[0]).toMatchObject({
    ...{ kind: 'classification', target: 'high', windows: 2 },
    ...{ accuracy: 0.5, auc: null, logLoss: (Math.log(2) + Math.log(4)) / 2 },
  });
});

it('gives nothing without a window', () => {
  expect(targetMetrics({ ...regression, windows: 0 })).toEqual([]);
});
