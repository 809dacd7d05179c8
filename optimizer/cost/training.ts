/** The price of TRAIN: what each way of training costs before anything runs. */
import type { ModelSpec } from '../../src/plan/training.ts';

/** Trainable numbers of the network: four gates for an LSTM, three for a GRU, and a dense head. */
export function parameterCount({ cell, inputs, hidden, layers, outputs, biases }: ModelSpec): number {
  const gates = cell === 'lstm' ? 4 : 3;
  let count = outputs * (hidden + 1);
  for (let layer = 0; layer < layers; layer++) {
    count += gates * hidden * ((layer === 0 ? inputs : hidden) + hidden + biases);
  }
  return count;
}

/**
 * Floating point operations to train on one window once: two per multiply-add going forward, twice that going backward
 * (weights and inputs both have a gradient).
 */
export function trainingFlops(spec: ModelSpec, window: number): number {
  const gates = spec.cell === 'lstm' ? 4 : 3;
  let perStep = 0;
  for (let layer = 0; layer < spec.layers; layer++) {
    perStep += 2 * gates * spec.hidden * ((layer === 0 ? spec.inputs : spec.hidden) + spec.hidden);
  }
  const head = 2 * spec.hidden * spec.outputs * (spec.readout === 'last' ? 1 : window);
  return 3 * (perStep * window + head);
}

/** Bytes of one update: a 32-bit number per parameter, or fewer when it is compressed. */
export const updateBytes = (spec: ModelSpec, compression: Compression = 'none'): number =>
  parameterCount(spec) * BYTES_PER_PARAMETER[compression];

export type Compression = 'none' | 'float16' | 'int8';

const BYTES_PER_PARAMETER: Readonly<Record<Compression, number>> = { none: 4, float16: 2, int8: 1 };

/** The way one silo takes part. */
export type TrainingSite = 'engine' | 'agent' | 'mediator';

export interface SiloTraining {
  readonly silo: string;
  /** Windows for training in this silo. */
  readonly windows: number;
  /** Rows of the feature query and their average bytes. */
  readonly rows: number;
  readonly rowBytes: number;
  /** Speeds in floating point operations per second; absent where the silo cannot train. */
  readonly flops: Readonly<Partial<Record<TrainingSite, number>>>;
  /** The link out of the silo. */
  readonly secondsPerByte: number;
  /** One message there and back, seconds. */
  readonly roundTrip: number;
  /** Seconds to run the feature query and read its rows where they are. */
  readonly readSeconds: number;
  readonly moneyPerByte: number;
}

export interface TrainingShape {
  readonly spec: ModelSpec;
  readonly window: number;
  readonly rounds: number;
  readonly epochs: number;
  readonly compression: Compression;
}

export interface TrainingPrice {
  readonly site: TrainingSite;
  readonly seconds: number;
  /** Bytes that leave the silo in the whole run. */
  readonly bytes: number;
  readonly bytesKind: 'updates' | 'rows';
  readonly money: number;
}

/**
 * The price of one silo's share at each site where it can be done: in place, windows × epochs × FLOPs ÷ rate and an update
 * out and the weights in per round; at the mediator, the rows once, then no border is crossed any more.
 */
export function trainingPrices(silo: SiloTraining, shape: TrainingShape): readonly TrainingPrice[] {
  const flops = silo.windows * trainingFlops(shape.spec, shape.window) * shape.epochs * shape.rounds;
  const update = updateBytes(shape.spec, shape.compression);
  const prices: TrainingPrice[] = [];
  for (const site of ['engine', 'agent', 'mediator'] as const) {
    const rate = silo.flops[site];
    if (rate === undefined || rate <= 0) continue;
    const shipped = silo.rows * silo.rowBytes;
    const bytes = site === 'mediator' ? shipped : shape.rounds * update;
    const inBound = site === 'mediator' ? 0 : shape.rounds * updateBytes(shape.spec);
    const messages = site === 'mediator' ? 1 : shape.rounds;
    prices.push({
      site,
      seconds: silo.readSeconds + flops / rate + (bytes + inBound) * silo.secondsPerByte + messages * silo.roundTrip,
      bytes,
      bytesKind: site === 'mediator' ? 'rows' : 'updates',
      money: bytes * silo.moneyPerByte,
    });
  }
  return prices;
}
