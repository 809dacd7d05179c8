/** TRAIN's local step as calls of the procedure that the account's owner has installed (procedure.ts). */
import { CausewayError, messageOf, SQLSTATE } from '../../../src/plan/errors.ts';
import type { StepAsked, StepJob, TrainingStep } from '../../training-step.ts';
import type { Ask } from '../catalog.ts';
import { quoted } from '../spelling.ts';

/** The service takes statements of a megabyte; the weights stand in them, and the query with its names beside them. */
const LONGEST_STATEMENT = 1_000_000;
const ROOM_FOR_THE_REST = 50_000;
const TEXT_BYTES_PER_WEIGHT = 16 / 3;

/**
 * Plausible for an X-Small warehouse, not measured: a Python with torch that starts, and the processors of one node.
 * Rounds correct the speed.
 */
const PRICE = { startup: 5, flops: 2e10 };

const LOSSES: readonly string[] = ['mse', 'mae', 'huber'];
const OPTIMIZERS: readonly string[] = ['sgd', 'adam', 'adamw'];

/** What lstm_step.py does not do, by name. */
export function refusal({ features, local, sequence, spec, weights }: StepAsked): string | undefined {
  if (!LOSSES.includes(spec.loss)) return `the loss ${spec.loss}`;
  if (!OPTIMIZERS.includes(local.optimizer.name)) return `the optimizer ${local.optimizer.name}`;
  if (spec.dropout > 0) return 'dropout';
  const category = features.find((feature) => feature.category !== undefined);
  if (category !== undefined) return `the categories of "${category.name}"`;
  if (features.some(({ scale }) => scale === 'entity')) return 'scales by entity';
  if (sequence.minWindow !== undefined) return 'windows with missing rows (min_window)';
  if (weights * TEXT_BYTES_PER_WEIGHT > LONGEST_STATEMENT - ROOM_FOR_THE_REST) {
    return `${weights} weights: a statement of Snowflake holds about ${Math.floor((LONGEST_STATEMENT - ROOM_FOR_THE_REST) / TEXT_BYTES_PER_WEIGHT)}`;
  }
  return undefined;
}

/** `name` is the procedure's, as accountName has checked it. */
export const trainingStep = (name: string, ask: (signal: AbortSignal) => Ask): TrainingStep => ({
  price: PRICE,
  refusal,
  async call(job: StepJob, signal) {
    const [row] = await ask(signal)(`CALL ${name}(PARSE_JSON(${quoted(JSON.stringify(job))}))`, ['answer']);
    try {
      return JSON.parse(row?.[0] ?? '') as unknown;
    } catch (cause) {
      throw new CausewayError(SQLSTATE.trainingFailed, `procedure ${name} did not answer with JSON`, {
        cause,
        detail: messageOf(cause),
        hint: 'Install the one that `causeway agent manifest --for snowpark` prints.',
      });
    }
  },
});
