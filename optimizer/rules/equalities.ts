/** Inference through equalities: when `a = b` must hold, what is asked of `a` may be asked of `b`. */
import type { ColumnId, ColumnReference, Expression } from '../../src/plan/expressions.ts';
import { columnsOf, substitute } from '../../src/plan/traverse.ts';
import { sameType } from '../../src/plan/types.ts';

/** Comparisons of one column with constants; they mean the same for an equal column of the same type. */
const COPIED: ReadonlySet<string> = new Set(['=', '<', '<=', '>', '>=', 'in_list']);

/** The pairs of columns that a condition equates. */
export const equatedColumns = (on: readonly Expression[]): readonly (readonly [ColumnReference, ColumnReference])[] =>
  on.flatMap((part): [ColumnReference, ColumnReference][] => {
    if (part.kind !== 'call' || part.name !== '=') return [];
    const [a, b] = part.args;
    return a?.kind === 'column' && b?.kind === 'column' ? [[a, b]] : [];
  });

/**
 * Copies of predicates of one side of a join for the other, through the equalities of its condition.
 * The copies hold for every pair that the condition lets through.
 */
export function inferred(
  on: readonly Expression[],
  left: readonly Expression[],
  right: readonly Expression[],
): { readonly left: readonly Expression[]; readonly right: readonly Expression[] } {
  const partners = new Map<ColumnId, ColumnReference[]>();
  for (const [a, b] of equatedColumns(on)) {
    if (!sameType(a.type, b.type)) continue;
    partners.set(a.id, [...(partners.get(a.id) ?? []), b]);
    partners.set(b.id, [...(partners.get(b.id) ?? []), a]);
  }
  const copies = (from: readonly Expression[], known: readonly Expression[]): Expression[] => {
    const seen = new Set(known.map(keyOf));
    return from.filter(isCopied).flatMap((part) => {
      const [id] = columnsOf(part);
      return (partners.get(id!) ?? [])
        .map((partner) => substitute(part, (each) => (each === id ? partner : undefined)))
        .filter((copy) => !seen.has(keyOf(copy)) && seen.add(keyOf(copy)));
    });
  };
  return { left: copies(right, left), right: copies(left, right) };
}

const isCopied = (part: Expression): boolean =>
  part.kind === 'call' &&
  COPIED.has(part.name) &&
  part.args[0]?.kind === 'column' &&
  part.args.slice(1).every((arg) => arg.kind === 'literal' || arg.kind === 'parameter');

/** Two expressions with one key are the same. */
const keyOf = (expression: Expression): string =>
  JSON.stringify(expression, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
