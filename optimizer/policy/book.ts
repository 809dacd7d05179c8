/** The policies in force for one statement: which of them lets what leave. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { Expression } from '../../src/plan/expressions.ts';
import { didYouMean } from '../../src/plan/nearest.ts';
import type { Scan } from '../../src/plan/nodes.ts';
import { allowanceText, type Policy, recipientText } from '../../src/plan/policy.ts';
import type { PrivacySpec } from '../../src/plan/training.ts';

/** A policy whose WHERE can be put into a plan. */
export interface BoundPolicy extends Policy {
  /** The WHERE over the columns of a scan that has all columns the WHERE reads. Present exactly when `where` is. */
  readonly condition?: (scan: Scan) => Expression;
  /** Columns the WHERE reads. */
  readonly conditionColumns?: readonly string[];
}

/** The policy's WHERE over the scan; undefined when it has none, or the scan lacks a column that it reads. */
export function conditionOver(policy: BoundPolicy, scan: Scan): Expression | undefined {
  const complete = (policy.conditionColumns ?? []).every((column) => scan.sourceColumns.includes(column));
  return complete ? policy.condition?.(scan) : undefined;
}

export type ProtectedTable = Pick<Scan, 'silo' | 'schema' | 'table'>;

/** The mediator's name as a recipient; silos go by their own. */
export const TO_MEDIATOR = 'mediator';

/** The policies for the roles of one user. */
export class PolicyBook {
  readonly #bySilo = new Map<string, BoundPolicy[]>();

  constructor(policies: readonly BoundPolicy[], roles: ReadonlySet<string> = new Set()) {
    for (const policy of policies) {
      // A policy for another role allows this one nothing, but it does make its silo a guarded one.
      const list = this.#bySilo.get(policy.silo) ?? [];
      if (policy.role === undefined || roles.has(policy.role)) list.push(policy);
      this.#bySilo.set(policy.silo, list);
    }
  }

  /** True when the silo has any policy: then it denies what none allows. */
  guards(silo: string): boolean {
    return this.#bySilo.has(silo);
  }

  get empty(): boolean {
    return this.#bySilo.size === 0;
  }

  /** Policies on the table that let something leave to the recipient. */
  on(table: ProtectedTable, to: string): readonly BoundPolicy[] {
    const about = (this.#bySilo.get(table.silo) ?? []).filter(
      (policy) =>
        policy.table === table.table &&
        policy.schema === table.schema &&
        (policy.to.kind === 'any' || (policy.to.kind === 'silo' ? policy.to.silo === to : to === TO_MEDIATOR)),
    );
    return about.some((policy) => policy.allow.kind === 'nothing') ? [] : about;
  }

  /** The policies that let rows with these columns leave: one without a condition is enough, else all that cover them. */
  rows(table: ProtectedTable, columns: readonly string[], to: string): readonly BoundPolicy[] {
    return unconditionalFirst(
      this.on(table, to).filter(
        ({ allow }) => allow.kind === 'rows' && columns.every((column) => allow.columns.includes(column)),
      ),
    );
  }

  /** The policies that let aggregates leave, those with the smallest groups. */
  aggregates(table: ProtectedTable, to: string): readonly BoundPolicy[] {
    return unconditionalFirst(
      this.on(table, to)
        .filter(({ allow }) => allow.kind === 'aggregates')
        .toSorted((a, b) => minGroupOf(a) - minGroupOf(b)),
    ).slice(0, 1);
  }

  /**
   * The policy that lets updates leave under the statement's PRIVACY clause: one about all rows, else the first about some
   * (its WHERE is put into the feature query, see trained-rows.ts).
   */
  updates(table: ProtectedTable, privacy: PrivacySpec | undefined): BoundPolicy | undefined {
    return unconditionalFirst(
      this.on(table, TO_MEDIATOR).filter(({ allow }) => {
        if (allow.kind !== 'updates') return false;
        if (allow.secure && privacy?.secure !== true) return false;
        return allow.maxEpsilon === undefined || (privacy?.epsilon ?? Number.POSITIVE_INFINITY) <= allow.maxEpsilon;
      }),
    )[0];
  }
}

const unconditionalFirst = (policies: readonly BoundPolicy[]): readonly BoundPolicy[] => {
  const free = policies.find((policy) => policy.where === undefined);
  return free === undefined ? policies : [free];
};

/** The least rows of a group that may leave. */
export const minGroupOf = ({ allow }: Policy): number => (allow.kind === 'aggregates' ? allow.minGroup : 1);

/**
 * Refuses a policy that cannot mean what it says.
 * @param columns the table's columns, or undefined when the table does not exist
 * @throws CausewayError 42P01 for an unknown table, 42703 for an unknown column, 42710 for a contradiction
 */
export function validatePolicy(
  policy: Policy,
  columns: readonly string[] | undefined,
  others: readonly Policy[],
): void {
  const table = [policy.silo, policy.schema, policy.table].filter((part) => part !== undefined).join('.');
  if (columns === undefined) {
    throw new CausewayError(SQLSTATE.undefinedTable, `policy "${policy.name}": there is no table ${table}`);
  }
  for (const column of policy.allow.kind === 'rows' ? policy.allow.columns : []) {
    if (columns.includes(column)) continue;
    const hint = didYouMean(column, columns);
    throw new CausewayError(
      SQLSTATE.undefinedColumn,
      `policy "${policy.name}": ${table} has no column "${column}"`,
      hint === undefined ? {} : { hint },
    );
  }
  const rival = others.find((other) => contradicts(policy, other));
  if (rival !== undefined) {
    throw new CausewayError(
      SQLSTATE.duplicateObject,
      `policy "${policy.name}" contradicts policy "${rival.name}": ` +
        `${allowanceText(policy.allow)} and ${allowanceText(rival.allow)} to ${recipientText(policy.to)}`,
      { hint: `DROP POLICY ${rival.name} first.` },
    );
  }
}

/** NOTHING and something, to the same recipient, for the same role and table. NOTHING to one of ANY is an exception. */
function contradicts(a: Policy, b: Policy): boolean {
  const same =
    a.name !== b.name &&
    a.silo === b.silo &&
    a.schema === b.schema &&
    a.table === b.table &&
    a.role === b.role &&
    recipientText(a.to) === recipientText(b.to);
  return same && (a.allow.kind === 'nothing') !== (b.allow.kind === 'nothing');
}
