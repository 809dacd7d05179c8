/**
 * What a silo's owner lets leave. A silo with any policy denies everything that no policy allows.
 *
 * The three things that can leave a silo are allowed separately: rows (some columns of them), aggregates over at least
 * so many rows, and model updates.
 */
export type Allowance =
  /** Rows; a statement that takes them may read no other columns of the table, in predicates neither. */
  | { readonly kind: 'rows'; readonly columns: readonly string[] }
  /** Groups of at least `minGroup` rows, as counts, sums and means. */
  | { readonly kind: 'aggregates'; readonly minGroup: number }
  /** Updates of a model in training: summed securely when `secure`, with privacy loss of at most `maxEpsilon`. */
  | { readonly kind: 'updates'; readonly secure: boolean; readonly maxEpsilon?: number }
  /** Nothing, whatever another policy allows to `ANY`. */
  | { readonly kind: 'nothing' };

/** Who may receive it. Everything that leaves a silo passes the mediator or, being keys, goes to another silo. */
export type Recipient =
  | { readonly kind: 'mediator' }
  | { readonly kind: 'silo'; readonly silo: string }
  | { readonly kind: 'any' };

export interface Policy {
  readonly name: string;
  readonly silo: string;
  readonly schema?: string;
  readonly table: string;
  readonly allow: Allowance;
  readonly to: Recipient;
  /** SQL text over the table's columns: the policy is about these rows only. */
  readonly where?: string;
  /** The role it holds for; absent: every role. */
  readonly role?: string;
}

/** `mediator`, `silo paris`, `ANY`: as the statement says it. */
export function recipientText(to: Recipient): string {
  if (to.kind === 'silo') return `silo ${to.silo}`;
  return to.kind === 'any' ? 'ANY' : 'mediator';
}

/** The policy as the statement that makes it, names as they are. */
export function policyText({ name, silo, schema, table, allow, to, where, role }: Policy): string {
  const on = [silo, schema, table].filter((part) => part !== undefined).join('.');
  const rest = [where === undefined ? '' : ` WHERE ${where}`, role === undefined ? '' : ` FOR ROLE ${role}`].join('');
  return `CREATE POLICY ${name} ON ${on} ALLOW ${allowanceText(allow)} TO ${recipientText(to)}${rest}`;
}

/** `ROWS (id, city)`, `AGGREGATES (min_group => 5)` …: as the statement says it. */
export function allowanceText(allow: Allowance): string {
  switch (allow.kind) {
    case 'rows':
      return `ROWS (${allow.columns.join(', ')})`;
    case 'aggregates':
      return `AGGREGATES (min_group => ${allow.minGroup})`;
    case 'updates': {
      const epsilon = allow.maxEpsilon === undefined ? '' : `, max_epsilon => ${allow.maxEpsilon}`;
      return `UPDATES (secure => ${allow.secure}${epsilon})`;
    }
    case 'nothing':
      return 'NOTHING';
  }
}
