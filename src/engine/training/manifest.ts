/** What may leave a silo for one training job, in bytes, computed before it runs: both ends compute it, the agent enforces it. */
import { countsOf } from '../../../operators/lstm/classification.ts';
import type { LocalTrainerSpec } from '../../../operators/lstm/local-trainer.ts';
import { weightCount } from '../../../operators/lstm/model.ts';
import { LONGEST_NAME, MOST_ENTITIES } from '../../../operators/lstm/standardise.ts';
import type { ModelSpec } from '../../plan/training.ts';
import type { TrainingRun } from './silo-trainer.ts';

export interface TrainingManifest {
  readonly updates: number;
  readonly statistics: number;
  /** Keys and shares, under secure aggregation. */
  readonly keys?: number;
}

/** JSON around one round's numbers, or one evaluation's per target. */
const BODY_BYTES = 4096;
/** The sums of one target over one group of windows. */
const GROUP_BYTES = 1024;
/** One count of a classifier's evaluation as JSON: seven digits and a comma. */
const COUNT_BYTES = 8;
/** (n, mean, M2) of one feature as JSON. */
const FEATURE_BYTES = 96;
/** One sum as JSON: up to 24 characters and a comma. */
const SUM_BYTES = 25;
/** Keys and shares of one secure round. */
const KEY_BYTES = 128 << 10;

/**
 * All that may leave a silo: an update per round, statistics of every feature, an evaluation per round and some at the
 * end; of a scoring one evaluation of each model and one explanation. The agent computes it too, so that a coordinator cannot ask for more.
 */
export function manifestOf(
  spec: LocalTrainerSpec,
  { privacy, rounds, scoring }: Pick<TrainingRun, 'privacy' | 'rounds' | 'scoring'>,
): TrainingManifest {
  const described = spec.features.length + (spec.lags?.length ?? 0) * spec.targets.length;
  const target = BODY_BYTES + COUNT_BYTES * classCounts(spec.model);
  const evaluation = BODY_BYTES + spec.targets.length * target;
  if (scoring !== undefined) {
    const own = scoring.personal === undefined ? 0 : evaluation;
    const groups = scoring.groups === true ? MOST_ENTITIES * (LONGEST_NAME + spec.targets.length * GROUP_BYTES) : 0;
    return { updates: 0, statistics: evaluation + own + groups + explanationBytes(spec) };
  }
  const evaluations = (rounds + 8) * evaluation;
  return {
    updates: rounds * (4 * weightCount(spec.model) + BODY_BYTES),
    statistics: BODY_BYTES + described * FEATURE_BYTES + namedBytes(spec) + evaluations,
    ...(privacy?.secure === true ? { keys: rounds * KEY_BYTES } : {}),
  };
}

/** An explanation as JSON: a sum per feature, and one per feature and lag. */
const explanationBytes = ({ features, sequence }: LocalTrainerSpec): number =>
  BODY_BYTES + features.length * (LONGEST_NAME + (sequence.window + 1) * SUM_BYTES);

/** Names of categories, and of entities where features are scaled by entity. */
const namedBytes = ({ features }: LocalTrainerSpec): number =>
  features.reduce((sum, { category, scale }) => {
    if (category !== undefined) return sum + category.most * (LONGEST_NAME + FEATURE_BYTES);
    return scale === 'entity' ? sum + MOST_ENTITIES * (LONGEST_NAME + FEATURE_BYTES) : sum;
  }, 0);

/** Counts per target of one evaluation: a regression has none. */
function classCounts({ loss, outputs }: ModelSpec): number {
  if (loss === 'binary-cross-entropy') return countsOf(2);
  return loss === 'softmax-cross-entropy' ? countsOf(outputs) : 0;
}
