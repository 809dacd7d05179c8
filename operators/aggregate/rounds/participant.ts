/** A silo as a round sees it: in this process, or behind its agent. */
import type { LocalTerms } from '../strategy.ts';
import type { SecureParty } from './secure-round.ts';

/** What a silo is asked to do in one round. Asking again for the same run and round gives the same answer. */
export interface RoundTask {
  readonly run: string;
  /** From 1. */
  readonly round: number;
  readonly weights: Float32Array;
  readonly terms: LocalTerms;
  /** SCAFFOLD only. */
  readonly control?: ControlVariates;
}

/**
 * The server's c and the silo's c_i. Both follow from what the silo has sent, so both are kept with the round's other
 * state: a silo that is lost, restarted or late has nothing to remember, and c_i counts a round exactly when its update does.
 */
export interface ControlVariates {
  readonly server: Float64Array;
  readonly own: Float64Array;
}

/** A silo's answer; `delta`, `count`, `loss` and `control` as in Update. Once it is disposed of, its vectors are gone. */
export interface LocalResult extends Partial<Disposable> {
  readonly delta: Float32Array;
  readonly count: number;
  readonly loss: number;
  readonly control?: Float32Array;
  /** Time spent training in the silo. */
  readonly seconds: number;
}

/** Loss sums, so that the loss of all silos together is exact. */
export interface LocalLoss {
  readonly lossSum: number;
  readonly lossWeight: number;
}

export interface RoundParticipant {
  readonly silo: string;
  /** Rejects soon after `signal` is aborted; the silo can be asked again then. */
  train(task: RoundTask, signal: AbortSignal): Promise<LocalResult>;
  /** Loss of `weights` on the silo's validation windows. */
  validate(weights: Float32Array, signal: AbortSignal): Promise<LocalLoss>;
  /** The silo's part of secure rounds; `train` is not called then. */
  readonly secure?: SecureParty;
}
