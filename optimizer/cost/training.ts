/** The price of one silo's share of a TRAIN, at each site where it can be done. */

/** How the numbers of an update are written; operators/aggregate/compression does it. */
export type Compression = 'none' | 'float16' | 'int8';

const BYTES_PER_WEIGHT: Readonly<Record<Compression, number>> = { none: 4, float16: 2, int8: 1 + 4 / 256 };

/** Bytes of one update of so many weights: 32 bits each, or fewer when they are compressed. */
export const updateBytes = (weights: number, compression: Compression = 'none'): number =>
  Math.ceil(weights * BYTES_PER_WEIGHT[compression]);

/**
 * - `agent`: behind the silo's own agent; its rows stay on its machine
 * - `worker`: by the silo's worker in the coordinator's process, which reads the rows with the silo's credentials
 * - `engine`: inside the silo's own engine, by the code that its owner has installed; no row leaves
 * - `mediator`: the rows are brought to the mediator, and count as what left
 */
export type TrainingSite = 'agent' | 'worker' | 'engine' | 'mediator';

export interface SiloTraining {
  readonly silo: string;
  /** Where it trains when its rows stay at home. */
  readonly home: 'agent' | 'worker';
  /** Windows for training in this silo. */
  readonly windows: number;
  /** Rows of the feature query and their average bytes. */
  readonly rows: number;
  readonly rowBytes: number;
  /** Floating point operations per second at home, and in this process. */
  readonly homeFlops: number;
  readonly hereFlops: number;
  /** The link between the silo and this process. */
  readonly secondsPerByte: number;
  /** One message there and back, seconds. */
  readonly roundTrip: number;
  /** Seconds until the silo's engine has answered the feature query, the link aside. */
  readonly readSeconds: number;
  readonly moneyPerByte: number;
  /** A second of the silo's engine or agent, and of this process. */
  readonly homeMoneyPerSecond?: number;
  readonly hereMoneyPerSecond?: number;
  /** Where it can train inside its engine, or could but for what this training asks of it. */
  readonly engine?: EngineTraining;
}

export interface EngineTraining {
  /** Seconds of a call before it reads the first row. */
  readonly startup: number;
  readonly flops: number;
  /** Why this training cannot be done there. */
  readonly refused?: string;
}

export interface TrainingShape {
  /** Trainable numbers of the network. */
  readonly weights: number;
  /** Floating point operations to train on one window once, forward and backward. */
  readonly flopsPerWindow: number;
  readonly rounds: number;
  /** Passes over a silo's windows in one round. */
  readonly epochs: number;
  readonly compression: Compression;
  /** Bytes of an update where the statement says how it is compressed. */
  readonly updateBytes?: number;
}

export interface TrainingPrice {
  readonly site: TrainingSite;
  /** Seconds before the first round: the feature query, and its rows over the link where they cross it. */
  readonly prepare: number;
  /** Seconds of training in one round, alone on the machine. */
  readonly compute: number;
  /** Seconds of one round for weights in, update and losses out. */
  readonly exchange: number;
  /** Bytes that leave the silo in the whole run. */
  readonly bytes: number;
  readonly bytesKind: 'updates' | 'rows';
  readonly money: number;
}

/** A round trains, and then the new weights are validated. */
const MESSAGES_PER_ROUND = 2;

export interface TrainingPrices {
  readonly home: TrainingPrice;
  /** Where there is such a thing. */
  readonly engine?: TrainingPrice;
  readonly mediator: TrainingPrice;
}

/**
 * The silo's share at each of its sites. In this process rows have crossed the link once; then nothing does any more. A
 * call of the engine reads the rows anew, one to describe them, then two a round. Its engine's seconds are paid for wherever it
 * reads, this process's where it trains.
 */
export function trainingPrices(silo: SiloTraining, shape: TrainingShape): TrainingPrices {
  const { engine, home, homeFlops, hereFlops, moneyPerByte, readSeconds, roundTrip, secondsPerByte } = silo;
  const { homeMoneyPerSecond = 0, hereMoneyPerSecond = 0 } = silo;
  const { rounds } = shape;
  const flops = silo.windows * shape.flopsPerWindow * shape.epochs;
  const rowBytes = silo.rows * silo.rowBytes;
  const update = shape.updateBytes ?? updateBytes(shape.weights, shape.compression);
  const updates = { bytes: rounds * update, bytesKind: 'updates' } as const;
  const sent = (update + updateBytes(shape.weights)) * secondsPerByte + MESSAGES_PER_ROUND * roundTrip;
  const here = {
    prepare: readSeconds + rowBytes * secondsPerByte + roundTrip,
    compute: flops / hereFlops,
    exchange: 0,
    money:
      readSeconds * homeMoneyPerSecond + rounds * (flops / hereFlops) * hereMoneyPerSecond + rowBytes * moneyPerByte,
  };
  const there = (site: 'agent' | 'engine', read: number, rate: number, perCall: number): TrainingPrice => {
    const compute = flops / rate;
    const seconds = read + rounds * (compute + MESSAGES_PER_ROUND * perCall);
    return {
      ...{ ...updates, site, compute, prepare: read + roundTrip, exchange: sent + MESSAGES_PER_ROUND * perCall },
      money: updates.bytes * moneyPerByte + seconds * homeMoneyPerSecond,
    };
  };
  const call = (engine?.startup ?? 0) + readSeconds;
  return {
    home: home === 'agent' ? there('agent', readSeconds, homeFlops, 0) : { ...here, ...updates, site: 'worker' },
    ...(engine === undefined ? {} : { engine: there('engine', call, engine.flops, call) }),
    mediator: { ...here, site: 'mediator', bytes: rowBytes, bytesKind: 'rows' },
  };
}

/** Seconds of one silo's share, if it had its site for itself. */
export const secondsAlone = ({ prepare, compute, exchange }: TrainingPrice, rounds: number): number =>
  prepare + rounds * (compute + exchange);
