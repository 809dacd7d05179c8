/** One round's aggregation: checked updates in, the next weights and server state out. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { checkUpdates } from './checks.ts';
import { meanOf, partialSum, weightOf } from './partial.ts';
import { type CentralPrivacy, privateMean } from './privacy/central.ts';
import type { MeanStrategy, MeanUpdate, ServerState, Strategy, StrategyOptions, Update, Vector } from './strategy.ts';
import { treeSum } from './tree.ts';
import { squaredNorm } from './vectors.ts';

export interface AggregateInput {
  readonly strategy: Strategy;
  /** As {@link resolveOptions} returned them. */
  readonly options: StrategyOptions;
  /** The weights every (non-stale) update started from. */
  readonly global: Float32Array;
  /** A vector may be read from a journal when it is asked for, into memory that the next one is read into. */
  readonly updates: readonly Update[];
  /** Empty on the first round. */
  readonly state: ServerState;
  /** Silos of the federation, present or not. */
  readonly population: number;
  /** Noise on the mean of whole silos; for strategies that need the mean only. */
  readonly privacy?: CentralPrivacy;
  /** The sum is taken by a tree with so many branches per node; absent: flat. */
  readonly fanIn?: number;
}

export interface Aggregated {
  readonly weights: Float32Array;
  readonly state: ServerState;
  /** Effective share of each silo, p_i, in silo order; absent where the strategy does not use shares. */
  readonly shares: ReadonlyMap<string, number>;
  /** Updates that were left out, one error each. */
  readonly rejected: readonly CausewayError[];
}

/**
 * Aggregates one round. The result depends on the updates only, not on the order in which they came: everything is
 * summed in float64 by silo name.
 * @throws CausewayError CW002 when too few sound updates are left, or the new weights are not finite.
 */
export function aggregate(input: AggregateInput): Aggregated {
  const { strategy, options, global, state } = input;
  const { accepted, rejected } = checkUpdates(global, input.updates);
  const least = strategy.needs === 'updates' ? strategy.leastUpdates(options) : 1;
  if (accepted.length < least) throw tooFew(strategy, accepted.length, least, rejected);
  if (strategy.needs === 'updates') {
    // Such a strategy compares updates with each other: it has them all before it.
    const whole = accepted.map((update) => ({ ...update, delta: update.delta.slice() }));
    const { weights, state: next } = strategy.combine(global, whole, state, options);
    return { weights: toFloat32(weights, strategy), state: next, shares: new Map(), rejected };
  }
  if (input.privacy !== undefined) return aggregatePrivately(input, strategy, input.privacy, accepted, rejected);
  const sum =
    input.fanIn === undefined ? partialSum('federation', strategy, accepted) : treeSum(strategy, accepted, input.fanIn);
  const step = stepFromMean(strategy, global, meanOf(sum, input.population), state, options);
  return { ...step, shares: sharesOf(strategy, accepted, sum.weight), rejected };
}

/** The clipping norm is part of the state, because adaptive clipping moves it from round to round. */
function aggregatePrivately(
  { options, global, state, population }: AggregateInput,
  strategy: MeanStrategy,
  privacy: CentralPrivacy,
  accepted: readonly Update[],
  rejected: readonly CausewayError[],
): Aggregated {
  const { clip, ...rest } = state;
  const { delta, nextClip } = privateMean(accepted, privacy, clip?.[0] ?? privacy.clip);
  const mean = { delta, cohort: accepted.length, population };
  const step = stepFromMean(strategy, global, mean, rest, options);
  return { ...step, state: { ...step.state, clip: Float64Array.of(nextClip) }, shares: privacy.shares, rejected };
}

/**
 * The server's step from a mean that is known already: after secure aggregation, central noise, or a tree of
 * partial sums.
 */
export function stepFromMean(
  strategy: MeanStrategy,
  global: Float32Array,
  mean: MeanUpdate,
  state: ServerState,
  options: StrategyOptions,
): { weights: Float32Array; state: ServerState } {
  const { weights, state: next } = strategy.step(global, mean, state, options);
  return { weights: toFloat32(weights, strategy), state: next };
}

/** p_i = n_i / Σn, or 1 / |S| for strategies defined by the unweighted mean. */
function sharesOf(strategy: MeanStrategy, updates: readonly Update[], total: number): Map<string, number> {
  return new Map(updates.map((update) => [update.silo, weightOf(strategy, update) / total]));
}

function tooFew(strategy: Strategy, have: number, least: number, rejected: readonly CausewayError[]): CausewayError {
  return new CausewayError(
    SQLSTATE.trainingFailed,
    `strategy ${strategy.name} needs ${least} sound updates, this round has ${have}`,
    {
      ...(rejected.length === 0 ? {} : { detail: rejected.map((error) => error.message).join('; ') }),
      hint: 'Lower the strategy’s demands, or bring the missing silos back.',
    },
  );
}

function toFloat32(weights: Vector, strategy: Strategy): Float32Array {
  const out = new Float32Array(weights);
  if (Number.isFinite(squaredNorm(out))) return out;
  const at = out.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return out;
  throw new CausewayError(SQLSTATE.trainingFailed, `strategy ${strategy.name} made weight ${at} ${out[at]}`, {
    hint: 'Lower the learning rate, or clip updates.',
  });
}
