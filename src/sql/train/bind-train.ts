/** A TRAIN statement and its bound feature query → the `Train` node: every name found, every option checked. */
import { largestNetwork } from '../../plan/categories.ts';
import { CausewayError, type Position, SQLSTATE } from '../../plan/errors.ts';
import type { Column } from '../../plan/expressions.ts';
import { didYouMean } from '../../plan/nearest.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import type {
  FederationSpec,
  LocalTrainingSpec,
  ModelSpec,
  PrivacySpec,
  SplitSpec,
  TermsByCost,
  Train,
} from '../../plan/training.ts';
import { isNumeric, isTemporal, typeName } from '../../plan/types.ts';
import type { Located, Option, TrainModel } from '../statements/statement.ts';
import { bindFeatures } from './bind-features.ts';
import { AUTO, FEDERATE, type FEDERATE_ANY, PRIVACY, SPLIT, USING } from './clauses.ts';
import { type OptionsOf, readOptions } from './options.ts';

const ALGORITHMS = ['lstm', 'gru'] as const;

/** What the feature query was bound to. */
export interface BoundQuery {
  readonly plan: RelationalNode;
  readonly columns: readonly Column[];
}

/**
 * @param locate the place of an offset of the statement
 * @throws CausewayError 42703 for an unknown column, 22023 for a bad option, 42804 for a column of an unfit type
 */
export function bindTrain(statement: TrainModel, query: BoundQuery, locate: (offset: number) => Position): Train {
  const { columns } = query;
  const column = ({ value, offset }: Located<string>, role: string): Column => {
    const found =
      columns.find(({ name }) => name === value) ?? columns.find(({ name }) => name.toLowerCase() === value);
    if (found !== undefined) return found;
    const hint = didYouMean(
      value,
      columns.map(({ name }) => name),
    );
    throw refuse(SQLSTATE.undefinedColumn, `the feature query has no ${role} column "${value}"`, offset, hint);
  };
  const refuse = (sqlstate: string, message: string, offset: number, hint?: string): CausewayError =>
    new CausewayError(sqlstate, message, { position: locate(offset), ...(hint === undefined ? {} : { hint }) });

  if (statement.order === undefined || statement.window === undefined) {
    throw refuse(
      SQLSTATE.syntaxError,
      `TRAIN MODEL ${statement.name.value} does not say how its rows follow each other`,
      statement.name.offset,
      'Add FORECAST BY time_column [PER entity_column] WINDOW rows [HORIZON rows].',
    );
  }
  const order = column(statement.order, 'time');
  if (!isTemporal(order.type) && !isNumeric(order.type)) {
    throw refuse(
      SQLSTATE.datatypeMismatch,
      `the time column "${order.name}" is of type ${typeName(order.type)}`,
      statement.order.offset,
      'Order by a date, a timestamp or a number.',
    );
  }
  const entity = statement.entity === undefined ? undefined : column(statement.entity, 'entity');
  const algorithm = statement.algorithm ?? { value: 'lstm', offset: statement.name.offset };
  const cell = ALGORITHMS.find((name) => name === algorithm.value.toLowerCase());
  if (cell === undefined) {
    const hint = didYouMean(algorithm.value, ALGORITHMS);
    throw refuse(SQLSTATE.undefinedObject, `there is no algorithm "${algorithm.value}"`, algorithm.offset, hint);
  }
  const using = readOptions(`USING ${cell}`, USING, statement.options, locate);
  const targets = statement.targets.map((target) => ({ offset: target.offset, found: column(target, 'target') }));
  for (const { offset, found } of targets) {
    const fit = isNumeric(found.type) || (classifies(using) && found.type.kind === 'boolean');
    if (found.id !== order.id && found.id !== entity?.id && fit) continue;
    const text = found.id === order.id || found.id === entity?.id ? 'it orders the rows' : typeName(found.type);
    throw refuse(
      SQLSTATE.datatypeMismatch,
      `"${found.name}" cannot be predicted: ${text === 'it orders the rows' ? text : `it is of type ${text}`}`,
      offset,
      'Predict a number; turn classes into numbers with CASE.',
    );
  }
  const targetIds = new Set(targets.map(({ found }) => found.id));
  const features = bindFeatures(columns, order, entity, using, (message, hint) =>
    refuse(SQLSTATE.datatypeMismatch, message, statement.query.offset, hint),
  ).map((feature) =>
    // A class is a number that no scale may change.
    classifies(using) && targetIds.has(feature.id) ? { ...feature, scale: 'none' as const } : feature,
  );
  if (using.loss === 'softmax-cross-entropy' && (using.classes === undefined || targets.length > 1)) {
    throw refuse(
      SQLSTATE.invalidParameterValue,
      'softmax-cross-entropy predicts one column and needs the number of its classes',
      algorithm.offset,
      "Write USING lstm (loss => 'softmax-cross-entropy', classes => 3); the column holds 0, 1, 2.",
    );
  }
  if ((using.min_window ?? 1) > statement.window.value) {
    const message = `min_window => ${using.min_window} is more than WINDOW ${statement.window.value}`;
    throw refuse(SQLSTATE.invalidParameterValue, message, statement.window.offset, 'A window has at most WINDOW rows.');
  }
  const named = targets.find(({ found }) => features.some(({ category, id }) => id === found.id && category));
  if (named !== undefined) {
    const message = `"${named.found.name}" is predicted, so it cannot be one_hot or an embedding`;
    throw refuse(SQLSTATE.invalidParameterValue, message, named.offset, 'Select it a second time under another name.');
  }
  const outputs = outputWidth(targets.length, using);
  const privacy = statement.privacy === undefined ? undefined : bindPrivacy(statement.privacy, locate);
  if (privacy?.unit === 'entity' && privacy.epsilon !== undefined && entity === undefined) {
    throw refuse(
      SQLSTATE.invalidParameterValue,
      "PRIVACY (unit => 'entity') needs to know the entities",
      statement.name.offset,
      "Add PER entity_column after FORECAST BY, or protect windows with unit => 'record'.",
    );
  }
  const federation = isAuto(statement) ? bindAuto(statement, locate) : bindFederation(statement, locate);
  return Object.freeze({
    kind: 'train',
    model: statement.name.value,
    replace: statement.orReplace,
    source: query.plan,
    order,
    ...(entity === undefined ? {} : { entity }),
    features,
    targets: targets.map(({ found }) => features.findIndex(({ id }) => id === found.id)),
    sequence: {
      window: statement.window.value,
      horizon: statement.horizon?.value ?? 1,
      stride: using.stride,
      ...(using.min_window === undefined ? {} : { minWindow: using.min_window }),
      ...(using.season === undefined ? {} : { season: using.season }),
      // Given in seconds; dates and timestamps count microseconds.
      ...(using.max_gap === undefined ? {} : { maxGap: using.max_gap * (isTemporal(order.type) ? 1e6 : 1) }),
    },
    split: bindSplit(statement, locate),
    spec: largestNetwork(modelSpec(cell, features.length, outputs, using), features),
    local: { ...localTraining(using), ...localPrivacy(privacy), ...localEpochs(statement) },
    federation,
    ...(privacy === undefined ? {} : { privacy }),
    text: statement.text,
  });
}

const classifies = ({ loss }: OptionsOf<typeof USING>): boolean =>
  loss === 'binary-cross-entropy' || loss === 'softmax-cross-entropy';

/** Values that the network puts out per step. */
function outputWidth(targets: number, { classes, loss, quantiles }: OptionsOf<typeof USING>): number {
  if (loss === 'softmax-cross-entropy') return classes ?? 2;
  return targets * (loss === 'quantile' ? (quantiles?.length ?? 1) : 1);
}

function modelSpec(
  cell: ModelSpec['cell'],
  inputs: number,
  outputs: number,
  using: OptionsOf<typeof USING>,
): ModelSpec {
  return {
    cell,
    inputs,
    hidden: using.hidden,
    layers: using.layers,
    outputs,
    dropout: using.dropout,
    readout: using.readout,
    biases: using.biases === 1 ? 1 : 2,
    loss: using.loss,
    ...(using.quantiles === undefined ? {} : { quantiles: using.quantiles }),
    ...(using.class_weights === undefined ? {} : { classWeights: using.class_weights }),
    ...(using.loss === 'huber' ? { delta: using.huber_delta } : {}),
  };
}

function localTraining(using: OptionsOf<typeof USING>): LocalTrainingSpec {
  return {
    epochs: using.epochs,
    batch: using.batch,
    seed: using.seed,
    optimizer: {
      name: using.optimizer,
      learningRate: using.learning_rate,
      schedule: using.schedule,
      ...(using.momentum === undefined ? {} : { momentum: using.momentum }),
      ...(using.weight_decay === 0 ? {} : { weightDecay: using.weight_decay }),
      ...(using.clip === 0 ? {} : { clipNorm: using.clip }),
    },
  };
}

const isAuto = ({ privacy, strategy }: TrainModel): boolean =>
  strategy === undefined ? privacy === undefined : strategy.value.toLowerCase() === 'auto';

/** The strategy's own options are numbers; the strategy checks their names and ranges when the statement is placed. */
function bindFederation(statement: TrainModel, locate: (offset: number) => Position): FederationSpec {
  const own: Option[] = [];
  const options: Record<string, number> = {};
  for (const option of statement.federation) {
    const { name, value } = option;
    if (Object.hasOwn(FEDERATE, name.value) || typeof value.value !== 'number') own.push(option);
    else options[name.value] = value.value;
  }
  const strategy = statement.strategy?.value.toLowerCase() ?? 'fedavg';
  const common = readOptions(`FEDERATE ${strategy}`, FEDERATE, own, locate);
  requireTree(common, statement, locate);
  const choose = common.choose === 'cost' ? termsByCost(statement, locate) : undefined;
  return { strategy, options, ...commonTerms(common), ...(choose === undefined ? {} : { choose }) };
}

/** What the statement says is not chosen. @throws CausewayError 0A000 under PRIVACY, which counts the rounds */
function termsByCost({ federation, options, privacy }: TrainModel, locate: (offset: number) => Position): TermsByCost {
  const said = (among: readonly Option[], name: string): Option | undefined =>
    among.find((option) => option.name.value === name);
  if (privacy !== undefined) {
    throw new CausewayError(SQLSTATE.featureNotSupported, "choose => 'cost' changes the rounds, which PRIVACY counts", {
      position: locate(said(federation, 'choose')!.name.offset),
      hint: 'Say rounds, local_epochs and compress yourself; EXPLAIN shows what each would cost.',
    });
  }
  return {
    epochs: said(federation, 'local_epochs') === undefined && said(options, 'epochs') === undefined,
    compression: said(federation, 'compress') === undefined,
  };
}

/** FEDERATE's word goes before that of USING. */
function localEpochs({ federation }: TrainModel): { readonly epochs?: number } {
  const epochs = federation.find(({ name }) => name.value === 'local_epochs')?.value.value;
  return typeof epochs === 'number' ? { epochs } : {};
}

/** Branches per node where the statement does not say. */
const FAN_IN = 16;

const commonTerms = ({
  compress,
  fan_in,
  min_silos,
  patience,
  personalize,
  rounds,
  top_share,
  topology,
  weight_by,
}: OptionsOf<typeof FEDERATE_ANY>) => ({
  rounds,
  ...(min_silos === undefined ? {} : { minSilos: min_silos }),
  weightBy: weight_by,
  ...(patience === undefined ? {} : { patience }),
  ...(compress === 'int8' ? { compression: { kind: compress } } : {}),
  ...(compress === 'top_k' ? { compression: { kind: compress, share: top_share } } : {}),
  ...(personalize === 'head' ? { personalize } : {}),
  ...(topology === 'tree' ? { fanIn: fan_in ?? FAN_IN } : {}),
});

/** @throws CausewayError 22023 for a fan-in of no tree */
function requireTree(
  { fan_in, topology }: OptionsOf<typeof FEDERATE_ANY>,
  { federation, name }: TrainModel,
  locate: (offset: number) => Position,
): void {
  if (fan_in === undefined || topology === 'tree') return;
  const at = federation.find((option) => option.name.value === 'fan_in')?.name ?? name;
  throw new CausewayError(SQLSTATE.invalidParameterValue, 'fan_in is of a tree', {
    position: locate(at.offset),
    hint: "Write topology => 'tree', fan_in => 16.",
  });
}

/** `auto` decides what neither FEDERATE nor USING says. Under PRIVACY nothing is tried: every round reveals, or spends. */
function bindAuto(statement: TrainModel, locate: (offset: number) => Position): FederationSpec {
  const { federation, options, privacy, strategy } = statement;
  if (privacy !== undefined) {
    throw new CausewayError(SQLSTATE.featureNotSupported, 'FEDERATE auto tries things out, which PRIVACY forbids', {
      position: locate(strategy!.offset),
      hint: 'Name a strategy, FEDERATE fedavg (rounds => 20), or leave FEDERATE out for just that.',
    });
  }
  const { trial_rounds, ...common } = readOptions('FEDERATE auto', AUTO, federation, locate);
  requireTree(common, statement, locate);
  const given = new Set(options.map(({ name }) => name.value));
  const open = {
    trialRounds: trial_rounds,
    epochs: !given.has('epochs'),
    learningRate: !given.has('learning_rate'),
    optimizer: !['optimizer', 'momentum', 'weight_decay'].some((name) => given.has(name)),
  };
  return { strategy: 'auto', options: {}, ...commonTerms(common), validateBy: 'naive', open };
}

/** The norm to which a unit's gradient is clipped where the statement does not say. */
const DEFAULT_CLIP = 1;

/** Silos are protected by noise on their mean (at the coordinator), all else by noise inside the silo. */
function localPrivacy(privacy: PrivacySpec | undefined): Pick<LocalTrainingSpec, 'privacy'> {
  if (privacy?.epsilon === undefined || privacy.unit === 'silo') return {};
  const { clip = DEFAULT_CLIP, delta = 1e-6, epsilon, unit } = privacy;
  return { privacy: { unit, epsilon, delta, clip } };
}

function bindPrivacy(given: readonly Option[], locate: (offset: number) => Position): PrivacySpec {
  const { epsilon, clip, ...rest } = readOptions('PRIVACY', PRIVACY, given, locate);
  return { ...rest, ...(epsilon === undefined ? {} : { epsilon }), ...(clip === undefined ? {} : { clip }) };
}

function bindSplit({ split }: TrainModel, locate: (offset: number) => Position): SplitSpec {
  if (split?.kind === 'calendar') {
    const validateFrom = microseconds(split.validateFrom, locate);
    const testFrom = microseconds(split.testFrom, locate);
    if (validateFrom < testFrom) return { kind: 'calendar', validateFrom, testFrom };
    throw new CausewayError(SQLSTATE.invalidParameterValue, 'SPLIT AT t1, t2 needs t1 before t2', {
      position: locate(split.testFrom.offset),
    });
  }
  const { validate, test } = readOptions('SPLIT', SPLIT, split?.options ?? [], locate);
  if (validate + test < 1) return { kind: 'fractions', validate, test };
  throw new CausewayError(
    SQLSTATE.invalidParameterValue,
    'SPLIT leaves nothing to train on: validate + test must be below 1',
    {
      position: locate(split?.options[0]?.name.offset ?? 0),
    },
  );
}

/** A timestamp in UTC when it names no zone. */
function microseconds({ value, offset }: Located<string>, locate: (offset: number) => Position): bigint {
  const iso = value.trim().replace(' ', 'T');
  const zoned = /(?:Z|[+-]\d\d(?::?\d\d)?)$/.test(iso.slice(10)) ? iso : `${iso.length > 10 ? iso : `${iso}T00:00`}Z`;
  const milliseconds = Date.parse(zoned);
  if (!Number.isNaN(milliseconds)) return BigInt(milliseconds) * 1000n;
  throw new CausewayError(SQLSTATE.invalidTextRepresentation, `'${value}' is no timestamp`, {
    position: locate(offset),
    hint: "Write it as '2025-01-31' or '2025-01-31 12:00:00'.",
  });
}
