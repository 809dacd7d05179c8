/** What a table name in FROM becomes: a scan, the union of a federated table's members, a view's query. */
import type { RangeVar } from '@pgsql/types';
import type { TableInfo } from '../../../connectors/connector.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { Column, ColumnId, Expression } from '../../plan/expressions.ts';
import { node, type RelationalNode, type Scan } from '../../plan/nodes.ts';
import { type SqlType, sameType, scalar } from '../../plan/types.ts';
import { commonType, convert } from './coerce.ts';
import {
  EMPTY,
  type Level,
  type LoadedRelation,
  NotModelled,
  newColumn,
  notModelled,
  reference,
  within,
} from './context.ts';
import { literal } from './literals.ts';
import { inView, relationKey } from './relation-names.ts';
import type { SiloTable } from './scope.ts';

interface RelationPlan {
  readonly plan: RelationalNode;
  /** Ids of the primary key. */
  readonly key?: readonly ColumnId[];
}

/** The plan of a named relation that has been loaded. */
export function relationPlan(written: RangeVar, level: Level): RelationPlan {
  const name = written.relname ?? '';
  const schema = written.schemaname === undefined ? {} : { schema: written.schemaname };
  const relation = level.statement.relations.get(relationKey({ name, ...schema }));
  if (relation === undefined) throw notModelled(level, `relation "${name}"`, written.location);
  switch (relation.kind) {
    case 'table':
      return restricted(relation, level);
    case 'federated':
      return { plan: federated(relation.members, level) };
    case 'view':
      return { plan: view(relation, written, level) };
    case 'memory': {
      const columns = relation.columns.map((column) => newColumn(level, column.name, column.type));
      return { plan: node({ kind: 'memory-table', name: relation.name, columns }) };
    }
  }
}

function scan(
  silo: string,
  table: TableInfo,
  level: Level,
): { readonly plan: Scan; readonly key?: readonly ColumnId[] } {
  const columns = table.columns.map((column) => newColumn(level, column.name, column.type));
  const key = table.primaryKey?.map((name) => columns.find((column) => column.name === name)?.id);
  const plan = node({
    kind: 'scan',
    silo,
    ...(table.schema === undefined ? {} : { schema: table.schema }),
    table: table.table,
    ...(table.version === undefined ? {} : { version: table.version }),
    sourceColumns: table.columns.map((column) => column.name),
    columns,
  });
  const known = key?.filter((id) => id !== undefined) ?? [];
  return known.length > 0 && known.length === key?.length ? { plan, key: known } : { plan };
}

/**
 * The table as its user sees it: rows filtered, hidden columns gone, masks in the place of values. Every value is tied to
 * the filter, so that no predicate from above, however early an engine runs it, meets a value of a row that is not to be
 * seen: an error about it would tell.
 */
function restricted({ silo, table, restriction }: SiloTable, level: Level): RelationPlan {
  const whole = scan(silo, table, level);
  if (restriction === undefined) return whole;
  const { filter, masks, hidden } = restriction;
  const source = whole.plan;
  const visible = source.columns.filter(({ name }) => !hidden.has(name));
  if (visible.length === 0) {
    throw new CausewayError(SQLSTATE.insufficientPrivilege, `permission denied for table ${silo}.${table.table}`, {
      hint: 'All of its columns are hidden from you.',
    });
  }
  const condition = filter?.(source);
  const plan = node({
    kind: 'project',
    input:
      condition === undefined
        ? source
        : node({ kind: 'filter', input: source, predicate: condition, columns: source.columns }),
    expressions: visible.map((column): Expression => {
      const value = masks.get(column.name)?.(source) ?? reference(column);
      if (condition === undefined) return value;
      return { kind: 'case', branches: [{ when: condition, then: value }], type: column.type };
    }),
    columns: visible.map((column) => newColumn(level, column.name, column.type)),
  });
  const key = whole.key?.map((id) => {
    const at = visible.findIndex((column) => column.id === id);
    return at < 0 || masks.has(visible[at]!.name) ? undefined : plan.columns[at]!.id;
  });
  const known = key?.filter((id) => id !== undefined) ?? [];
  return known.length > 0 && known.length === key?.length ? { plan, key: known } : { plan };
}

/** The union of the members, each with its silo's name as the extra column `silo`. */
function federated(members: Extract<LoadedRelation, { kind: 'federated' }>['members'], level: Level): RelationalNode {
  // What one member hides, the union has not.
  const hidden = new Set(members.flatMap(({ restriction }) => [...(restriction?.hidden ?? [])]));
  const scans = members.map((member) => ({ silo: member.silo, plan: restricted(member, level).plan }));
  const shape = scans[0]!.plan.columns.filter(({ name }) => !hidden.has(name));
  const matched = scans.map(({ silo, plan }) => shape.map((column) => memberColumn(column.name, silo, plan)));
  const types = shape.map((_, i) =>
    commonType(
      matched.map((columns) => columns[i]!.type),
      'federated table',
    ),
  );
  const inputs = scans.map(({ silo, plan }, i) => member(silo, plan, matched[i]!, types, level));
  const columns = [
    ...shape.map((column, i) => newColumn(level, column.name, types[i]!)),
    newColumn(level, 'silo', scalar('text')),
  ];
  return node({
    kind: 'set-operation',
    operator: 'union',
    all: true,
    inputs,
    silos: scans.map(({ silo }) => silo),
    columns,
  });
}

/** Members are matched by name; odd case aside. */
function memberColumn(name: string, silo: string, plan: RelationalNode): Column {
  const found =
    plan.columns.find((column) => column.name === name) ??
    plan.columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found;
  throw new CausewayError(
    SQLSTATE.undefinedColumn,
    `the federated table's member in silo "${silo}" has no column "${name}"`,
    {
      hint: 'All members need the columns of the first one. Create the federated table again over matching tables or views.',
      silo,
    },
  );
}

function member(
  silo: string,
  plan: RelationalNode,
  columns: readonly Column[],
  types: readonly SqlType[],
  level: Level,
): RelationalNode {
  const values: Expression[] = columns.map((column, i) => {
    const value = reference(column);
    return sameType(value.type, types[i]!) ? value : convert(level.statement, value, types[i]!);
  });
  return node({
    kind: 'project',
    input: plan,
    expressions: [...values, literal(silo, scalar('text'))],
    columns: [
      ...columns.map((column, i) => newColumn(level, column.name, types[i]!)),
      newColumn(level, 'silo', scalar('text')),
    ],
  });
}

/** A view's query sees nothing of the query around it. */
function view(
  relation: Extract<LoadedRelation, { kind: 'view' }>,
  { relname: name = '', location }: RangeVar,
  level: Level,
): RelationalNode {
  const { select, locate, columns: names } = relation;
  const inside = within(level, { locate, namespace: EMPTY, ctes: new Map(), parent: undefined });
  try {
    const { plan, columns } = level.bindQuery(select, inside);
    if (names === undefined) return plan;
    return node({
      kind: 'project',
      input: plan,
      expressions: columns.map(reference),
      columns: columns.map((column, i) => newColumn(level, names[i] ?? column.name, column.type)),
    });
  } catch (thrown) {
    const cause = thrown instanceof NotModelled ? thrown.error : thrown;
    if (!(cause instanceof CausewayError)) throw thrown;
    const failed = inView(name, cause, level.locate(location));
    throw thrown instanceof NotModelled ? new NotModelled(failed) : failed;
  }
}
