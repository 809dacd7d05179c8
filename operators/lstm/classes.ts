/** Targets of a classifier. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { ModelSpec } from '../../src/plan/training.ts';
import type { SequenceData } from './backend.ts';

/**
 * They must be the numbers of classes.
 * @param names of the columns of `data`
 * @throws CausewayError CW002 naming the column and the value that is none
 */
export function checkClasses(
  silo: string,
  { features, targets, values }: SequenceData,
  names: readonly string[],
  { loss, outputs }: ModelSpec,
): void {
  const classes = loss === 'binary-cross-entropy' ? 2 : outputs;
  for (const target of targets) {
    for (let at = target; at < values.length; at += features) {
      const value = values[at]!;
      if (Number.isInteger(value) && value >= 0 && value < classes) continue;
      throw new CausewayError(
        SQLSTATE.trainingFailed,
        `column "${names[target]}" has the value ${value}, which is no class`,
        { silo, hint: `Classes are 0 to ${classes - 1}; turn other values into them with CASE.` },
      );
    }
  }
}
