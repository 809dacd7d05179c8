/**
 * How many rounds a TRAIN will need, seen before it runs: a few short rounds on a sample of one silo's rows, and a curve
 * through their losses (ML4all, SIGMOD 2017). Bounded in time; nothing leaves a silo for it, and nothing is kept.
 */
import type { BackendChoice } from '../../../operators/lstm/choose-backend.ts';
import { LocalTrainer } from '../../../operators/lstm/local-trainer.ts';
import { initialWeights } from '../../../operators/lstm/model.ts';
import { mergeStatistics } from '../../../operators/lstm/statistics.ts';
import { fitLossCurve, iterationsUntil } from '../../../optimizer/cost/iterations.ts';
import type { ExplainedSpeculation } from '../../../optimizer/explain/training.ts';
import { siloPlans } from '../../../optimizer/fragments/silo-plans.ts';
import { messageOf, throwIfAborted } from '../../plan/errors.ts';
import { node, type RelationalNode } from '../../plan/nodes.ts';
import type { Train } from '../../plan/training.ts';
import { scalar } from '../../plan/types.ts';
import { type StreamRows, siloQuery } from './open-trainers.ts';
import type { TrainingPlan } from './place.ts';

export interface SpeculationOptions {
  /** Milliseconds for all of it; 0: nothing is tried. */
  readonly budget: number;
  readonly stream: StreamRows;
  readonly backend: BackendChoice;
  readonly signal: AbortSignal;
}

/** Most short rounds, and the most rows of the sample beside one window. */
const MOST_ROUNDS = 12;
const MOST_ROWS = 4000;

/** A round is enough when the loss is this near to where it is going. */
const TOLERANCE = 0.05;

/** What the sample says; a reason where it says nothing. Undefined with a budget of 0. */
export async function speculate(
  plan: Train,
  training: TrainingPlan,
  { budget, stream, backend, signal }: SpeculationOptions,
): Promise<ExplainedSpeculation | undefined> {
  if (budget === 0) return undefined;
  if (plan.privacy !== undefined) return { reason: 'PRIVACY counts every look at the rows' };
  const { placed } = training;
  // Only a worker in this process may look: behind an agent, and at the mediator, something would leave.
  const here = placed.shares.filter(({ chosen }) => chosen.site === 'worker');
  const silo = here.toSorted((a, b) => b.training.windows - a.training.windows)[0]?.training.silo;
  if (silo === undefined) return { reason: 'no silo trains in this process, and rows do not leave for a guess' };
  const began = performance.now();
  const deadline = AbortSignal.timeout(budget);
  const either = AbortSignal.any([signal, deadline]);
  try {
    return await sampleRun(plan, training, silo, { budget, stream, backend, signal: either }, began);
  } catch (thrown) {
    throwIfAborted(signal);
    if (deadline.aborted) return { reason: `a sample of ${silo} has not shown a curve within ${budget} ms` };
    return { reason: `a sample of ${silo} could not be trained: ${messageOf(thrown)}` };
  }
}

async function sampleRun(
  plan: Train,
  { here, placed }: TrainingPlan,
  silo: string,
  { backend, budget, signal, stream }: SpeculationOptions,
  began: number,
): Promise<ExplainedSpeculation> {
  const { horizon, window } = plan.sequence;
  const affordable = (here.windowsPerSecond * budget) / 1000 / 2 / MOST_ROUNDS / plan.local.epochs;
  const rows = Math.ceil(2 * (window + horizon) + Math.min(MOST_ROWS, affordable));
  const { query, spec } = siloQuery(silo, siloPlans(plan.source).get(silo)!, plan);
  const sample = firstRows(query, rows);
  await using trainer = await LocalTrainer.open({ ...spec, backend, threads: 1 }, stream(silo, sample, signal), signal);
  trainer.standardise(mergeStatistics([trainer.statistics()]));
  let weights = initialWeights(trainer.model, plan.local.seed);
  const losses: number[] = [];
  while (losses.length < MOST_ROUNDS && !signal.aborted) {
    const round = losses.length + 1;
    const request = { ...plan.local, weights, round, rounds: plan.federation.rounds };
    const result = await trainer.trainRound(request, signal).catch((thrown: unknown) => {
      // The rounds that were done are enough, or the caller says why they are not.
      if (signal.aborted) return undefined;
      throw thrown;
    });
    if (result === undefined) break;
    weights = result.weights;
    losses.push(result.loss);
  }
  const curve = fitLossCurve(losses);
  if (curve === undefined) {
    signal.throwIfAborted();
    return { reason: `the loss on a sample of ${silo} does not fall along a curve` };
  }
  const windows = trainer.summary.windows.train;
  // A round of the run makes more steps than one on the sample: it is worth so many of them.
  const mean = placed.shares.reduce((sum, { training }) => sum + training.windows, 0) / placed.shares.length;
  const worth = Math.max(1, mean / windows);
  const needed = iterationsUntil(curve, TOLERANCE, Number.MAX_SAFE_INTEGER);
  return {
    silo,
    windows,
    losses,
    curve,
    tolerance: TOLERANCE,
    enough: Math.max(1, Math.ceil(needed / worth)),
    seconds: (performance.now() - began) / 1000,
  };
}

const firstRows = (input: RelationalNode, rows: number): RelationalNode =>
  node({
    kind: 'limit',
    input,
    count: { kind: 'literal', value: rows, type: scalar('bigint') },
    columns: input.columns,
  });
