/** TRAIN MODEL, and RESUME TRAIN. */
import type { BackendChoice } from '../../../operators/lstm/choose-backend.ts';
import { trainedRows } from '../../../optimizer/policy/trained-rows.ts';
import { CausewayError, type Position, SQLSTATE } from '../../plan/errors.ts';
import { didYouMean } from '../../plan/nearest.ts';
import type { Train } from '../../plan/training.ts';
import { positionAt } from '../../sql/lexer.ts';
import { parseStatement } from '../../sql/statements/parse.ts';
import type { ResumeTrain, TrainModel } from '../../sql/statements/statement.ts';
import { bindTrain } from '../../sql/train/bind-train.ts';
import { bindQuery, leavingRows, streamRows } from '../bind.ts';
import { budgetOf, requireTrainingBudget } from '../budget.ts';
import type { StatementResult } from '../result.ts';
import { columnsOf, rowsResult } from '../rows.ts';
import type { StatementContext } from '../session.ts';
import { chosenTerms } from '../training/choose-terms.ts';
import { compileInside, stepOf } from '../training/engine-step.ts';
import { figureNames, figuresOf } from '../training/metrics.ts';
import { chosenSitesOf, placeTrain, trainingLegalities } from '../training/place.ts';
import { type StartedTraining, startTraining, type TrainOptions } from '../training/train.ts';

/** The bound statement over the rows that policies let a model learn from: every name found, every option checked, nothing run. */
async function bindTrainModel(statement: TrainModel, context: StatementContext): Promise<Train> {
  const query = await bindQuery(statement.query.text, context.locate(statement.query.offset), {
    ...context,
    privilege: 'train',
  });
  const train = bindTrain(statement, query, context.locate);
  const book = await context.engine.planner.policies(context.signal, context.access.roles);
  const { notices, plan } = trainedRows(train.source, train.privacy, book);
  for (const message of notices) context.onNotice({ severity: 'NOTICE', message });
  return { ...train, source: plan };
}

/** The statement, bound, with terms that were left to the optimizer chosen and written into it. */
export async function settledTrain(
  statement: TrainModel,
  context: StatementContext,
): Promise<{ readonly statement: TrainModel; readonly plan: Train }> {
  const plan = await bindTrainModel(statement, context);
  if (plan.federation.choose === undefined) return { statement, plan };
  const { placed } = await placeTrain(plan, await trainingLegalities(plan, context), context);
  const { said, statement: settled } = chosenTerms(statement, plan, placed);
  context.onNotice({ severity: 'NOTICE', message: `chosen by cost: ${said}`, hint: PRICES });
  return { statement: settled, plan: await bindTrainModel(settled, { ...context, onNotice: () => {} }) };
}

/** Answers one row per silo and target: what it trained on, and how good the model is on its test part. */
export const trainModel = (statement: TrainModel, context: StatementContext): Promise<StatementResult> =>
  runTraining(statement, context);

/**
 * Goes on with the model's last job where it stopped: crash, lost silos, Ctrl-C. The silos' rows being what they were,
 * the weights become the same, bit for bit, as if it had not stopped.
 * @throws CausewayError 42704 without such a job, 55006 while it runs
 */
export async function resumeTrain({ name }: ResumeTrain, context: StatementContext): Promise<StatementResult> {
  const { engine, locate } = context;
  const jobs = engine.catalog.jobs.list();
  const job = jobs.findLast(({ model }) => model === name.value);
  const position = locate(name.offset);
  if (job === undefined || job.state === 'done') {
    const stopped = jobs.filter(({ state }) => state === 'failed' || state === 'cancelled').map(({ model }) => model);
    const hint = didYouMean(name.value, [...new Set(stopped)]) ?? 'No job waits to be resumed.';
    const what = job === undefined ? 'has no job' : 'has ended its last job';
    throw new CausewayError(SQLSTATE.undefinedObject, `model "${name.value}" ${what}`, { position, hint });
  }
  if (job.state === 'running') {
    throw new CausewayError(SQLSTATE.objectInUse, `job ${job.id} of model "${name.value}" is running`, { position });
  }
  return resumeJob(job.id, context);
}

/** Goes on with one job, and waits for its end also when it was begun with ASYNC and the engine resumes it by itself. */
export async function resumeJob(id: number, context: StatementContext, wait = false): Promise<StatementResult> {
  const job = context.engine.catalog.jobs.list().find((each) => each.id === id)!;
  const statement = parseStatement(job.query);
  if (statement.kind !== 'train-model') throw new CausewayError(SQLSTATE.dataCorrupted, `job ${job.id} is no TRAIN`);
  return runTraining(
    wait ? { ...statement, async: false } : statement,
    { ...context, text: job.query, base: START, locate: (at) => positionAt(job.query, at) },
    job.id,
  );
}

const START: Position = { offset: 0, line: 1, column: 1 };

async function runTraining(given: TrainModel, context: StatementContext, resume?: number): Promise<StatementResult> {
  const { plan, statement } = await settledTrain(given, context);
  const more = resume === undefined ? {} : { resume };
  const { job, result } = startTrain(statement, plan, await chosenSites(plan, context), context, more);
  if (statement.async) {
    // Its end is in causeway.jobs; nobody waits for it here.
    result.catch(() => undefined);
    return rowsResult('TRAIN MODEL', columnsOf({ job: 'bigint' }), [[BigInt(job)]]);
  }
  const stored = await result;
  const { signature } = stored;
  const names = figureNames(signature.spec);
  const shown = ['rmse', 'mae', 'accuracy', 'log_loss'].filter((name) => names.includes(name));
  const columns = columnsOf({
    silo: 'text',
    rows: 'integer',
    train_windows: 'integer',
    test_windows: 'integer',
    target: 'text',
    ...Object.fromEntries(shown.map((name) => [name, 'double'] as const)),
    version: 'integer',
  });
  const rows = stored.metrics.silos.flatMap(({ silo, rows: count, windows, test }) =>
    signature.targets.map((index) => {
      const target = signature.features[index]!.name;
      const metrics = test.find((each) => each.target === target);
      const figures = metrics === undefined ? {} : figuresOf(metrics);
      const cells = shown.map((name) => rounded(figures[name]));
      return [silo, count, windows.train, windows.test, target, ...cells, stored.version];
    }),
  );
  return rowsResult('TRAIN MODEL', columns, rows);
}

/** Begins a bound TRAIN at the sites that were chosen for it. */
export function startTrain(
  statement: TrainModel,
  plan: Train,
  sites: Sites,
  context: StatementContext,
  more: Pick<TrainOptions, 'onTrained' | 'resume'>,
): StartedTraining {
  const { engine, signal, onNotice, settings } = context;
  return startTraining(engine, plan, {
    // A job in the background outlives the statement: CANCEL JOB stops it.
    signal: statement.async ? new AbortController().signal : signal,
    onNotice,
    ...sites,
    streams: (onSent) => ({ home: streamRows(context), leaving: leavingRows(context, onSent) }),
    compile: compileInside(context),
    backend: settings.own('causeway.training_backend') as BackendChoice,
    policies: (stop) => engine.planner.policies(stop, context.access.roles),
    baseline: settings.own('causeway.local_baseline') === 'on',
    query: statement.query.text,
    priority: Number(settings.own('causeway.job_priority')),
    sessionSettings: settings.chosen(),
    ...(context.access.user === undefined ? {} : { role: context.access.user }),
    ...more,
  });
}

const PRICES = 'EXPLAIN shows what every way of training would cost.';

type Sites = Pick<TrainOptions, 'sites' | 'placed'>;

/** The sites of a TRAIN. Nothing is priced where no silo has a choice. */
async function chosenSites(plan: Train, context: StatementContext): Promise<Sites> {
  const legalities = await trainingLegalities(plan, context);
  const open = await Promise.all(
    [...legalities].map(
      async ([silo, { home, mediator }]) =>
        home === undefined && (mediator === undefined || (await stepOf(context.engine, silo)) !== undefined),
    ),
  );
  const budget = budgetOf(context.settings) !== undefined;
  if (!open.includes(true) && !budget) return { sites: chosenSitesOf(legalities) };
  const { placed, statements } = await placeTrain(plan, legalities, context);
  await requireTrainingBudget(
    placed.shares.map(({ training: { silo }, chosen }) => ({
      ...{ silo, money: chosen.money, statements: statements.get(silo) ?? [] },
    })),
    context,
  );
  for (const { chosen, training } of placed.shares) {
    if (chosen.site === 'engine') {
      const message = `silo "${training.silo}" trains inside its own engine: it is cheaper than to read its rows`;
      context.onNotice({ severity: 'NOTICE', message, hint: PRICES });
    }
    if (chosen.site !== 'mediator') continue;
    context.onNotice({
      severity: 'NOTICE',
      message: `rows of silo "${training.silo}" come to the mediator for training: its policies let them, and it is cheaper`,
      hint: PRICES,
    });
  }
  return { sites: chosenSitesOf(legalities, placed), placed };
}

/** Six digits are more than a test part of any size can tell; the model's metrics keep them all. */
const rounded = (value: number | null | undefined): number | null =>
  value === undefined || value === null ? null : Number(value.toPrecision(6));
