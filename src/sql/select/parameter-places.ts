/** A text cut at its parameters. */
import { tokenize } from '../lexer.ts';

export interface ParameterPlaces {
  /** What stands before, between and after the parameters. */
  readonly texts: readonly string[];
  /** Their numbers in the order in which they stand; a parameter may stand more than once. */
  readonly indexes: readonly number[];
}

/** @throws CausewayError 42601 for a text that has no tokens */
export function parameterPlaces(text: string): ParameterPlaces {
  const parameters = tokenize(text).filter(({ kind }) => kind === 'parameter');
  const texts = [...parameters, undefined].map((each, i) => text.slice(parameters[i - 1]?.end ?? 0, each?.start));
  return { texts, indexes: parameters.map(({ value }) => Number(value)) };
}

/** The text with something else in the place of each parameter. */
export const filled = ({ texts, indexes }: ParameterPlaces, value: (index: number) => string): string =>
  texts.map((part, i) => part + (i < indexes.length ? value(indexes[i]!) : '')).join('');
