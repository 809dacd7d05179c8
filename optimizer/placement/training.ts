/**
 * Where each silo's share of a TRAIN is done: one search over all silos, because they wait for each other in every round
 * and those that train in this process share its cores.
 */
import { type Cost, compareCosts, leading, type Objective } from '../cost/objective.ts';
import type { TrainingPrice } from '../cost/training.ts';

/** What one silo may do: its lawful sites, home first. */
export interface SiloOptions {
  readonly silo: string;
  readonly prices: readonly TrainingPrice[];
}

export interface TrainingTerms {
  readonly rounds: number;
  /** Cores of this process's machine. */
  readonly cores: number;
  readonly objective: Objective;
  /** A placement other than the first of each silo's must be cheaper by this part. */
  readonly leastGain?: number;
}

/** One price per silo, in the order of the silos. */
export type TrainingPlacement = readonly TrainingPrice[];

/** Rows leave for a gain that an estimate can be trusted with. */
const LEAST_GAIN = 0.05;

const NEXT_TO_NOTHING = 0.01;

/** Placements that are compared one by one; beyond, silos are moved one at a time as long as that helps. */
const MOST_ENUMERATED = 4096;

/** Seconds of a round: the slowest silo, or the cores' work where several silos share them. */
export function roundSeconds(placement: TrainingPlacement, cores: number): number {
  let [slowest, here] = [0, 0];
  for (const { compute, exchange, site } of placement) {
    slowest = Math.max(slowest, compute + exchange);
    if (site === 'worker' || site === 'mediator') here += compute;
  }
  return Math.max(slowest, here / cores);
}

/** The whole run: silos read side by side, then every round takes as long as its slowest silo. */
export const trainingCost = (
  placement: TrainingPlacement,
  { rounds, cores }: Pick<TrainingTerms, 'rounds' | 'cores'>,
): Cost => ({
  seconds: Math.max(0, ...placement.map(({ prepare }) => prepare)) + rounds * roundSeconds(placement, cores),
  bytes: placement.reduce((sum, { bytes }) => sum + bytes, 0),
  money: placement.reduce((sum, { money }) => sum + money, 0),
});

/** The cheapest placement. Every silo has at least one price. */
export function placeTraining(silos: readonly SiloOptions[], terms: TrainingTerms): TrainingPlacement {
  const { leastGain = LEAST_GAIN, objective } = terms;
  const first = silos.map(({ prices }) => prices[0]!);
  const cheaper = (a: TrainingPlacement, b: TrainingPlacement): boolean =>
    compareCosts(trainingCost(a, terms), trainingCost(b, terms), objective) < 0;
  const count = silos.reduce((product, { prices }) => product * prices.length, 1);
  const best =
    count <= MOST_ENUMERATED
      ? everyPlacement(silos).reduce((least, each) => (cheaper(each, least) ? each : least), first)
      : [first, silos.map(({ prices }) => prices.at(-1)!)]
          .map((start) => descend(start, silos, cheaper))
          .reduce((least, each) => (cheaper(each, least) ? each : least));
  const price = (each: TrainingPlacement): number => leading(trainingCost(each, terms), objective);
  if (price(best) > (1 - leastGain) * price(first)) return first;
  // Whoever brings next to nothing stays at home.
  return first.reduce<TrainingPlacement>((kept, home, i) => {
    const back = kept.with(i, home);
    return price(back) <= (1 + NEXT_TO_NOTHING) * price(best) ? back : kept;
  }, best);
}

export function everyPlacement(silos: readonly SiloOptions[]): readonly TrainingPlacement[] {
  return silos.reduce<readonly TrainingPlacement[]>(
    (all, { prices }) => all.flatMap((placement) => prices.map((price) => [...placement, price])),
    [[]],
  );
}

/** Moves one silo at a time until nothing gets cheaper. */
function descend(
  start: TrainingPlacement,
  silos: readonly SiloOptions[],
  cheaper: (a: TrainingPlacement, b: TrainingPlacement) => boolean,
): TrainingPlacement {
  let best = start;
  for (;;) {
    const before = best;
    silos.forEach(({ prices }, i) => {
      for (const price of prices) {
        const moved = best.with(i, price);
        if (cheaper(moved, best)) best = moved;
      }
    });
    if (best === before) return best;
  }
}
