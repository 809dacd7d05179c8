/** What code inside a silo has answered, checked: it may be of another version, or not ours at all. */
import { z } from 'zod';
import type { StepAnswers } from '../../../connectors/training-step.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';

const count = z.number().int().nonnegative();
const moments = z.object({ n: count, mean: z.number(), m2: z.number().nonnegative() });
const perPart = z.object({ train: count, validation: count, test: count });
const errors = z.object({
  count,
  squaredErrorSum: z.number(),
  absoluteErrorSum: z.number(),
  relativeErrorSum: z.number(),
  relativeCount: count,
});
const evaluation = z.object({
  windows: count,
  lossSum: z.number(),
  lossWeight: z.number(),
  targets: z.array(z.object({ model: errors, persistence: errors, seasonal: errors.optional(), actual: moments })),
});

const ANSWERS: { readonly [K in keyof StepAnswers]: z.ZodType<StepAnswers[K]> } = {
  describe: z.object({
    ...{ rows: count, incompleteRows: count, entities: count, segments: count, longest: count },
    ...{ rowsPerPart: perPart, windows: perPart, moments: z.array(moments) },
  }),
  train: z.object({
    ...{ update: z.base64(), windows: count, losses: z.array(z.number()), steps: count, seconds: z.number() },
  }),
  evaluate: evaluation,
  alone: evaluation,
};

/** @throws CausewayError CW002 naming the silo, and what is wrong with the answer */
export function checkedAnswer<K extends keyof StepAnswers>(silo: string, ask: K, answer: unknown): StepAnswers[K] {
  const schema: z.ZodType<StepAnswers[K]> = ANSWERS[ask];
  const checked = schema.safeParse(answer);
  if (checked.success) return checked.data;
  throw new CausewayError(SQLSTATE.trainingFailed, `the engine of silo ${silo} did not answer "${ask}" as expected`, {
    silo,
    detail: z.prettifyError(checked.error),
    hint: 'Install the training code of this version there.',
  });
}
