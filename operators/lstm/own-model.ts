/** What a silo makes of its own rows: a model without the others, and a head of its own on the federation's network. */
import type { ModelSpec } from '../../src/plan/training.ts';
import type { SequenceData } from './backend.ts';
import { leastShare } from './change-share.ts';
import type { Evaluation } from './evaluation.ts';
import { headOf, withHead } from './head-tuning.ts';
import { isRegression } from './losses.ts';
import { initialWeights } from './model.ts';
import { headBetween, provenPart } from './proven-head.ts';
import type { AloneRequest, Personal, PersonalRequest, TrainRequest, TrainResult } from './training-session.ts';
import type { TrainingThread } from './training-thread.ts';
import type { Part } from './windows.ts';

/** A silo's side of a run once its rows are scaled. */
export interface OwnTraining {
  readonly data: SequenceData;
  readonly model: ModelSpec;
  readonly thread: TrainingThread;
  /** Rows per season; 0 without one. */
  readonly season: number;
  /** Windows of the validation part. */
  readonly validation: Uint32Array;
  readonly trainer: {
    trainRound(request: TrainRequest, signal: AbortSignal): Promise<TrainResult>;
    evaluate(weights: Float32Array, part: Part, signal: AbortSignal): Promise<Evaluation>;
  };
}

/** See {@link LocalTrainer.trainAlone}. */
export async function trainAlone(
  own: OwnTraining,
  { patience, rounds, ...local }: AloneRequest,
  signal: AbortSignal,
): Promise<Evaluation> {
  const { model, trainer } = own;
  let weights = initialWeights(model, local.seed);
  let best = { loss: Number.POSITIVE_INFINITY, round: 0, weights };
  for (let round = 1; round <= rounds && round - best.round <= patience; round++) {
    weights = (await trainer.trainRound({ ...local, weights, round, rounds }, signal)).weights;
    const { lossSum, lossWeight } = await trainer.evaluate(weights, 'validation', signal);
    const loss = lossWeight === 0 ? 0 : lossSum / lossWeight;
    if (loss < best.loss || lossWeight === 0) best = { loss, round, weights };
  }
  return (await tested(own, best.weights, signal)).evaluation;
}

/** See {@link LocalTrainer.personalise}. */
export async function personalise(
  own: OwnTraining,
  { patience, rounds, weights, ...local }: PersonalRequest,
  signal: AbortSignal,
): Promise<Personal> {
  const { model, thread, trainer } = own;
  const lossOf = async (head: Float32Array): Promise<number> => {
    const { lossSum, lossWeight } = await trainer.evaluate(head, 'validation', signal);
    return lossSum / lossWeight;
  };
  const validated = own.validation.length > 0;
  let tuned = weights;
  let best = { loss: validated ? await lossOf(weights) : Number.POSITIVE_INFINITY, round: 0, weights };
  const most = validated ? rounds : 1;
  for (let round = 1; round <= most && round - best.round <= patience; round++) {
    tuned = (await thread.trainHead({ ...local, weights: tuned, round, rounds: most }, signal)).weights;
    const loss = validated ? await lossOf(tuned) : 0;
    if (loss < best.loss) best = { loss, round, weights: tuned };
  }
  const { offset, length } = headOf(model);
  const headIn = (of: Float32Array): Float32Array => of.slice(offset, offset + length);
  const part = best.round === 0 || !validated ? 1 : await proven(own, weights, best.weights, signal);
  const head = headBetween(headIn(weights), headIn(best.weights), part);
  return { head, ...(await tested(own, withHead(model, weights, head), signal)) };
}

/** How far the validation part proves the tuned head; a classifier's is taken as it is. */
async function proven(
  { data, model, season, thread, validation: starts }: OwnTraining,
  federated: Float32Array,
  tuned: Float32Array,
  signal: AbortSignal,
): Promise<number> {
  if (!isRegression(model)) return 1;
  const outputs = {
    starts,
    federated: await thread.predict(federated, starts, signal),
    tuned: await thread.predict(tuned, starts, signal),
  };
  const { difference, season: aimed = season } = thread.aim ?? {};
  return provenPart(model, data, outputs, Math.max(data.horizon, aimed, difference?.lag ?? 0));
}

/** Errors on the test part; of a network of changes with as much of it as the validation part proves. */
async function tested(
  { thread, trainer }: OwnTraining,
  weights: Float32Array,
  signal: AbortSignal,
): Promise<Omit<Personal, 'head'>> {
  const { aim } = thread;
  if (aim?.difference === undefined) return { evaluation: await trainer.evaluate(weights, 'test', signal) };
  try {
    thread.aim = { ...aim, difference: { ...aim.difference, share: 1 } };
    const share = leastShare((await trainer.evaluate(weights, 'validation', signal)).targets);
    thread.aim = { ...aim, difference: { ...aim.difference, share } };
    return { share, evaluation: await trainer.evaluate(weights, 'test', signal) };
  } finally {
    thread.aim = aim;
  }
}
