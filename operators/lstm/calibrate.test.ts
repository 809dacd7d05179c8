import { expect, it } from 'vitest';
import { measureTrainingRate } from './calibrate.ts';
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
