/** The vocabulary of TRAIN: what a model is, how it is trained in each silo, how updates are merged. */
import type { Column, ColumnId } from './expressions.ts';
import type { RelationalNode } from './nodes.ts';

export type Loss = 'mse' | 'mae' | 'huber' | 'quantile' | 'binary-cross-entropy' | 'softmax-cross-entropy';

/** A column of a row that holds the number of a category instead of a value; 0 is "unknown". */
export interface CategorySpec {
  /** Position among the row's columns. */
  readonly column: number;
  /** Categories, "unknown" among them. */
  readonly size: number;
  /** Length of the trained vector (embedding) that stands for each category; absent: one-hot. */
  readonly dimension?: number;
}

/** The network. Input width and output width follow from the bound columns. */
export interface ModelSpec {
  readonly cell: 'lstm' | 'gru';
  /** Values that enter per time step: one per numeric column, and as many as each category is spread to. */
  readonly inputs: number;
  /** Columns with categories, ascending. */
  readonly categories?: readonly CategorySpec[];
  readonly hidden: number;
  /** Stacked layers, 1 … 4. */
  readonly layers: number;
  /** Values put out per step: targets × quantiles, or classes. */
  readonly outputs: number;
  /** Dropout between layers, 0 … 1. */
  readonly dropout: number;
  /** The dense head reads the last step only, or every step. */
  readonly readout: 'last' | 'every';
  /** PyTorch's parametrisation has two bias vectors per layer; both are trained, so the effective bias step doubles. */
  readonly biases: 1 | 2;
  readonly loss: Loss;
  /** For `quantile`: the levels, ascending. */
  readonly quantiles?: readonly number[];
  /** For `huber`: where the loss turns linear. */
  readonly delta?: number;
  /** For cross-entropies: a weight per class. */
  readonly classWeights?: readonly number[];
}

export interface OptimizerSpec {
  readonly name: 'sgd' | 'adam' | 'adamw' | 'rmsprop';
  readonly learningRate: number;
  readonly momentum?: number;
  readonly betas?: readonly [number, number];
  readonly epsilon?: number;
  readonly weightDecay?: number;
  /** Global L2 norm to which a step's gradient is clipped; absent: no clipping. */
  readonly clipNorm?: number;
  readonly schedule?: 'constant' | 'cosine' | 'step';
  /** FedProx: mu of (mu / 2) · ‖w − w_global‖². */
  readonly proximal?: number;
}

/** How one silo's rows become windows. */
export interface SequenceSpec {
  /** Look-back: rows per window. */
  readonly window: number;
  /** The target is the value `horizon` rows after the window's last row. */
  readonly horizon: number;
  readonly stride: number;
  /** Rows that a window at the beginning of a sequence may do with, the missing ones being masked; absent: all of them. */
  readonly minWindow?: number;
  /** Rows per season, for the seasonal-naive comparison; absent: no season. */
  readonly season?: number;
  /**
   * Rows of one entity further apart than this break the sequence (in microseconds for dates and timestamps, else in
   * units of the time column); absent: no gap rule.
   */
  readonly maxGap?: number;
}

/**
 * The network puts out how far each target will be from its value `lag` rows before, in units of `scales` (per target,
 * of its standardised values); 0 is then the naive rule.
 */
export interface DifferenceSpec {
  readonly lag: number;
  readonly scales: readonly number[];
  /** How much of the network's output is added to the naive rule when it predicts, 0 … 1; absent: all of it. */
  readonly share?: number;
}

/** By fractions of each silo's time, or by one calendar cut for all silos (microseconds since 1970 UTC). */
export type SplitSpec =
  | { readonly kind: 'fractions'; readonly validate: number; readonly test: number }
  | { readonly kind: 'calendar'; readonly validateFrom: bigint; readonly testFrom: bigint };

/** Noise inside the silo, so that single windows (`record`) or all windows of an entity are protected. */
export interface LocalPrivacy {
  readonly unit: 'record' | 'entity';
  /** Of the whole run, in each silo. */
  readonly epsilon: number;
  readonly delta: number;
  /** L2 norm to which the gradient of one unit is clipped. */
  readonly clip: number;
}

/** Local training in one round. */
export interface LocalTrainingSpec {
  readonly epochs: number;
  readonly batch: number;
  readonly seed: number;
  readonly optimizer: OptimizerSpec;
  readonly privacy?: LocalPrivacy;
}

export type WeightBy = 'windows' | 'rows' | 'entities' | 'equal';

export interface FederationSpec {
  /** A strategy's name in operators/aggregate: `fedavg`, `fedprox`, `fedadam` …; or `auto`. */
  readonly strategy: string;
  readonly options: Readonly<Record<string, number>>;
  readonly rounds: number;
  /** A round with fewer sound results fails; absent: every silo must answer. */
  readonly minSilos?: number;
  readonly weightBy: WeightBy;
  /** Stop once the validation loss has not improved for so many rounds, and keep the best weights; absent: all rounds, the last weights. */
  readonly patience?: number;
  readonly compression?: CompressionSpec;
  /** Updates are added by a tree with so many branches per node; absent: all at once. */
  readonly fanIn?: number;
  /** What each silo fine-tunes on its own rows after the last round, and keeps to itself; absent: nothing. */
  readonly personalize?: 'head';
  /** `naive`: a silo's validation loss is its squared error ÷ that of its better naive rule; absent: the training loss. */
  readonly validateBy?: 'naive';
  /** What the optimizer decides by cost; no training begins before it has. */
  readonly choose?: TermsByCost;
  /** `auto` only: what it may decide. */
  readonly open?: OpenChoices;
}

/** What is left to the optimizer: each makes another model, so the statement asks for it. */
export interface TermsByCost {
  /** More passes over the rows in fewer rounds. */
  readonly epochs: boolean;
  readonly compression: boolean;
}

/** How an update is made smaller before it leaves its silo. */
export type CompressionSpec =
  | { readonly kind: 'int8' }
  /** Only this share of the weights, the largest; what is left out is added to the next update. */
  | { readonly kind: 'top_k'; readonly share: number };

/** What a statement leaves to `auto`, which tries it out in short runs. */
export interface OpenChoices {
  /** Most rounds spent on trials. */
  readonly trialRounds: number;
  readonly epochs: boolean;
  readonly learningRate: boolean;
  readonly optimizer: boolean;
}

export interface PrivacySpec {
  readonly secure: boolean;
  readonly epsilon?: number;
  readonly delta?: number;
  readonly clip?: number;
  readonly unit: 'record' | 'entity' | 'silo';
  /** The clipping norm follows the median of the updates' norms (unit `silo` only). */
  readonly adaptive?: boolean;
}

/** What a column of the feature query is to the model. */
export interface FeatureSpec {
  readonly name: string;
  /**
   * Standardised with the mean and population deviation of the whole federation (`standard`), of each silo or of each
   * entity; or passed through as it is.
   */
  readonly scale: 'standard' | 'silo' | 'entity' | 'none';
  /** The column holds categories: of at most so many names, each one-hot or (with `dimension`) an embedding. */
  readonly category?: { readonly most: number; readonly dimension?: number };
}

/** Whether a silo tells names before training: of categories, or of entities that have scales of their own. */
export const tellsNames = (features: readonly FeatureSpec[]): boolean =>
  features.some(({ category, scale }) => category !== undefined || scale === 'entity');

/** A bound TRAIN: one feature query per silo, and everything that decides the result. */
export interface Train {
  readonly kind: 'train';
  readonly model: string;
  readonly replace: boolean;
  /** The feature query over the whole federation, as bound. */
  readonly source: RelationalNode;
  readonly order: Column;
  readonly entity?: Column;
  readonly features: readonly (FeatureSpec & { readonly id: ColumnId })[];
  /** Indexes into `features`. */
  readonly targets: readonly number[];
  readonly sequence: SequenceSpec;
  readonly split: SplitSpec;
  readonly spec: ModelSpec;
  readonly local: LocalTrainingSpec;
  readonly federation: FederationSpec;
  readonly privacy?: PrivacySpec;
  /** The statement as written, kept with the model. */
  readonly text: string;
}
