/**
 * Training inside a silo's own engine, by code that its owner has installed there: weights go in, an update and sums come
 * out, and no row leaves. A call knows nothing of the one before: it reads the rows anew, and the same job gives the same
 * answer. Jobs and answers are JSON, so that any engine that runs code can take them.
 */
import type {
  CompressionSpec,
  FeatureSpec,
  LocalTrainingSpec,
  ModelSpec,
  OptimizerSpec,
  SequenceSpec,
} from '../src/plan/training.ts';

/** What a kind of silo offers where its owner has installed the code. */
export interface TrainingStep {
  readonly price: StepPrice;
  /** What it cannot do of a training, as a phrase: "the loss quantile"; undefined where it can do all of it. */
  refusal(asked: StepAsked): string | undefined;
  /** Does one job. The answer is an {@link StepAnswers} that nobody has checked yet. */
  call(job: StepJob, signal: AbortSignal): Promise<unknown>;
}

/** Until rounds have shown better. A second costs what the silo costs: ALTER SILO … SET (price_per_hour => …). */
export interface StepPrice {
  /** Seconds of a call before it reads the first row. */
  readonly startup: number;
  /** Floating point operations per second. */
  readonly flops: number;
}

/** What may be refused by name. */
export interface StepAsked {
  readonly spec: ModelSpec;
  readonly features: readonly FeatureSpec[];
  readonly sequence: SequenceSpec;
  readonly local: LocalTrainingSpec;
  readonly compression?: CompressionSpec;
  /** Numbers of the network. */
  readonly weights: number;
}

/** The rows, and how they become windows. Times are microseconds since 1970 UTC, or the plain number of a number column. */
export interface StepRows {
  /** In the silo's dialect: time, entity if there is one, then the features; ordered by entity and time. */
  readonly query: string;
  /** The features' names, for messages. */
  readonly names: readonly string[];
  readonly entity: boolean;
  readonly sequence: SequenceSpec;
  /** Shares of the silo's rows, or the times at which validation and test begin. */
  readonly split:
    | { readonly validate: number; readonly test: number }
    | { readonly validateFrom: number; readonly testFrom: number };
}

/** The network over the features that are kept, and how those are scaled. */
export interface StepNetwork {
  readonly spec: ModelSpec;
  /** Positions among the features, ascending. */
  readonly kept: readonly number[];
  /** Per kept feature: mean and deviation. */
  readonly scales: readonly (readonly [mean: number, deviation: number])[];
  /** Positions among the kept features. */
  readonly targets: readonly number[];
  /** float32, little-endian, base64, in the order of torch.nn.LSTM followed by torch.nn.Linear. */
  readonly weights: string;
}

export interface StepTraining {
  /** With the seed, the round and the epoch it decides the order of the windows. */
  readonly silo: string;
  readonly seed: number;
  readonly epochs: number;
  readonly batch: number;
  readonly optimizer: OptimizerSpec;
}

export type StepJob =
  /** Counts and moments: {@link StepAnswers.describe}. */
  | (StepRows & { readonly ask: 'describe' })
  /** One round. The optimizer's learning rate is the round's. */
  | (StepRows & StepNetwork & StepTraining & { readonly ask: 'train'; readonly round: number })
  /** Loss and errors on one part, with those of the seasonal naive rule where there is a season. */
  | (StepRows &
      StepNetwork & { readonly ask: 'evaluate'; readonly part: 'validation' | 'test'; readonly batch: number })
  /**
   * Rounds without the other silos, each with its own learning rate, until the loss of validation has not become smaller for
   * `patience` of them; the best weights are tested.
   */
  | (StepRows &
      StepNetwork &
      StepTraining & { readonly ask: 'alone'; readonly rates: readonly number[]; readonly patience: number });

/** Sums over predictions in the target's own units; for relative errors over actual values other than zero. */
export interface StepErrors {
  readonly count: number;
  readonly squaredErrorSum: number;
  readonly absoluteErrorSum: number;
  readonly relativeErrorSum: number;
  readonly relativeCount: number;
}

export interface StepEvaluation {
  readonly windows: number;
  /** Of the training loss, in scaled units, and what it is divided by. */
  readonly lossSum: number;
  readonly lossWeight: number;
  /** Per target. */
  readonly targets: readonly {
    readonly model: StepErrors;
    readonly persistence: StepErrors;
    readonly seasonal?: StepErrors | undefined;
    readonly actual: { readonly n: number; readonly mean: number; readonly m2: number };
  }[];
}

type PerPart = Readonly<Record<'train' | 'validation' | 'test', number>>;

/** By what was asked. */
export interface StepAnswers {
  readonly describe: {
    readonly rows: number;
    /** Left out because of a NULL. */
    readonly incompleteRows: number;
    readonly entities: number;
    readonly segments: number;
    /** Rows of the longest sequence in the training part. */
    readonly longest: number;
    readonly rowsPerPart: PerPart;
    readonly windows: PerPart;
    /** Per feature, over the training rows. */
    readonly moments: readonly { readonly n: number; readonly mean: number; readonly m2: number }[];
  };
  readonly train: {
    /** What is added to the weights: float32, little-endian, base64. */
    readonly update: string;
    /** Windows it was trained on. */
    readonly windows: number;
    /** Mean training loss of every epoch. */
    readonly losses: readonly number[];
    readonly steps: number;
    /** Of training alone. */
    readonly seconds: number;
  };
  readonly evaluate: StepEvaluation;
  readonly alone: StepEvaluation;
}
