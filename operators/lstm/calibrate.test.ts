import { expect, it } from 'vitest';
import { calibrationSample, measureTrainingRate } from './calibrate.ts';
import { flopsPerWindow } from './model.ts';

it.each(['mse', 'quantile', 'binary-cross-entropy', 'softmax-cross-entropy'] as const)(
  'times a model with loss %s',
  (loss) => {
    const model = {
      cell: 'lstm',
      inputs: 2,
      hidden: 8,
      layers: 2,
      outputs: 3,
      dropout: 0.1,
      readout: 'last',
      biases: 2,
      loss,
      quantiles: [0.1, 0.5, 0.9],
    } as const;
    const sequence = { window: 5, horizon: 1, stride: 1 };
    const rate = measureTrainingRate(model, sequence, { choice: 'wasm', batch: 8, threads: 1, budget: 1 });
    expect(rate.backend).toMatch(/^wasm/);
    expect(rate.windowsPerSecond).toBeGreaterThan(0);
    expect(rate.flopsPerSecond).toBe(rate.windowsPerSecond * flopsPerWindow(model, sequence));
  },
);

it('times a small model as it is, and a part of one that would take seconds per step', () => {
  const small = {
    cell: 'lstm',
    inputs: 3,
    hidden: 16,
    layers: 1,
    outputs: 1,
    dropout: 0,
    readout: 'last',
    biases: 2,
    loss: 'mse',
  } as const;
  const sequence = { window: 24, horizon: 1, stride: 1 };
  expect(calibrationSample(small, sequence, 32)).toEqual({ model: small, sequence, batch: 32 });
  const large = { ...small, hidden: 4096, layers: 4 };
  const sample = calibrationSample(large, { ...sequence, window: 1000 }, 4096);
  const flops = (model: typeof large | typeof sample.model, window: number, batch: number) =>
    flopsPerWindow(model, { window }) * batch;
  expect(flops(sample.model, sample.sequence.window, sample.batch)).toBeLessThan(flops(large, 1, 32) / 10);
  expect(sample.model).toMatchObject({ cell: 'lstm', inputs: 3, outputs: 1 });
});
