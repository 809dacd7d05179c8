/** Other ways to do a TRAIN's rounds, priced like the one that was asked for: what they save, and what they cost the model. */
import { type Cost, leading } from '../cost/objective.ts';
import type { TrainingShape } from '../cost/training.ts';
import { type PlacedTraining, placedTraining } from './placed-training.ts';

interface Variant {
  readonly name: (shape: TrainingShape) => string;
  /** Undefined where it makes no sense. */
  readonly shape: (asked: TrainingShape) => TrainingShape | undefined;
  /** Why it is not chosen without being asked for. */
  readonly caveat: string;
}

/** So many passes over the rows between two rounds, and as many in all as were asked for. */
const epochs = (factor: number): Variant => ({
  name: (shape) => `${shape.epochs} epochs a round, ${shape.rounds} rounds`,
  shape: (asked) =>
    asked.rounds >= 2 * factor
      ? { ...asked, epochs: asked.epochs * factor, rounds: Math.ceil(asked.rounds / factor) }
      : undefined,
  caveat: 'silos drift apart for longer',
});

/** Nothing here is taken without the user: each makes another model. */
const VARIANTS: readonly Variant[] = [
  epochs(2),
  epochs(5),
  {
    name: () => 'updates of 8 bits',
    shape: (asked) => (asked.compression === 'none' ? { ...asked, compression: 'int8' } : undefined),
    caveat: 'rounding adds noise',
  },
];

/** Factors of epochs, of which the rounds get fewer, and ways to write an update. */
const EPOCHS = [1, 2, 5];
const COMPRESSIONS = ['none', 'int8'] as const;

/**
 * The cheapest terms for a TRAIN that leaves them to the optimizer: as many passes over the rows in all, in fewer rounds, and
 * updates of 8 bits.
 * @returns undefined where none saves a tenth of what is to be kept small
 */
export function cheapestTerms(
  { cost: asked, shares, shape, terms }: PlacedTraining,
  open: { readonly epochs: boolean; readonly compression: boolean },
): TrainingShape | undefined {
  const { objective } = terms;
  let [best, least]: [TrainingShape | undefined, number] = [undefined, (1 - WORTH) * leading(asked, objective)];
  for (const factor of open.epochs ? EPOCHS : [1]) {
    const longer = factor === 1 ? shape : epochs(factor).shape(shape);
    for (const compression of open.compression ? COMPRESSIONS : [shape.compression]) {
      if (longer === undefined) continue;
      const other = { ...longer, compression };
      const price = leading(placedTraining(shares, other, { cores: terms.cores, objective }).cost, objective);
      if (price >= least) continue;
      [best, least] = [other, price];
    }
  }
  return best;
}

export interface PricedVariant {
  readonly name: string;
  readonly cost: Cost;
  readonly caveat: string;
}

/** What must be saved of time or bytes to be worth a line. */
const WORTH = 0.1;

/** Each variant that saves something, with the sites that are best for it. */
export const pricedVariants = ({ cost: asked, shares, shape, terms }: PlacedTraining): readonly PricedVariant[] =>
  VARIANTS.flatMap(({ caveat, name, shape: change }) => {
    const other = change(shape);
    if (other === undefined) return [];
    const { cost } = placedTraining(shares, other, { cores: terms.cores, objective: terms.objective });
    const saves = cost.seconds < (1 - WORTH) * asked.seconds || cost.bytes < (1 - WORTH) * asked.bytes;
    if (!saves) return [];
    return [{ name: name(other), cost, caveat }];
  });
