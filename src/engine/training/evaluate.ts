/** `ml.evaluate`: how good a model is per silo and target, and over all silos together (silo NULL). */
import { type Evaluation, mergeEvaluations } from '../../../operators/lstm/evaluation.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import type { Engine, StoredModel } from '../engine.ts';
import { type ScoringContext, weightsOf } from './forecast.ts';
import { type TargetMetrics, targetMetrics } from './metrics.ts';
import { modelSource } from './model-source.ts';
import { openScorers } from './open-scorers.ts';
import { ownModel } from './personal-heads.ts';
import { scaleAsTrained } from './scale-as-trained.ts';
import type { ModelSignature } from './signature.ts';
import type { SiloScorer } from './silo-scorer.ts';

export interface EvaluationRow {
  readonly silo: string | null;
  readonly metrics: TargetMetrics;
}

/** Of the test part, as it was measured when the version was trained. */
export function storedEvaluation({ metrics }: StoredModel): EvaluationRow[] {
  return [...metrics.silos.flatMap(({ silo, test }) => rowsOf(silo, test)), ...rowsOf(null, metrics.pooled)];
}

/** Of other rows: every window of the query, in each silo, beside its rows where that is lawful. */
export async function evaluateOn(
  engine: Engine,
  model: StoredModel,
  query: RelationalNode,
  context: ScoringContext,
): Promise<EvaluationRow[]> {
  const { signature } = model;
  const source = modelSource(model.model, signature, query);
  await using trainers = await openScorers(engine, source, signature, context);
  scaleAsTrained(trainers, signature);
  const weights = weightsOf(engine, model, trainers.all[0]!);
  const evaluations = await Promise.all(
    trainers.all.map((trainer) => trainer.evaluate(weights, 'train', context.signal)),
  );
  const own = await Promise.all(
    trainers.all.map((trainer, i) => evaluateOwn(signature, trainers.silos[i]!, trainer, weights, context.signal)),
  );
  const personal = own.some((each) => each !== undefined)
    ? mergeEvaluations(own.map((each, i) => each ?? evaluations[i]!))
    : undefined;
  return [
    ...evaluations.flatMap((evaluation, i) =>
      rowsOf(trainers.silos[i]!, targetMetrics(evaluation, { personal: own[i] })),
    ),
    ...rowsOf(null, targetMetrics(mergeEvaluations(evaluations), { personal })),
  ];
}

/** The same of the silo's own version of the model, here or behind its agent; undefined where it has none. */
async function evaluateOwn(
  signature: ModelSignature,
  silo: string,
  scorer: SiloScorer,
  weights: Float32Array,
  signal: AbortSignal,
): Promise<Evaluation | undefined> {
  const own = ownModel(signature, silo, scorer.model, weights);
  if (own === undefined) return scorer.evaluateOwn?.(weights, 'train', signal);
  scorer.aimAt(own.aim);
  return scorer.evaluate(own.weights, 'train', signal);
}

export interface GroupRow extends EvaluationRow {
  /** NULL: a category that the model does not know. */
  readonly group: string | null;
}

/**
 * Per entity, or per category of a feature (`by`): of the query's rows, or without one of the test part.
 * @param query the model's feature query, or another with its columns, bound
 */
export async function evaluateGroups(
  engine: Engine,
  model: StoredModel,
  { query, part }: { readonly query: RelationalNode; readonly part: 'all' | 'test' },
  by: string | undefined,
  context: ScoringContext,
): Promise<GroupRow[]> {
  const { signature } = model;
  const whole = modelSource(model.model, signature, query);
  const source = part === 'all' ? whole : { ...whole, split: signature.split };
  await using trainers = await openScorers(engine, source, signature, context, true);
  scaleAsTrained(trainers, signature);
  const weights = weightsOf(engine, model, trainers.all[0]!);
  const perSilo = await Promise.all(
    trainers.all.map((trainer) => trainer.evaluateBy(weights, part === 'all' ? 'train' : 'test', by, context.signal)),
  );
  const together = new Map<string | undefined, Evaluation[]>();
  for (const [group, evaluation] of perSilo.flat()) {
    together.set(group, [...(together.get(group) ?? []), evaluation]);
  }
  const rows = (silo: string | null, group: string | undefined, evaluation: Evaluation): GroupRow[] =>
    rowsOf(silo, targetMetrics(evaluation)).map((row) => ({ ...row, group: group ?? null }));
  return [
    ...perSilo.flatMap((groups, i) => groups.flatMap(([group, found]) => rows(trainers.silos[i]!, group, found))),
    ...[...together].flatMap(([group, evaluations]) => rows(null, group, mergeEvaluations(evaluations))),
  ];
}

const rowsOf = (silo: string | null, targets: readonly TargetMetrics[]): EvaluationRow[] =>
  targets.map((metrics) => ({ silo, metrics }));
