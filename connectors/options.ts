/** Checks the options of CREATE SILO against what the connector takes. */
import { z } from 'zod';
import { CausewayError, messageOf, SQLSTATE } from '../src/plan/errors.ts';
import { didYouMean } from '../src/plan/nearest.ts';
import type { Connector, SiloOptions } from './connector.ts';

/** @throws CausewayError for an unknown option (naming the nearest one) or a missing required one. */
export function checkOptions(connector: Pick<Connector, 'kind' | 'options'>, options: SiloOptions): void {
  const names = connector.options.map(({ name }) => name);
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const hint = didYouMean(name, names);
    throw new CausewayError(
      SQLSTATE.invalidParameterValue,
      `unknown option "${name}" of a ${connector.kind} silo`,
      hint === undefined ? {} : { hint },
    );
  }
  for (const { name, required, description } of connector.options) {
    if (required !== true || options[name] !== undefined) continue;
    throw new CausewayError(SQLSTATE.invalidParameterValue, `a ${connector.kind} silo needs the option "${name}"`, {
      hint: `${name}: ${description}`,
    });
  }
}

/**
 * An option that is written as JSON, checked.
 * @throws CausewayError naming the option and what is wrong with it
 */
export function jsonOption<T>(name: string, text: string, schema: z.ZodType<T>, example: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new CausewayError(SQLSTATE.invalidParameterValue, `the option ${name} is not as expected`, {
      cause,
      detail: cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause),
      hint: `Write it as JSON: ${example}.`,
    });
  }
}
