/** The refusal of a statement that no policy lets through: which policy, which columns, and the smallest legal change. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { allowanceText } from '../../src/plan/policy.ts';
import { minGroupOf, type PolicyBook, type ProtectedTable, TO_MEDIATOR } from './book.ts';

/** A table that may not leave in the form the statement needs. */
export interface Refusal {
  readonly table: ProtectedTable;
  /** The columns the statement reads. */
  readonly columns: readonly string[];
  readonly reason: 'rows' | 'native';
  /** Why the aggregate above it does not make it legal. */
  readonly aggregate?: string;
}

/** The error for everything that is refused in a statement. */
export function policyViolation(refusals: readonly Refusal[], book: PolicyBook): CausewayError {
  const told = refusals.map((refusal) => describe(refusal, book));
  const first = told[0]!;
  return new CausewayError(SQLSTATE.policyViolation, first.message, {
    hint: [...new Set(told.map(({ hint }) => hint))].join(' '),
    ...(told.length > 1
      ? {
          detail: told
            .slice(1)
            .map(({ message }) => message)
            .join('; '),
        }
      : {}),
    silo: refusals[0]!.table.silo,
  });
}

function describe({ table, columns, reason, aggregate }: Refusal, book: PolicyBook): { message: string; hint: string } {
  const name = [table.silo, table.schema, table.table].filter((part) => part !== undefined).join('.');
  if (reason === 'native') {
    return {
      message: `silo ${table.silo} has policies, which cannot be checked for native queries`,
      hint: `Write the query in SQL over ${table.silo}'s tables.`,
    };
  }
  const policies = book.on(table, TO_MEDIATOR);
  const rows = policies.filter(({ allow }) => allow.kind === 'rows');
  const nearest = rows
    .map((policy) => ({
      policy,
      missing: columns.filter((column) => policy.allow.kind === 'rows' && !policy.allow.columns.includes(column)),
    }))
    .toSorted((a, b) => a.missing.length - b.missing.length)[0];
  const grouped = book.aggregates(table, TO_MEDIATOR)[0];
  const updates = policies.find(({ allow }) => allow.kind === 'updates');
  const hints: string[] = [];
  if (nearest !== undefined) {
    const kept = columns.filter((column) => !nearest.missing.includes(column));
    const rest = kept.length === 0 ? allowanceText(nearest.policy.allow) : kept.join(', ');
    hints.push(`Leave out ${list(nearest.missing)}: the statement is legal with ${rest} of ${name} alone.`);
  }
  if (grouped !== undefined) {
    const size = minGroupOf(grouped);
    hints.push(
      aggregate === undefined
        ? `Aggregate ${name} by itself with count, sum or avg: groups of at least ${size} rows may leave.`
        : `The aggregate may not leave because ${aggregate}; count, sum and avg over ${name} alone may, in groups of at least ${size} rows.`,
    );
  }
  if (hints.length === 0) {
    hints.push(
      updates !== undefined
        ? `Only model updates may leave ${name}: TRAIN over it, or ask its owner for a policy.`
        : `Ask the owner of ${table.silo} for: CREATE POLICY … ON ${name} ALLOW ROWS (${columns.join(', ')}) TO mediator.`,
    );
  }
  const said =
    nearest !== undefined
      ? `policy "${nearest.policy.name}" does not let ${list(nearest.missing.map((column) => `${name}.${column}`))} leave`
      : grouped !== undefined
        ? `policy "${grouped.name}" lets only aggregates of ${name} leave, not its rows (${columns.join(', ')})`
        : updates !== undefined
          ? `policy "${updates.name}" lets only model updates from ${name} leave, not its rows (${columns.join(', ')})`
          : `silo ${table.silo} has policies, and none lets rows of ${name} (${columns.join(', ')}) leave`;
  return { message: `${said} for the mediator`, hint: hints.join(' Or: ') };
}

const list = (words: readonly string[]): string =>
  words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
