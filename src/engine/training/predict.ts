/** `ml.predict`: the model's prediction for every row that has a full window before it, beside what was observed. */
import type { RelationalNode } from '../../plan/nodes.ts';
import type { Engine, StoredModel } from '../engine.ts';
import type { Cell } from '../rows.ts';
import { type ScoringContext, timeCell, weightsIn } from './forecast.ts';
import { modelSource } from './model-source.ts';
import { openRowScorers } from './open-row-scorers.ts';
import { scaleAsTrained } from './scale-as-trained.ts';

export interface PredictionRow {
  readonly silo: string;
  readonly entity: string;
  readonly time: Cell;
  readonly actual: readonly number[];
  readonly predicted: readonly number[];
}

export async function predict(
  engine: Engine,
  model: StoredModel,
  query: RelationalNode,
  context: ScoringContext,
): Promise<PredictionRow[]> {
  const { signature } = model;
  const source = modelSource(model.model, signature, query);
  await using trainers = await openRowScorers('ml.predict', engine, source, signature, context);
  scaleAsTrained(trainers, signature);
  const perSilo = await Promise.all(
    trainers.all.map(async (trainer, i): Promise<PredictionRow[]> => {
      const silo = trainers.silos[i]!;
      const weights = weightsIn(engine, model, silo, trainer);
      const { entities, times, predicted, actual } = await trainer.predict(weights, context.signal);
      const outputs = trainer.model.outputs;
      const targets = signature.targets.length;
      return entities.map((entity, k) => ({
        silo,
        entity,
        time: timeCell(times[k]!, signature.order.type),
        actual: [...actual.subarray(k * targets, (k + 1) * targets)],
        predicted: [...predicted.subarray(k * outputs, (k + 1) * outputs)],
      }));
    }),
  );
  return perSilo.flat();
}
