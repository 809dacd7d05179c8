/**
 * Partial sums, so that updates may be added up a tree: silos into regions, regions into the federation. A flat round
 * is a tree of one region. For one tree the result repeats bit for bit; two trees agree to float64 rounding.
 */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { inSiloOrder } from './checks.ts';
import type { MeanStrategy, MeanUpdate, Update, Vector } from './strategy.ts';
import { weightedSum } from './vectors.ts';

/** Σ n_i Δ_i of the silos below one node of the tree. */
export interface PartialSum {
  /** The node's name; partial sums are added in its order. */
  readonly name: string;
  readonly delta: Float64Array;
  readonly control?: Float64Array;
  readonly weight: number;
  readonly cohort: number;
}

/** What an update weighs for `strategy`: its count, or 1 where the definition is an unweighted mean. */
export const weightOf = (strategy: MeanStrategy, update: Update): number =>
  strategy.weighting === 'equal' ? 1 : update.count;

/** The sum over checked updates, in silo order. */
export function partialSum(name: string, strategy: MeanStrategy, updates: readonly Update[]): PartialSum {
  const ordered = inSiloOrder(updates);
  const weights = ordered.map((update) => weightOf(strategy, update));
  const controlled = ordered.some((update) => 'control' in update);
  return {
    name,
    delta: weightedSum(each(ordered, 'delta'), weights),
    ...(!controlled ? {} : { control: weightedSum(each(ordered, 'control'), weights) }),
    weight: weights.reduce((sum, weight) => sum + weight, 0),
    cohort: ordered.length,
  };
}

/** One vector at a time: the sum is all that grows. */
function* each(updates: readonly Update[], name: 'delta' | 'control'): Generator<Vector> {
  for (const update of updates) {
    const vector = update[name];
    if (vector === undefined) throw missingControl(update.silo);
    yield vector;
  }
}

/** Adds partial sums of the nodes below, in the order of their names. */
export function mergePartials(name: string, parts: readonly PartialSum[]): PartialSum {
  const ordered = [...parts].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const ones = ordered.map(() => 1);
  const controls = ordered.flatMap((part) => (part.control === undefined ? [] : [part.control]));
  return {
    name,
    delta: weightedSum(
      ordered.map((part) => part.delta),
      ones,
    ),
    ...(controls.length === 0 ? {} : { control: weightedSum(controls, ones) }),
    weight: ordered.reduce((sum, part) => sum + part.weight, 0),
    cohort: ordered.reduce((sum, part) => sum + part.cohort, 0),
  };
}

/** The mean at the root of the tree, in the memory of its sum. `population` counts the silos of the federation, present or not. */
export function meanOf(root: PartialSum, population: number): MeanUpdate {
  return {
    delta: divided(root.delta, root.weight),
    ...(root.control === undefined ? {} : { control: divided(root.control, root.weight) }),
    cohort: root.cohort,
    population,
  };
}

function divided(sum: Float64Array, by: number): Float64Array {
  for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! / by;
  return sum;
}

function missingControl(silo: string): CausewayError {
  return new CausewayError(SQLSTATE.trainingFailed, `the update of silo ${silo} has no control variate`, {
    silo,
    hint: 'All silos of a SCAFFOLD round must run the same version of causeway.',
  });
}
