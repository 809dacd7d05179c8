/** What one user sees of silos' tables: the restrictions of all roles the user belongs to, bound to the tables. */
import type { TableInfo } from '../../../connectors/connector.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { Expression } from '../../plan/expressions.ts';
import type { Scan } from '../../plan/nodes.ts';
import type { Restriction } from '../../plan/restriction.ts';
import { type SqlType, scalar } from '../../plan/types.ts';
import type { BoundRestriction, Relation, SiloTable } from '../../sql/select/scope.ts';
import { bindOver } from './policies.ts';

export class Restrictions {
  readonly #restrictions: readonly Restriction[];

  /** @param roles of the user; those for whom everything is allowed have none */
  constructor(all: readonly Restriction[], roles: ReadonlySet<string>) {
    this.#restrictions = all.filter(({ role }) => roles.has(role));
  }

  /** The relation as the user sees it. @throws CausewayError when a restriction no longer fits its table */
  async of(relation: Relation): Promise<Relation> {
    if (this.#restrictions.length === 0) return relation;
    if (relation.kind === 'table') return { ...relation, ...(await this.#table(relation)) };
    if (relation.kind !== 'federated') return relation;
    return { ...relation, members: await Promise.all(relation.members.map((member) => this.#table(member))) };
  }

  /**
   * For native queries, which nobody but the silo understands.
   * @throws CausewayError 42501 when the user does not see all of the silo
   */
  requireWhole(silo: string): void {
    if (!this.#restrictions.some((each) => each.silo === silo)) return;
    throw new CausewayError(SQLSTATE.insufficientPrivilege, `permission denied for native queries to silo "${silo}"`, {
      silo,
      hint: 'A policy restricts what you see of it: read its tables by their names.',
    });
  }

  /** Names of columns that the user must not know of. */
  hidden(silo: string, schema: string | undefined, table: string): ReadonlySet<string> {
    const rules = this.#restrictions.filter((each) => isAbout(each, silo, schema, table)).map(({ rule }) => rule);
    return new Set(rules.flatMap((rule) => (rule.kind === 'hide' ? rule.columns : [])));
  }

  async #table(member: SiloTable): Promise<SiloTable> {
    const { silo, table } = member;
    const about = this.#restrictions.filter((each) => isAbout(each, silo, table.schema, table.table));
    return about.length === 0 ? member : { ...member, restriction: await bound(about, table) };
  }
}

const isAbout = (each: Restriction, silo: string, schema: string | undefined, table: string): boolean =>
  each.silo === silo && each.schema === schema && each.table === table;

/** Filters of several roles add up to what any of them lets see; everything else only takes away. */
async function bound(about: readonly Restriction[], table: TableInfo): Promise<BoundRestriction> {
  const filters: ((scan: Scan) => Expression)[] = [];
  const masks = new Map<string, (scan: Scan) => Expression>();
  const hidden = new Set<string>();
  for (const restriction of about) {
    const { rule } = restriction;
    if (rule.kind === 'hide') for (const column of rule.columns) hidden.add(column);
    if (rule.kind === 'filter') filters.push((await bindOver(restriction, table, { where: rule.where })).expression);
    if (rule.kind === 'mask') {
      // Two masks on one column: nothing of the value is shown.
      const mask = masks.has(rule.column)
        ? nothing(columnType(restriction, rule.column, table))
        : await bindMask(restriction, rule, table);
      masks.set(rule.column, mask);
    }
  }
  return { ...(filters.length === 0 ? {} : { filter: anyOf(filters) }), masks, hidden };
}

/** @throws CausewayError when it cannot be bound, or gives another type than the column's */
export async function bindMask(
  restriction: Restriction,
  { column, expression }: { readonly column: string; readonly expression: string },
  table: TableInfo,
): Promise<(scan: Scan) => Expression> {
  const type = columnType(restriction, column, table);
  return (await bindOver(restriction, table, { value: expression, type })).expression;
}

function columnType({ name }: Restriction, column: string, table: TableInfo): SqlType {
  const found = table.columns.find((each) => each.name === column);
  if (found !== undefined) return found.type;
  throw new CausewayError(
    SQLSTATE.undefinedColumn,
    `policy "${name}": ${table.table} has no column "${column}" any more`,
    { hint: `DROP POLICY ${name} when the column is gone for good.` },
  );
}

const nothing = (type: SqlType) => (): Expression => ({ kind: 'literal', value: null, type });

const anyOf =
  (filters: readonly ((scan: Scan) => Expression)[]) =>
  (scan: Scan): Expression =>
    filters.length === 1
      ? filters[0]!(scan)
      : { kind: 'call', name: 'or', args: filters.map((filter) => filter(scan)), type: scalar('boolean') };
