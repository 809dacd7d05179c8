/** Short hands to write logical plans in tests. */
import type { AggregateCall, Column, Expression, LiteralValue, SortKey } from '../../src/plan/expressions.ts';
import { columnIds, type JoinType, node, type RelationalNode, type Scan } from '../../src/plan/nodes.ts';
import { numeric, type SqlType, scalar } from '../../src/plan/types.ts';

const nextId = columnIds();

export const integer = scalar('integer');
export const text = scalar('text');
export const boolean = scalar('boolean');
export const bigint = scalar('bigint');
export const double = scalar('double');

export const column = (name: string, type: SqlType): Column => ({ id: nextId(), name, type });

/** `table('berlin.orders', { id: integer })`. */
export function table(path: string, columns: Readonly<Record<string, SqlType>>): Scan {
  const [silo, name] = path.split('.') as [string, string];
  const list = Object.entries(columns).map(([each, type]) => column(each, type));
  return node({ kind: 'scan', silo, table: name, sourceColumns: list.map((each) => each.name), columns: list });
}

/** The last column of that name which `input` puts out. */
export function of(input: RelationalNode, name: string): Expression {
  const found = input.columns.findLast((each) => each.name === name);
  if (found === undefined) throw new Error(`no column ${name}`);
  return { kind: 'column', id: found.id, type: found.type };
}

export function literal(value: LiteralValue, type?: SqlType): Expression {
  const natural = typeof value === 'string' ? text : typeof value === 'boolean' ? boolean : integer;
  return { kind: 'literal', value, type: type ?? natural };
}

/** A call that answers a boolean, such as a comparison. */
export const test = (name: string, ...args: readonly Expression[]): Expression => call(name, boolean, ...args);

export const call = (name: string, type: SqlType, ...args: readonly Expression[]): Expression => ({
  kind: 'call',
  name,
  args,
  type,
});

export const filter = (input: RelationalNode, predicate: Expression): RelationalNode =>
  node({ kind: 'filter', input, predicate, columns: input.columns });

export function project(input: RelationalNode, expressions: Readonly<Record<string, Expression>>): RelationalNode {
  const columns = Object.entries(expressions).map(([name, { type }]) => column(name, type));
  return node({ kind: 'project', input, expressions: Object.values(expressions), columns });
}

export function join(type: JoinType, left: RelationalNode, right: RelationalNode, on?: Expression): RelationalNode {
  const columns = type === 'semi' || type === 'anti' ? left.columns : [...left.columns, ...right.columns];
  return node({ kind: 'join', type, left, right, columns, ...(on === undefined ? {} : { on }) });
}

export const key = (expression: Expression, descending = false): SortKey => ({
  expression,
  descending,
  nullsFirst: descending,
});

export const sort = (input: RelationalNode, ...keys: readonly SortKey[]): RelationalNode =>
  node({ kind: 'sort', input, keys, columns: input.columns });

export const limit = (input: RelationalNode, count?: number, offset?: number): RelationalNode =>
  node({
    kind: 'limit',
    input,
    columns: input.columns,
    ...(count === undefined ? {} : { count: literal(count, bigint) }),
    ...(offset === undefined ? {} : { offset: literal(offset, bigint) }),
  });

export const distinct = (input: RelationalNode): RelationalNode =>
  node({ kind: 'distinct', input, columns: input.columns });

export const aggregateCall = (name: string, type: SqlType, ...args: readonly Expression[]): AggregateCall => ({
  name,
  args,
  distinct: false,
  orderBy: [],
  type,
});

export const count = (...args: readonly Expression[]): AggregateCall => aggregateCall('count', bigint, ...args);

export function aggregate(
  input: RelationalNode,
  groups: Readonly<Record<string, Expression>>,
  aggregates: Readonly<Record<string, AggregateCall>>,
): RelationalNode {
  const columns = [...Object.entries(groups), ...Object.entries(aggregates)].map(([name, { type }]) =>
    column(name, type),
  );
  return node({
    kind: 'aggregate',
    input,
    groups: Object.values(groups),
    aggregates: Object.values(aggregates),
    columns,
  });
}

export function unionAll(...inputs: readonly RelationalNode[]): RelationalNode {
  const columns = inputs[0]!.columns.map((each) => column(each.name, each.type));
  return node({ kind: 'set-operation', operator: 'union', all: true, inputs, columns });
}

/** A federated table: the union of the silos' tables of one name, with the column `silo`. */
export function federated(
  name: string,
  silos: readonly string[],
  columns: Readonly<Record<string, SqlType>>,
): RelationalNode {
  const inputs = silos.map((silo) => {
    const scan = table(`${silo}.${name}`, columns);
    const kept = Object.fromEntries(scan.columns.map((each) => [each.name, of(scan, each.name)]));
    return project(scan, { ...kept, silo: literal(silo) });
  });
  const list = inputs[0]!.columns.map((each) => column(each.name, each.type));
  return node({ kind: 'set-operation', operator: 'union', all: true, inputs, silos, columns: list });
}

export { numeric };
