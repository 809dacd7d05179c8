/**
 * What a role sees of a table: which rows, which columns, and which columns under a mask. Unlike a {@link Policy}, which
 * is about what leaves a silo, a restriction holds for every statement of the role's members, wherever it runs.
 */
export type RestrictionRule =
  /** Only rows for which the condition holds. */
  | { readonly kind: 'filter'; readonly where: string }
  /** The expression over the table's columns in the place of one of them. */
  | { readonly kind: 'mask'; readonly column: string; readonly expression: string }
  /** As if the table had no such columns. */
  | { readonly kind: 'hide'; readonly columns: readonly string[] };

export interface Restriction {
  readonly name: string;
  readonly silo: string;
  readonly schema?: string;
  readonly table: string;
  readonly rule: RestrictionRule;
  readonly role: string;
}

/** `FILTER`, `MASK (email)`, `HIDE (iban)`: the statement's word, and what it is about. */
export function ruleText(rule: RestrictionRule): string {
  switch (rule.kind) {
    case 'filter':
      return 'FILTER';
    case 'mask':
      return `MASK ${rule.column} WITH ${rule.expression}`;
    case 'hide':
      return `HIDE (${rule.columns.join(', ')})`;
  }
}
