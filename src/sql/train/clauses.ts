/** The options that each clause of TRAIN takes, with their defaults. docs/training.md explains each with an example. */
import type { OptionSchemas } from './options.ts';

/** `USING lstm (…)` and `USING gru (…)`. */
export const USING = {
  hidden: { kind: 'integer', default: 64, min: 1, max: 4096, description: 'units per layer' },
  layers: { kind: 'integer', default: 1, min: 1, max: 4, description: 'stacked layers' },
  dropout: { kind: 'number', default: 0, min: 0, max: 0.95, description: 'dropout between layers' },
  epochs: { kind: 'integer', default: 1, min: 1, max: 1000, description: 'local epochs per round' },
  batch: { kind: 'integer', default: 64, min: 1, max: 65_536, description: 'windows per step' },
  optimizer: {
    kind: 'word',
    default: 'adam',
    words: ['sgd', 'adam', 'adamw', 'rmsprop'],
    description: 'the local optimizer; its state starts anew each round',
  },
  learning_rate: { kind: 'number', default: 1e-3, min: 0, max: 10, description: 'the local learning rate' },
  schedule: {
    kind: 'word',
    default: 'constant',
    words: ['constant', 'cosine', 'step'],
    description: 'how the learning rate falls over the rounds',
  },
  momentum: { kind: 'number', min: 0, max: 1, description: 'momentum of sgd' },
  weight_decay: { kind: 'number', default: 0, min: 0, max: 1, description: 'L2 (adam) or decoupled (adamw) decay' },
  clip: { kind: 'number', default: 1, min: 0, description: "the gradient's largest L2 norm; 0 for no clipping" },
  loss: {
    kind: 'word',
    default: 'mse',
    words: ['mse', 'mae', 'huber', 'quantile', 'binary-cross-entropy', 'softmax-cross-entropy'],
    description: 'what is minimised',
  },
  huber_delta: { kind: 'number', default: 1, min: 0, description: 'where the huber loss turns linear' },
  quantiles: { kind: 'many', of: 'number', description: 'levels of the quantile loss, ascending' },
  classes: {
    kind: 'integer',
    min: 2,
    max: 1000,
    description: 'classes of softmax-cross-entropy: targets are 0 … classes − 1',
  },
  class_weights: { kind: 'many', of: 'number', description: 'a weight per class for the cross-entropies' },
  biases: { kind: 'integer', default: 2, min: 1, max: 2, description: 'bias vectors per layer; 2 is as in PyTorch' },
  readout: { kind: 'word', default: 'last', words: ['last', 'every'], description: 'which steps the head reads' },
  seed: { kind: 'integer', default: 7, min: 0, max: 0xffff_ffff, description: 'decides initial weights and shuffling' },
  standardize: {
    kind: 'many',
    of: 'string',
    description: 'the features to standardise; all numeric ones without it, none for an empty list',
  },
  scale: {
    kind: 'word',
    default: 'federation',
    words: ['federation', 'silo', 'entity'],
    description: 'whose mean and deviation a feature is standardised with',
  },
  one_hot: {
    kind: 'many',
    of: 'string',
    description: 'numbers and booleans to take as categories, one-hot; text always is',
  },
  embedding: { kind: 'many', of: 'string', description: 'the features whose categories get a trained vector each' },
  embedding_size: { kind: 'integer', default: 8, min: 1, max: 256, description: 'length of those vectors' },
  vocabulary: {
    kind: 'integer',
    default: 100,
    min: 1,
    max: 10_000,
    description: 'categories per feature; rarer ones are "unknown"',
  },
  stride: { kind: 'integer', default: 1, min: 1, description: 'rows between the starts of two windows' },
  min_window: {
    kind: 'integer',
    min: 1,
    description: 'rows that a window at the beginning of a sequence may do with, the others being masked',
  },
  max_gap: { kind: 'number', min: 0, description: 'seconds between two rows that end a sequence' },
  season: { kind: 'integer', min: 1, description: 'rows per season, for the seasonal-naive comparison' },
} as const satisfies OptionSchemas;

/** What `FEDERATE` takes with any strategy, `auto` too. */
export const FEDERATE_ANY = {
  rounds: { kind: 'integer', default: 20, min: 1, max: 100_000, description: 'rounds of training' },
  min_silos: { kind: 'integer', min: 1, description: 'a round with fewer silos fails; all of them without it' },
  weight_by: {
    kind: 'word',
    default: 'windows',
    words: ['windows', 'rows', 'entities', 'equal'],
    description: "what a silo's weight in the average is",
  },
  patience: {
    kind: 'integer',
    min: 1,
    description: 'stop after so many rounds without a better validation loss, and keep the best weights',
  },
  compress: {
    kind: 'word',
    default: 'none',
    words: ['none', 'int8', 'top_k'],
    description: 'how updates are made smaller before they leave a silo',
  },
  top_share: {
    kind: 'number',
    default: 0.05,
    min: 1e-6,
    max: 0.5,
    description: 'the share of weights that top_k sends',
  },
  topology: {
    kind: 'word',
    default: 'flat',
    words: ['flat', 'tree'],
    description: 'how updates are added: all at once, or by a tree of partial sums',
  },
  fan_in: { kind: 'integer', min: 2, max: 1000, description: 'branches per node of a tree; 16 without it' },
  personalize: {
    kind: 'word',
    default: 'none',
    words: ['none', 'head'],
    description: 'what each silo fine-tunes on its own rows after the last round',
  },
} as const satisfies OptionSchemas;

/** What every `FEDERATE strategy (…)` takes; the strategy's own options come on top. */
export const FEDERATE = {
  ...FEDERATE_ANY,
  local_epochs: {
    kind: 'integer',
    min: 1,
    max: 1000,
    description: 'passes over its windows that a silo makes in a round; the epochs of USING without it',
  },
  choose: {
    kind: 'word',
    default: 'nothing',
    words: ['nothing', 'cost'],
    description: 'cost: local epochs for fewer rounds, and compression, where the statement does not say them',
  },
} as const satisfies OptionSchemas;

/** `FEDERATE auto (…)`, and TRAIN without the clause. */
export const AUTO = {
  ...FEDERATE_ANY,
  rounds: { kind: 'integer', default: 60, min: 1, max: 100_000, description: 'most rounds of training' },
  patience: { kind: 'integer', default: 10, min: 1, description: 'rounds without a better validation loss' },
  trial_rounds: { kind: 'integer', default: 24, min: 0, max: 10_000, description: 'most rounds spent on trials' },
} as const satisfies OptionSchemas;

/** `PRIVACY (…)`. */
export const PRIVACY = {
  secure: { kind: 'boolean', default: false, description: 'secure aggregation: no single update is seen' },
  epsilon: { kind: 'number', min: 0, description: 'differential privacy: the budget' },
  delta: {
    kind: 'number',
    default: 1e-6,
    min: 0,
    max: 1,
    description: 'differential privacy: the failure probability',
  },
  clip: { kind: 'number', min: 0, description: 'the largest L2 norm of an update' },
  adaptive: { kind: 'boolean', default: false, description: 'the clip follows the median norm of the updates' },
  unit: { kind: 'word', default: 'silo', words: ['record', 'entity', 'silo'], description: 'what is protected' },
} as const satisfies OptionSchemas;

/** `SPLIT (…)`: the last parts of each silo's time. */
export const SPLIT = {
  validate: { kind: 'number', default: 0.1, min: 0, max: 0.9, description: 'the part for validation' },
  test: { kind: 'number', default: 0.1, min: 0, max: 0.9, description: 'the part for the final test, the last' },
} as const satisfies OptionSchemas;
