/**
 * The options of TRAIN's clauses as data: name, kind, default, range. One reader checks them all; an unknown name is an
 * error that names the nearest known one.
 */
import { CausewayError, type Position, SQLSTATE } from '../../plan/errors.ts';
import { didYouMean } from '../../plan/nearest.ts';
import type { Option, OptionValue } from '../statements/statement.ts';

/** `many` takes one value or a list. */
export type OptionSchema = { readonly description: string } & (
  | { readonly kind: 'integer' | 'number'; readonly default?: number; readonly min?: number; readonly max?: number }
  | { readonly kind: 'word'; readonly default?: string; readonly words: readonly string[] }
  | { readonly kind: 'boolean'; readonly default?: boolean }
  | { readonly kind: 'many'; readonly of: 'number' | 'string'; readonly default?: readonly (number | string)[] }
);

export type OptionSchemas = Readonly<Record<string, OptionSchema>>;

type ValueOf<S extends OptionSchema> = S['kind'] extends 'integer' | 'number'
  ? number
  : S['kind'] extends 'boolean'
    ? boolean
    : S extends { readonly kind: 'word'; readonly words: readonly (infer W)[] }
      ? W
      : S extends { readonly kind: 'many'; readonly of: 'number' }
        ? readonly number[]
        : readonly string[];

/** What {@link readOptions} returns for a schema: options without a default may be absent. */
export type OptionsOf<T extends OptionSchemas> = {
  readonly [K in keyof T]: T[K] extends { readonly default: unknown } ? ValueOf<T[K]> : ValueOf<T[K]> | undefined;
};

/**
 * Checks `given` against `schemas` and fills in the defaults.
 * @param clause for messages: `USING lstm`
 * @param locate the place of an offset in the statement
 * @throws CausewayError 22023 naming the option, its place, and what it takes
 */
export function readOptions<T extends OptionSchemas>(
  clause: string,
  schemas: T,
  given: readonly Option[],
  locate: (offset: number) => Position,
): OptionsOf<T> {
  const values: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(schemas)) values[name] = schema.default;
  const seen = new Set<string>();
  for (const { name, value } of given) {
    const refuse = (message: string, offset: number, hint?: string): never => {
      const position = locate(offset);
      throw new CausewayError(
        SQLSTATE.invalidParameterValue,
        message,
        hint === undefined ? { position } : { position, hint },
      );
    };
    const schema = Object.hasOwn(schemas, name.value) ? schemas[name.value] : undefined;
    if (schema === undefined) {
      return refuse(
        `${clause} has no option "${name.value}"`,
        name.offset,
        didYouMean(name.value, Object.keys(schemas)),
      );
    }
    if (seen.has(name.value)) refuse(`option "${name.value}" of ${clause} is given twice`, name.offset);
    seen.add(name.value);
    const problem = check(schema, value.value);
    if (problem !== undefined) {
      const word = schema.kind === 'word' ? didYouMean(String(value.value), schema.words) : undefined;
      refuse(`option "${name.value}" of ${clause} must be ${problem}, not ${show(value.value)}`, value.offset, word);
    }
    values[name.value] = schema.kind === 'many' && !Array.isArray(value.value) ? [value.value] : value.value;
  }
  return values as OptionsOf<T>;
}

/** What the value should have been, or undefined when it is right. */
function check(schema: OptionSchema, value: OptionValue): string | undefined {
  switch (schema.kind) {
    case 'integer':
    case 'number': {
      const min = schema.min ?? Number.NEGATIVE_INFINITY;
      const max = schema.max ?? Number.POSITIVE_INFINITY;
      const whole = schema.kind === 'integer';
      if (typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value)))
        return undefined;
      const range =
        schema.min === undefined ? '' : schema.max === undefined ? ` of at least ${min}` : ` from ${min} to ${max}`;
      return `a ${whole ? 'whole number' : 'number'}${range}`;
    }
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'true or false';
    case 'word':
      return schema.words.includes(String(value)) ? undefined : `one of ${schema.words.join(', ')}`;
    case 'many': {
      const list = Array.isArray(value) ? value : [value];
      return list.every((item) => typeof item === schema.of) ? undefined : `a ${schema.of} or a list of them`;
    }
  }
}

const show = (value: OptionValue): string => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value));
