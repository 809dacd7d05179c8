/** TRAIN MODEL. */
import type { BackendChoice } from '../../../operators/lstm/choose-backend.ts';
import { siloPlans } from '../../../optimizer/fragments/silo-plans.ts';
import { requireTrainingAllowed } from '../../../optimizer/policy/training.ts';
import type { Train } from '../../plan/training.ts';
import type { TrainModel } from '../../sql/statements/statement.ts';
import { bindTrain } from '../../sql/train/bind-train.ts';
import { bindQuery, streamRows } from '../bind.ts';
import type { StatementResult } from '../result.ts';
import { columnsOf, rowsResult } from '../rows.ts';
import type { StatementContext } from '../session.ts';
import { train } from '../training/train.ts';

/** The bound statement: every name found, every option checked, nothing run. */
export async function bindTrainModel(statement: TrainModel, context: StatementContext): Promise<Train> {
  const query = await bindQuery(statement.query.text, context.locate(statement.query.offset), {
    ...context,
    privilege: 'train',
  });
  return bindTrain(statement, query, context.locate);
}

/** Answers one row per silo: what it trained on, and how good the model is on its test part. */
export async function trainModel(statement: TrainModel, context: StatementContext): Promise<StatementResult> {
  const { engine, signal, onNotice } = context;
  const plan = await bindTrainModel(statement, context);
  requireTrainingAllowed(siloPlans(plan.source), plan.privacy, await engine.planner.policies(signal));
  const stored = await train(engine, plan, {
    signal,
    onNotice,
    stream: streamRows(context),
    backend: context.settings.own('causeway.training_backend') as BackendChoice,
    query: statement.query.text,
  });
  const columns = columnsOf({
    silo: 'text',
    rows: 'integer',
    train_windows: 'integer',
    test_windows: 'integer',
    rmse: 'double',
    mae: 'double',
    version: 'integer',
  });
  const rows = stored.metrics.silos.map(({ silo, rows: count, windows, test }) => [
    silo,
    count,
    windows.train,
    windows.test,
    rounded(test?.rmse),
    rounded(test?.mae),
    stored.version,
  ]);
  return rowsResult('TRAIN MODEL', columns, rows);
}

/** Six digits are more than a test part of any size can tell; the model's metrics keep them all. */
const rounded = (value: number | undefined): number | null =>
  value === undefined ? null : Number(value.toPrecision(6));
