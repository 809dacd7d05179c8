/**
 * What an aggregation strategy is: a pure function from (global weights, updates, server state) to the next weights
 * and state. Nothing here trains, sends or stores.
 */

/** A flat parameter vector, in the layout of the model's weights. Silos send float32; tests may use float64. */
export type Vector = Float32Array | Float64Array;

/** What one silo sends back in a round. */
export interface Update {
  readonly silo: string;
  /** Local weights minus the weights the silo started from. */
  readonly delta: Vector;
  /** The silo's weight in the mean, in the basis of `weight_by`: windows, rows, entities, or 1 for `equal`. */
  readonly count: number;
  /** Mean training loss of the weights the silo started from (q-FedAvg's F_i(w)). */
  readonly loss: number;
  /** SCAFFOLD only: the change of the silo's control variate, c_i⁺ − c_i. */
  readonly control?: Vector;
  /** Versions published since the weights this update started from; 0 in a synchronous round. */
  readonly staleness?: number;
}

/** Server-side vectors that live from round to round (momentum, second moments …), by name. They are journalled. */
export type ServerState = Readonly<Record<string, Float64Array>>;

/** A strategy's option: every one is a number, so that `FEDERATE name (option => 1)` can be checked from this alone. */
export interface OptionSpec {
  readonly name: string;
  readonly default: number;
  readonly description: string;
  readonly min: number;
  readonly max: number;
  /** The bound itself is not allowed. */
  readonly exclusiveMin?: boolean;
  readonly integer?: boolean;
}

/** Options after defaults and checks: every option of the strategy is there. */
export type StrategyOptions = Readonly<Record<string, number>>;

/** What a strategy asks of training inside the silo. */
export interface LocalTerms {
  /** FedProx: mu of (mu / 2) · ‖v − w‖². */
  readonly proximal?: number;
  /** SCAFFOLD: plain SGD whose gradient is corrected by (c − c_i); the silo keeps c_i from round to round. */
  readonly controlVariates?: boolean;
}

/** The mean of a cohort's updates. It is all that secure aggregation reveals. */
export interface MeanUpdate {
  readonly delta: Float64Array;
  /** SCAFFOLD only: the mean change of the control variates. */
  readonly control?: Float64Array;
  /** Silos in the mean. */
  readonly cohort: number;
  /** Silos of the whole federation. */
  readonly population: number;
}

/** New weights in float64 (the caller rounds to float32 once) and the state of the next round. */
export interface Step {
  readonly weights: Float64Array;
  readonly state: ServerState;
}

interface StrategyBase {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionSpec[];
  readonly local?: (options: StrategyOptions) => LocalTerms;
  /** FedBuff: a round closes as soon as this many updates have come, whoever sent them. */
  readonly closesAfter?: (options: StrategyOptions) => number;
}

/** Needs the mean of the updates only, and so can stand behind secure aggregation and central noise. */
export interface MeanStrategy extends StrategyBase {
  readonly needs: 'mean';
  /** `equal`: the definition is an unweighted mean, whatever `weight_by` says. */
  readonly weighting: 'count' | 'equal';
  readonly step: (global: Vector, mean: MeanUpdate, state: ServerState, options: StrategyOptions) => Step;
}

/** Must see each silo's update in the clear. `updates` are sorted by silo name and have been checked. */
export interface IndividualStrategy extends StrategyBase {
  readonly needs: 'updates';
  /** Least number of updates for these options. */
  readonly leastUpdates: (options: StrategyOptions) => number;
  readonly combine: (global: Vector, updates: readonly Update[], state: ServerState, options: StrategyOptions) => Step;
}

export type Strategy = MeanStrategy | IndividualStrategy;
