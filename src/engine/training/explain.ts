/** `ml.explain`: what a model looks at, per silo and of all silos together (silo NULL). Only sums leave a silo. */
import { type Importance, importances, mergeExplanations } from '../../../operators/lstm/explain.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import type { Engine, StoredModel } from '../engine.ts';
import { type ScoringContext, weightsOf } from './forecast.ts';
import { modelSource } from './model-source.ts';
import { openScorers } from './open-scorers.ts';
import { scaleAsTrained } from './scale-as-trained.ts';

export interface ExplainedSilo {
  readonly silo: string | null;
  readonly lines: readonly Importance[];
}

/** @param query the model's feature query, or another with its columns, bound */
export async function explainModel(
  engine: Engine,
  model: StoredModel,
  query: RelationalNode,
  context: ScoringContext,
): Promise<ExplainedSilo[]> {
  const source = modelSource(model.model, model.signature, query);
  await using trainers = await openScorers(engine, source, model.signature, context);
  scaleAsTrained(trainers, model.signature);
  const weights = weightsOf(engine, model, trainers.all[0]!);
  const request = { weights, part: 'train', seed: 1 } as const;
  const explained = await Promise.all(trainers.all.map((trainer) => trainer.explain(request, context.signal)));
  return [
    ...explained.map((explanation, i) => ({ silo: trainers.silos[i]!, lines: importances(explanation) })),
    { silo: null, lines: importances(mergeExplanations(explained)) },
  ];
}
