/** Refuses updates that would poison the mean, naming the silo, before anything is added up. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { Update, Vector } from './strategy.ts';
import { norm } from './vectors.ts';

/**
 * An update whose norm is this many times the median norm of the others, and more than the model's own, is taken for a
 * fault, not for learning.
 */
const ABSURD_NORM_RATIO = 1e6;

export interface CheckedUpdates {
  /** Sorted by silo name (code units), the order in which everything is summed. */
  readonly accepted: readonly Update[];
  /** One error per refused update; `error.silo` names it. */
  readonly rejected: readonly CausewayError[];
}

/**
 * Splits `updates` into those that may be aggregated and those that may not: wrong length, NaN or infinity, a count
 * that is not positive, a second update of one silo from the same weights, or an absurd norm.
 */
export function checkUpdates(global: Vector, updates: readonly Update[]): CheckedUpdates {
  const rejected: CausewayError[] = [];
  const sound: { readonly update: Update; readonly norm: number }[] = [];
  let last: Update | undefined;
  for (const update of inSiloOrder(updates)) {
    const { delta } = update;
    const size = norm(delta);
    const again = last?.silo === update.silo && staleness(last) === staleness(update);
    const reason = again ? 'came twice in one round' : fault(global.length, update, delta, size);
    if (reason === undefined) sound.push({ update, norm: size });
    else rejected.push(refusal(update.silo, reason));
    last = update;
  }
  const accepted: Update[] = [];
  const modelNorm = norm(global);
  for (const entry of sound) {
    const reference = median(sound.filter((other) => other !== entry).map((other) => other.norm));
    const absurd = entry.norm > ABSURD_NORM_RATIO * reference && entry.norm > 1 + modelNorm;
    if (sound.length > 1 && absurd) {
      const sizes = `norm ${entry.norm.toPrecision(3)}, the others' median is ${reference.toPrecision(3)}`;
      rejected.push(refusal(entry.update.silo, `is absurdly large (${sizes})`));
    } else {
      accepted.push(entry.update);
    }
  }
  return { accepted, rejected };
}

/** Sorted by silo name in code-unit order, which no locale changes; a silo's older updates come first. */
export const inSiloOrder = (updates: readonly Update[]): Update[] =>
  [...updates].sort((a, b) => (a.silo < b.silo ? -1 : a.silo > b.silo ? 1 : staleness(b) - staleness(a)));

const staleness = (update: Update): number => update.staleness ?? 0;

function fault(length: number, update: Update, delta: Vector, size: number): string | undefined {
  const { control } = update;
  return (
    vectorFault('delta', length, delta, size) ??
    (control === undefined ? undefined : vectorFault('control', length, control, norm(control))) ??
    (Number.isFinite(update.count) && update.count > 0 ? undefined : `has count ${update.count}`)
  );
}

function vectorFault(what: string, length: number, vector: Vector, size: number): string | undefined {
  if (vector.length !== length) return `has ${vector.length} ${what} values, the model has ${length}`;
  if (Number.isFinite(size)) return undefined;
  const at = vector.findIndex((value) => !Number.isFinite(value));
  return at < 0 ? `has a ${what} whose norm overflows` : `has ${what} value ${vector[at]} at ${at}`;
}

const refusal = (silo: string, reason: string): CausewayError =>
  new CausewayError(SQLSTATE.trainingFailed, `the update of silo ${silo} ${reason}`, {
    silo,
    hint: 'The round goes on without it; look at the silo’s data and learning rate.',
  });

/** The median, or 0 of nothing. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
