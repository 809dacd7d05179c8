/** A TRAIN with a site for every silo's share: what it will cost, and why every other site was rejected. */
import { type Cost, leading, type Objective } from '../cost/objective.ts';
import {
  type SiloTraining,
  secondsAlone,
  type TrainingPrice,
  type TrainingShape,
  trainingPrices,
} from '../cost/training.ts';
import type { TrainingLegality } from '../policy/training.ts';
import { placeTraining, type SiloOptions, type TrainingTerms, trainingCost } from './training.ts';

/** One silo's share, as it goes into the search. */
export interface TrainingShare {
  readonly training: SiloTraining;
  readonly legality: TrainingLegality;
}

export interface RejectedSite {
  readonly price: TrainingPrice;
  readonly reason: string;
}

export interface PlacedShare extends TrainingShare {
  readonly chosen: TrainingPrice;
  /** The lawful sites, home first. */
  readonly options: SiloOptions;
  readonly rejected: readonly RejectedSite[];
}

export interface PlacedTraining {
  /** In the order of the silos' names. */
  readonly shares: readonly PlacedShare[];
  readonly shape: TrainingShape;
  readonly terms: TrainingTerms;
  readonly cost: Cost;
}

/** @throws CausewayError CW001 for a silo whose policies leave no site */
export function placedTraining(
  shares: readonly TrainingShare[],
  shape: TrainingShape,
  terms: Omit<TrainingTerms, 'rounds'>,
): PlacedTraining {
  const ordered = shares.toSorted((a, b) => (a.training.silo < b.training.silo ? -1 : 1));
  const priced = ordered.map((share) => pricedSites(share, shape));
  const options = ordered.map(({ legality, training: { silo } }, i): SiloOptions => {
    const lawful = priced[i]!.flatMap(({ price, refused }) => (refused === undefined ? [price] : []));
    if (lawful.length === 0) throw legality.home;
    return { silo, prices: lawful };
  });
  const all = { ...terms, rounds: shape.rounds };
  const placement = placeTraining(options, all);
  const cost = trainingCost(placement, all);
  return {
    shares: ordered.map((share, i): PlacedShare => {
      const chosen = placement[i]!;
      const rejected = priced[i]!.filter(({ price }) => price.site !== chosen.site).map(
        ({ price, refused }): RejectedSite => {
          const reason =
            refused ?? reasonAgainst(price, trainingCost(placement.with(i, price), all), chosen, cost, all);
          return { price, reason };
        },
      );
      return { ...share, chosen, options: options[i]!, rejected };
    }),
    shape,
    terms: all,
    cost,
  };
}

interface PricedSite {
  readonly price: TrainingPrice;
  /** Why the share may not be done there. */
  readonly refused?: string | undefined;
}

/** Every site of a share, home first. Updates leave an engine as they leave home, under the same policies. */
function pricedSites({ legality, training }: TrainingShare, shape: TrainingShape): readonly PricedSite[] {
  const { engine, home, mediator } = trainingPrices(training, shape);
  const updates = legality.home?.message;
  return [
    { price: home, refused: updates },
    ...(engine === undefined ? [] : [{ price: engine, refused: updates ?? refusedInside(training, shape) }]),
    { price: mediator, refused: legality.mediator },
  ];
}

/** A smaller update than the statement asks for is no engine's business either. */
const refusedInside = ({ engine }: SiloTraining, { compression }: TrainingShape): string | undefined =>
  engine?.refused ?? (compression === 'none' ? undefined : 'its engine sends whole updates');

const WORDS: Readonly<Record<Objective, string>> = { time: 'time', egress: 'bytes', money: 'price' };

/** Why a lawful site was not taken; for an unlawful one the reason is the policy's, or the engine's. */
export const SITE_REASONS = {
  dearer: (times: string, word: string) => `${times} times the ${word} of the run`,
  sameMachine: () => 'the same machine as its worker, and rows would leave',
  waits: () => 'faster by itself, but the run waits for other silos, and rows would leave',
  alikeWithRows: (_: string, word: string) => `about the same ${word}, and rows would leave`,
  alike: (_: string, word: string) => `about the same ${word}`,
} as const;

/** From its own price, or what it would make of the whole run. */
function reasonAgainst(
  other: TrainingPrice,
  otherRun: Cost,
  chosen: TrainingPrice,
  run: Cost,
  { objective, rounds }: TrainingTerms,
): string {
  const word = WORDS[objective];
  const factor = leading(otherRun, objective) / Math.max(leading(run, objective), Number.MIN_VALUE);
  const times = factor >= 100 ? '> 100' : factor.toFixed(1);
  if (factor >= 1.05) return SITE_REASONS.dearer(times, word);
  if (chosen.site === 'worker' && other.site === 'mediator') {
    return SITE_REASONS.sameMachine();
  }
  const [here, there] = [chosen, other].map((price) => secondsAlone(price, rounds));
  if (objective === 'time' && there! < here! && other.site === 'mediator') {
    return SITE_REASONS.waits();
  }
  return (other.site === 'mediator' ? SITE_REASONS.alikeWithRows : SITE_REASONS.alike)(times, word);
}
