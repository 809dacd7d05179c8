/** `ml.evaluate`: how good a model is per silo and target, and over all silos together (silo NULL). */
import { mergeEvaluations } from '../../../operators/lstm/evaluation.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import type { Engine, StoredModel } from '../engine.ts';
import { type ScoringContext, weightsOf } from './forecast.ts';
import { type TargetMetrics, targetMetrics } from './metrics.ts';
import { modelSource } from './model-source.ts';
import { openTrainers } from './open-trainers.ts';
import { scaleAsTrained } from './scale-as-trained.ts';

export interface EvaluationRow {
  readonly silo: string | null;
  readonly metrics: TargetMetrics;
}

/** Of the test part, as it was measured when the version was trained. */
export function storedEvaluation({ metrics }: StoredModel): EvaluationRow[] {
  return [...metrics.silos.flatMap(({ silo, test }) => rowsOf(silo, test)), ...rowsOf(null, metrics.pooled)];
}

/** Of other rows: every window of the query, in each silo. */
export async function evaluateOn(
  engine: Engine,
  model: StoredModel,
  query: RelationalNode,
  context: ScoringContext,
): Promise<EvaluationRow[]> {
  const { signature } = model;
  const source = modelSource(model.model, signature, query);
  await using trainers = await openTrainers(source, context.stream, context.signal, context.backend);
  scaleAsTrained(trainers, signature);
  const weights = weightsOf(engine, model, trainers.all[0]!);
  const evaluations = await Promise.all(
    trainers.all.map((trainer) => trainer.evaluate(weights, 'train', context.signal)),
  );
  return [
    ...evaluations.flatMap((evaluation, i) => rowsOf(trainers.silos[i]!, targetMetrics(evaluation))),
    ...rowsOf(null, targetMetrics(mergeEvaluations(evaluations))),
  ];
}

const rowsOf = (silo: string | null, targets: readonly TargetMetrics[]): EvaluationRow[] =>
  targets.map((metrics) => ({ silo, metrics }));
