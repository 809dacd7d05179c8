/**
 * `ml.predict`, `ml.forecast`, `ml.evaluate` and `ml.explain` in FROM. Each call is bound to a memory table whose columns follow from
 * the model's signature, so that they are known before anything runs; its rows are made when the statement runs.
 */
import type { BatchResult, ResultColumn } from '../../connectors/connector.ts';
import type { DropoutSamples } from '../../operators/lstm/forecast.ts';
import { trainedFeatures } from '../../operators/lstm/trained-features.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import { didYouMean } from '../plan/nearest.ts';
import { node, type RelationalNode } from '../plan/nodes.ts';
import { scalar } from '../plan/types.ts';
import type { ModelFunctionCall } from '../sql/select/scope.ts';
import type { Access } from './access.ts';
import type { Engine, StoredModel } from './engine.ts';
import { batchResult, type Cell, columnsOf } from './rows.ts';
import { requireModel } from './statements/models.ts';
import { evaluateGroups, evaluateOn, storedEvaluation } from './training/evaluate.ts';
import { explainModel } from './training/explain.ts';
import type { AskedModel } from './training/explain-scoring.ts';
import { forecast, type ScoringContext } from './training/forecast.ts';
import { figureNames, figuresOf, quantileSuffix, type TargetMetrics } from './training/metrics.ts';
import { predict } from './training/predict.ts';

export interface ModelFunctionContext extends ScoringContext {
  /** Binds the feature query of a stored model. */
  readonly bind: (query: string) => Promise<RelationalNode>;
}

type Compute = (context: ModelFunctionContext) => Promise<BatchResult>;

interface Bound {
  readonly tells: AskedModel['tells'];
  readonly query?: RelationalNode;
  readonly columns: readonly ResultColumn[];
  readonly rows: (context: ModelFunctionContext) => Promise<(readonly Cell[])[]>;
}

type Binder = (engine: Engine, model: StoredModel, call: ModelFunctionCall) => Bound;

const FUNCTIONS: Readonly<Record<string, Binder>> = {
  predict: bindPredict,
  forecast: bindForecast,
  evaluate: bindEvaluate,
  explain: bindExplain,
};

/** The model functions of one statement. */
export class ModelFunctions {
  readonly #engine: Engine;
  readonly #access: Access;
  readonly #calls = new Map<string, Compute>();
  readonly #asked: AskedModel[] = [];

  constructor(engine: Engine, access: Access) {
    this.#engine = engine;
    this.#access = access;
  }

  /** For `BindScope.modelFunction`. @throws CausewayError for an unknown function, model or argument */
  bind(call: ModelFunctionCall): RelationalNode {
    const binder = Object.hasOwn(FUNCTIONS, call.name) ? FUNCTIONS[call.name] : undefined;
    if (binder === undefined) {
      const hint = didYouMean(call.name, Object.keys(FUNCTIONS));
      throw refuse(call, SQLSTATE.undefinedFunction, `there is no function ml.${call.name}`, hint);
    }
    const modelNamed = modelName(call);
    this.#access.requireModel(modelNamed);
    const model = requireModel(this.#engine, modelNamed);
    const { columns, query, rows, tells } = binder(this.#engine, model, call);
    this.#asked.push({ name: `ml.${call.name}`, model, tells, ...(query === undefined ? {} : { query }) });
    const name = `ml_${call.name}_${this.#calls.size + 1}`;
    this.#calls.set(name, async (context) => batchResult(columns, await rows(context)));
    return node({
      kind: 'memory-table',
      name,
      columns: columns.map((column) => call.column(column.name, column.type)),
    });
  }

  /** What the statement asks of models, for EXPLAIN. */
  get asked(): readonly AskedModel[] {
    return this.#asked;
  }

  /** The rows of a memory table that `bind` made; undefined for another's name. */
  compute(name: string, context: ModelFunctionContext): Promise<BatchResult> | undefined {
    return this.#calls.get(name)?.(context);
  }
}

function bindForecast(engine: Engine, model: StoredModel, call: ModelFunctionCall): Bound {
  takesOnly(call, ['horizon', 'samples', 'level']);
  const { signature } = model;
  const samples = dropoutSamples(model, call);
  const steps = wholeNumber(call, 'horizon') ?? signature.sequence.horizon;
  return {
    tells: 'rows',
    columns: [
      ...columnsOf({ silo: 'text' }),
      ...(signature.entity === undefined ? [] : [{ name: signature.entity.name, type: scalar('text') }]),
      signature.order,
      ...outputColumns(model, '').flatMap((column) =>
        samples === undefined
          ? [column]
          : ['', '_lower', '_upper'].map((suffix) => ({ ...column, name: column.name + suffix })),
      ),
    ],
    async rows(context) {
      const query = await context.bind(signature.query);
      const rows = await forecast(engine, model, query, steps, context, samples);
      return rows.map(({ silo, entity, time, outputs }) => [
        silo,
        ...(signature.entity === undefined ? [] : [entity]),
        time,
        ...outputs,
      ]);
    },
  };
}

/** Asked for with `samples`; by `level` a nine-in-ten interval. */
function dropoutSamples({ model, signature }: StoredModel, call: ModelFunctionCall): DropoutSamples | undefined {
  const count = wholeNumber(call, 'samples');
  const level = call.args.find(({ name }) => name === 'level')?.value;
  const share = level?.kind === 'literal' ? Number(level.value) : 0.9;
  if (!(share > 0 && share < 1)) {
    throw refuse(call, SQLSTATE.invalidParameterValue, 'level of ml.forecast must be between 0 and 1');
  }
  if (count === undefined) {
    if (level === undefined) return undefined;
    const hint = 'Write ml.forecast(…, samples => 100, level => 0.9).';
    throw refuse(
      call,
      SQLSTATE.invalidParameterValue,
      'level of ml.forecast is the width of an interval of samples',
      hint,
    );
  }
  const { dropout, layers, loss } = signature.spec;
  if (dropout > 0 && layers > 1 && loss !== 'quantile' && count >= 2) return { count, level: share };
  if (loss === 'quantile') {
    throw refuse(call, SQLSTATE.featureNotSupported, `the quantiles of model "${model}" are its intervals already`);
  }
  if (count < 2) throw refuse(call, SQLSTATE.invalidParameterValue, 'samples of ml.forecast must be 2 or more');
  const hint = 'Train it with USING lstm (layers => 2, dropout => 0.2), or with quantiles.';
  throw refuse(call, SQLSTATE.featureNotSupported, `model "${model}" has no dropout to sample`, hint);
}

function bindPredict(engine: Engine, model: StoredModel, call: ModelFunctionCall): Bound {
  takesOnly(call, []);
  const { signature } = model;
  const query = queryOf(call);
  if (query === undefined) {
    throw refuse(
      call,
      SQLSTATE.undefinedFunction,
      'ml.predict needs a query',
      "Write ml.predict('model', (SELECT …)).",
    );
  }
  return {
    tells: 'rows',
    query,
    columns: [
      ...columnsOf({ silo: 'text' }),
      ...(signature.entity === undefined ? [] : [{ name: signature.entity.name, type: scalar('text') }]),
      signature.order,
      ...signature.targets.map((target) => ({ name: signature.features[target]!.name, type: scalar('double') })),
      ...outputColumns(model, 'predicted_'),
    ],
    async rows(context) {
      const rows = await predict(engine, model, query, context);
      return rows.map(({ silo, entity, time, actual, predicted }) => [
        silo,
        ...(signature.entity === undefined ? [] : [entity]),
        time,
        ...actual,
        ...predicted,
      ]);
    },
  };
}

/**
 * The columns follow from the loss: errors and rules of thumb, pinball and coverage per quantile, or a classifier's figures.
 * `by` adds one for the entity, or for the category of a feature.
 */
function bindEvaluate(engine: Engine, model: StoredModel, call: ModelFunctionCall): Bound {
  takesOnly(call, ['by']);
  const query = queryOf(call);
  const by = groupColumn(model, call);
  const names = figureNames(model.signature.spec);
  return {
    tells: by === undefined ? (query === undefined ? 'stored' : 'sums') : 'groups',
    ...(query === undefined ? {} : { query }),
    columns: [
      ...columnsOf({ silo: 'text' }),
      ...(by === undefined ? [] : columnsOf({ [by]: 'text' })),
      ...columnsOf({ target: 'text', windows: 'integer' }),
      ...names.map((name) => ({ name, type: scalar('double') })),
    ],
    async rows(context) {
      const cells = (metrics: TargetMetrics): Cell[] => {
        const figures = figuresOf(metrics);
        return [metrics.target, metrics.windows, ...names.map((name) => figures[name] ?? null)];
      };
      if (by === undefined) {
        const found = query === undefined ? storedEvaluation(model) : await evaluateOn(engine, model, query, context);
        return found.map(({ silo, metrics }) => [silo, ...cells(metrics)]);
      }
      const rows = {
        query: query ?? (await context.bind(model.signature.query)),
        part: query ? 'all' : 'test',
      } as const;
      const feature = by === model.signature.entity?.name ? undefined : by;
      const found = await evaluateGroups(engine, model, rows, feature, context);
      return found.map(({ silo, group, metrics }) => [silo, group, ...cells(metrics)]);
    },
  };
}

/** What `by => '…'` names: the entity or a category that the model was trained on. */
function groupColumn({ model, signature }: StoredModel, call: ModelFunctionCall): string | undefined {
  const argument = call.args.find(({ name }) => name === 'by');
  if (argument === undefined) return undefined;
  const { entity, features, statistics, targets } = signature;
  const { kept } = trainedFeatures(features, targets, statistics);
  const known = [
    ...(entity === undefined ? [] : [entity.name]),
    ...kept.flatMap((i) => (features[i]!.category === undefined ? [] : [features[i]!.name])),
  ];
  const name = argument.value?.kind === 'literal' ? String(argument.value.value) : '';
  if (known.includes(name)) return name;
  const hint = didYouMean(name, known) ?? `It knows ${known.length === 0 ? 'none' : known.join(', ')}.`;
  throw refuse(call, SQLSTATE.undefinedColumn, `"${name}" is no entity and no category of model "${model}"`, hint);
}

/** Lag 0 is the last row of the window; NULL all lags together, and as silo all silos together. */
function bindExplain(engine: Engine, model: StoredModel, call: ModelFunctionCall): Bound {
  takesOnly(call, []);
  const query = queryOf(call);
  return {
    tells: 'sums',
    ...(query === undefined ? {} : { query }),
    columns: columnsOf({
      silo: 'text',
      feature: 'text',
      lag: 'integer',
      permutation_importance: 'double',
      attribution: 'double',
    }),
    async rows(context) {
      const rows = query ?? (await context.bind(model.signature.query));
      const found = await explainModel(engine, model, rows, context);
      return found.flatMap(({ silo, lines }) =>
        lines.map(({ attribution, feature, lag, permutation }) => [
          silo,
          feature,
          lag ?? null,
          permutation ?? null,
          attribution,
        ]),
      );
    },
  };
}

/** One column per target (for a binary classifier its probability), per target and quantile, or per class. */
function outputColumns({ signature }: StoredModel, prefix: string): ResultColumn[] {
  const { spec, targets, features } = signature;
  return targets.flatMap((target) => {
    const name = prefix + features[target]!.name;
    const column = (suffix: string) => ({ name: name + suffix, type: scalar('double') });
    if (spec.loss === 'quantile' && spec.quantiles) {
      return spec.quantiles.map((level) => column(quantileSuffix(level)));
    }
    if (spec.loss === 'softmax-cross-entropy') return Array.from({ length: spec.outputs }, (_, c) => column(`_p${c}`));
    return [column('')];
  });
}

/** The first argument: `'m'`, or `MODEL m` after the parser's rewriting. */
function modelName(call: ModelFunctionCall): string {
  const first = call.args[0];
  if (first?.name === undefined && first?.value?.kind === 'literal' && typeof first.value.value === 'string') {
    return first.value.value;
  }
  throw refuse(
    call,
    SQLSTATE.undefinedFunction,
    `ml.${call.name} takes a model's name first`,
    `Write ml.${call.name}('model').`,
  );
}

const queryOf = (call: ModelFunctionCall): RelationalNode | undefined =>
  call.args.find(({ query }) => query !== undefined)?.query;

function wholeNumber(call: ModelFunctionCall, name: string): number | undefined {
  const argument = call.args.find((candidate) => candidate.name === name);
  if (argument === undefined) return undefined;
  const value = argument.value?.kind === 'literal' ? Number(argument.value.value) : Number.NaN;
  if (Number.isInteger(value) && value >= 1 && value <= 100_000) return value;
  throw refuse(
    call,
    SQLSTATE.invalidParameterValue,
    `${name} of ml.${call.name} must be a whole number from 1 to 100000`,
  );
}

function takesOnly(call: ModelFunctionCall, names: readonly string[]): void {
  for (const { name } of call.args) {
    if (name === undefined || names.includes(name)) continue;
    const hint = didYouMean(name, names) ?? `ml.${call.name} takes no named arguments.`;
    throw refuse(call, SQLSTATE.undefinedFunction, `ml.${call.name} has no argument "${name}"`, hint);
  }
}

function refuse({ position }: ModelFunctionCall, sqlstate: string, message: string, hint?: string): CausewayError {
  return new CausewayError(sqlstate, message, {
    ...(position === undefined ? {} : { position }),
    ...(hint === undefined ? {} : { hint }),
  });
}
