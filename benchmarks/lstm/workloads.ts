/** The models that are measured: one LSTM layer and a dense head, mean squared error, Adam. */
import type { SequenceData } from '../../operators/lstm/backend.ts';
import { MersenneTwister } from '../../operators/lstm/random.ts';
import type { ModelSpec } from '../../src/plan/training.ts';

export interface Workload {
  readonly name: string;
  readonly batch: number;
  readonly window: number;
  readonly inputs: number;
  readonly hidden: number;
  readonly readout: ModelSpec['readout'];
  /** Milliseconds per variant and round. */
  readonly budget: number;
}

export const WORKLOADS: readonly Workload[] = [
  { name: 'W1', batch: 32, window: 50, inputs: 4, hidden: 32, readout: 'every', budget: 250 },
  { name: 'W2', batch: 64, window: 48, inputs: 7, hidden: 64, readout: 'last', budget: 250 },
  { name: 'W3', batch: 128, window: 96, inputs: 16, hidden: 128, readout: 'last', budget: 400 },
  { name: 'W4', batch: 256, window: 96, inputs: 32, hidden: 256, readout: 'last', budget: 800 },
];

export const modelOf = ({ hidden, inputs, readout }: Workload): ModelSpec => ({
  cell: 'lstm',
  inputs,
  hidden,
  layers: 1,
  outputs: 1,
  dropout: 0,
  readout,
  biases: 2,
  loss: 'mse',
});

/** Random rows, and the starts of one batch. */
export function dataOf({ batch, inputs, window }: Workload): SequenceData & { readonly starts: Uint32Array } {
  const random = new MersenneTwister(1);
  const rows = batch + window + 1;
  const values = Float32Array.from({ length: rows * inputs }, () => random.uniform24() * 2 - 1);
  return {
    values,
    features: inputs,
    targets: [0],
    window,
    horizon: 1,
    starts: Uint32Array.from({ length: batch }, (_, k) => k),
  };
}
