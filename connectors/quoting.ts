/** Names and texts in quotes. */
import type { Dialect } from './dialect.ts';

/** A name in double quotes. */
export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Text as a string literal. */
export const quoteLiteral = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * A name of an engine that folds to upper case, as it is written in the other world: `ORDERS` ↔ `orders`. What a user
 * writes without quotes thus means the same on both sides. Its own inverse; names in mixed case stay as they are.
 */
export function foldedName(name: string): string {
  if (/^[A-Z_][A-Z0-9_$]*$/.test(name)) return name.toLowerCase();
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name.toUpperCase() : name;
}

/** A name of the plan as the engine of the dialect knows it, in its quotes. */
export function dialectIdentifier(
  name: string,
  { identifierQuotes, foldsTo }: Pick<Dialect, 'identifierQuotes' | 'foldsTo'>,
): string {
  const [open, close] = identifierQuotes;
  const known = foldsTo === undefined ? name : foldedName(name);
  return open + known.replaceAll(close, close + close) + close;
}
