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
 * - `mediator`: the rows are brought to the mediator, and count as what left
 */
export type TrainingSite = 'agent' | 'worker' | 'mediator';

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
  /** A second of training at home, and in this process. */
  readonly homeMoneyPerSecond?: number;
  readonly hereMoneyPerSecond?: number;
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

/** The silo's share at home, and at the mediator. In this process rows have crossed the link once; then nothing does any more. */
export function trainingPrices(
  silo: SiloTraining,
  shape: TrainingShape,
): { readonly home: TrainingPrice; readonly mediator: TrainingPrice } {
  const { home, homeFlops, hereFlops, moneyPerByte, readSeconds, roundTrip, secondsPerByte } = silo;
  const flops = silo.windows * shape.flopsPerWindow * shape.epochs;
  const rowBytes = silo.rows * silo.rowBytes;
  const update = shape.updateBytes ?? updateBytes(shape.weights, shape.compression);
  const brought = readSeconds + rowBytes * secondsPerByte + roundTrip;
  const price = (
    where: Pick<TrainingPrice, 'site' | 'prepare' | 'exchange' | 'bytes' | 'bytesKind'>,
    rate: number,
    moneyPerSecond: number,
  ): TrainingPrice => {
    const compute = flops / rate;
    return { ...where, compute, money: where.bytes * moneyPerByte + shape.rounds * compute * moneyPerSecond };
  };
  const behindAgent = home === 'agent';
  return {
    home: price(
      {
        site: home,
        prepare: behindAgent ? readSeconds + roundTrip : brought,
        exchange: behindAgent
          ? (update + updateBytes(shape.weights)) * secondsPerByte + MESSAGES_PER_ROUND * roundTrip
          : 0,
        bytes: shape.rounds * update,
        bytesKind: 'updates',
      },
      behindAgent ? homeFlops : hereFlops,
      silo.homeMoneyPerSecond ?? 0,
    ),
    mediator: price(
      { site: 'mediator', prepare: brought, exchange: 0, bytes: rowBytes, bytesKind: 'rows' },
      hereFlops,
      silo.hereMoneyPerSecond ?? 0,
    ),
  };
}

/** Seconds of one silo's share, if it had its site for itself. */
export const secondsAlone = ({ prepare, compute, exchange }: TrainingPrice, rounds: number): number =>
  prepare + rounds * (compute + exchange);
