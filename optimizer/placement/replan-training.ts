/** Between two rounds: when a silo takes far longer than was expected, the rest of the run is placed anew. */
import type { TrainingPrice, TrainingSite } from '../cost/training.ts';
import type { PlacedTraining } from './placed-training.ts';
import { placeTraining, type SiloOptions } from './training.ts';

/** What one silo took for the round that has just ended. */
export interface MeasuredRound {
  readonly silo: string;
  readonly site: TrainingSite;
  /** With the way there and back. */
  readonly seconds: number;
  readonly compute: number;
}

export interface Move {
  readonly silo: string;
  readonly to: TrainingSite;
}

export interface Replanned {
  readonly moves: readonly Move[];
  /** The expectations with which the run goes on, by silo. */
  readonly expected: ReadonlyMap<string, number>;
}

/** A round may take so many times its estimate before anybody thinks about it. */
const FAR = 2;

/** The excess over all remaining rounds, in seconds, that is worth a thought. */
const WORTH_SECONDS = 1;

/** What is left of the run must get shorter by this part: rows do not travel for less. */
const LEAST_GAIN = 0.2;

/** What each silo's round was expected to take. */
export const expectedRounds = ({ shares }: PlacedTraining): ReadonlyMap<string, number> =>
  new Map(shares.map(({ training, chosen }) => [training.silo, chosen.compute + chosen.exchange]));

/**
 * Undefined while everybody takes about as long as expected, which costs a comparison per silo.
 * @param remaining rounds that are still to be done
 */
export function replanTraining(
  { shares, terms }: PlacedTraining,
  expected: ReadonlyMap<string, number>,
  measured: readonly MeasuredRound[],
  remaining: number,
): Replanned | undefined {
  const far = measured.some(({ silo, seconds }) => {
    const own = expected.get(silo) ?? seconds;
    return seconds > FAR * own && (seconds - own) * remaining > WORTH_SECONDS;
  });
  if (!far) return undefined;
  const options = measured.map(({ silo, site, seconds, compute }): SiloOptions => {
    const share = shares.find(({ training }) => training.silo === silo);
    const known = share?.options.prices ?? [];
    const here = known.find((price) => price.site === site) ?? share!.chosen;
    const stay: TrainingPrice = {
      ...here,
      prepare: 0,
      compute,
      exchange: Math.max(0, seconds - compute),
      // Rows that are here do not leave again.
      bytes: here.bytesKind === 'rows' ? 0 : (here.bytes * remaining) / terms.rounds,
    };
    return { silo, prices: [stay, ...known.filter((price) => price.site !== site)] };
  });
  const placement = placeTraining(options, { ...terms, rounds: remaining, leastGain: LEAST_GAIN });
  return {
    moves: placement.flatMap((price, i) => {
      const { prices, silo } = options[i]!;
      return price === prices[0] ? [] : [{ silo, to: price.site }];
    }),
    expected: new Map(placement.map(({ compute, exchange }, i) => [options[i]!.silo, compute + exchange])),
  };
}
