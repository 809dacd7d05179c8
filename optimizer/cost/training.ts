/** The price of TRAIN: what each way of training costs before anything runs. */
export type Compression = 'none' | 'float16' | 'int8';

/** Bytes of one update of so many weights: 32 bits each, or fewer when they are compressed. */
export const updateBytes = (weights: number, compression: Compression = 'none'): number =>
  weights * BYTES_PER_PARAMETER[compression];

const BYTES_PER_PARAMETER: Readonly<Record<Compression, number>> = { none: 4, float16: 2, int8: 1 };

/** The way one silo takes part. */
type TrainingSite = 'engine' | 'agent' | 'mediator';

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
  /** Trainable numbers of the network. */
  readonly weights: number;
  /** Floating point operations to train on one window once, forward and backward. */
  readonly flopsPerWindow: number;
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
  const flops = silo.windows * shape.flopsPerWindow * shape.epochs * shape.rounds;
  const update = updateBytes(shape.weights, shape.compression);
  const prices: TrainingPrice[] = [];
  for (const site of ['engine', 'agent', 'mediator'] as const) {
    const rate = silo.flops[site];
    if (rate === undefined || rate <= 0) continue;
    const shipped = silo.rows * silo.rowBytes;
    const bytes = site === 'mediator' ? shipped : shape.rounds * update;
    const inBound = site === 'mediator' ? 0 : shape.rounds * updateBytes(shape.weights);
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
