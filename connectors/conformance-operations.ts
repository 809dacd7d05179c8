/**
 * Plans for the pushdown kit, one per relational operation, each with what a connector must have declared for it to be
 * pushed whole. These are over integers; conformance-typed.ts has those over other types.
 */
import type { Column, Expression, SortKey, WindowFrame } from '../src/plan/expressions.ts';
import { type JoinType, node, type RelationalNode, type Scan, type SetOperation } from '../src/plan/nodes.ts';
import { scalar, type TypeKind } from '../src/plan/types.ts';
import { type Capabilities, type Operation, supportOf } from './capabilities.ts';
import type { Lack } from './dialect.ts';

export interface OperationCase {
  readonly title: string;
  readonly plan: RelationalNode;
  readonly operations: readonly Operation[];
  /** The type it is over; integer when absent. */
  readonly kind?: TypeKind;
  /** Functions over that type. */
  readonly functions?: readonly string[];
  readonly aggregates?: readonly string[];
  /** Dialects without words for it. */
  readonly lack?: Lack;
}

/** True when all that the case needs is declared. */
export const isDeclared = (
  { operations, kind = 'integer', functions = [], aggregates = [], lack }: OperationCase,
  capabilities: Capabilities,
): boolean =>
  operations.every((name) => capabilities.operations[name] === 'exact') &&
  functions.every((name) => supportOf(capabilities.functions, name, kind) === 'exact') &&
  aggregates.every((name) => supportOf(capabilities.aggregates, name, kind) === 'exact') &&
  (lack === undefined || capabilities.dialect?.lacks?.includes(lack) !== true);

const integer = scalar('integer');
const bigint = scalar('bigint');
const boolean = scalar('boolean');

/** @param scan makes a scan of three integer columns with new column ids; the first is a key */
export function operationCases(scan: () => Scan): readonly OperationCase[] {
  let ids = 5000;
  const column = (name: string, type = integer): Column => ({ id: ids++, name, type });
  const of = (plan: RelationalNode, at: number): Expression => {
    const { id, type } = plan.columns[at]!;
    return { kind: 'column', id, type };
  };
  const compare = (name: string, ...args: readonly Expression[]): Expression => ({
    kind: 'call',
    name,
    args,
    type: boolean,
  });
  const number = (value: number): Expression => ({ kind: 'literal', value, type: integer });
  const keys = (plan: RelationalNode, ...at: readonly number[]): readonly SortKey[] =>
    at.map((i) => ({ expression: of(plan, i), descending: i === 1, nullsFirst: i === 1 }));
  const filter = (input: RelationalNode, predicate: Expression): RelationalNode =>
    node({ kind: 'filter', input, predicate, columns: input.columns });
  const sort = (input: RelationalNode, ...at: readonly number[]): RelationalNode =>
    node({ kind: 'sort', input, keys: keys(input, ...at), columns: input.columns });
  const limit = (input: RelationalNode, count?: number, offset?: number): RelationalNode =>
    node({
      kind: 'limit',
      input,
      ...(count === undefined ? {} : { count: number(count) }),
      ...(offset === undefined ? {} : { offset: number(offset) }),
      columns: input.columns,
    });
  const join = (type: JoinType): RelationalNode => {
    const [left, right] = [scan(), scan()];
    const columns = type === 'semi' || type === 'anti' ? left.columns : [...left.columns, ...right.columns];
    return node({ kind: 'join', type, left, right, on: compare('=', of(left, 1), of(right, 2)), columns });
  };
  const unite = (
    operator: SetOperation['operator'],
    all: boolean,
    ...inputs: readonly RelationalNode[]
  ): RelationalNode =>
    node({ kind: 'set-operation', operator, all, inputs, columns: inputs[0]!.columns.map(({ name }) => column(name)) });
  const window = (name: string, args: number, type = bigint, frame?: WindowFrame): RelationalNode => {
    const input = scan();
    const call = {
      name,
      args: args === 0 ? [] : [of(input, 1)],
      partitionBy: [of(input, 2)],
      orderBy: keys(input, 0),
      type,
      ...(frame === undefined ? {} : { frame }),
    };
    return node({ kind: 'window', input, calls: [call], columns: [...input.columns, column('w', type)] });
  };
  const subquery = (form: 'exists' | 'in' | 'any', operator: string): RelationalNode => {
    const [outer, inner] = [scan(), scan()];
    const plan = node({ kind: 'project', input: inner, expressions: [of(inner, 2)], columns: [column('x')] });
    const operands = form === 'exists' ? [] : [of(outer, 1)];
    const test: Expression = { kind: 'subquery', form, operands, operator, plan, type: boolean };
    // Under NOT it is no semi-join, whose rules are others.
    return filter(outer, compare('not', test));
  };
  const grouped = (sets?: readonly (readonly number[])[]): RelationalNode => {
    const input = scan();
    const groups = [of(input, 1), of(input, 2)];
    const aggregates = [{ name: 'count', args: [], distinct: false, orderBy: [], type: bigint }];
    const columns = [column('a'), column('b'), column('n', bigint)];
    return node({
      kind: 'aggregate',
      input,
      groups,
      aggregates,
      columns,
      ...(sets === undefined ? {} : { groupingSets: sets }),
    });
  };
  const twice = (): RelationalNode => {
    const definition = scan();
    const reference = () =>
      node({ kind: 'cte-reference', name: 'both', columns: definition.columns.map(({ name }) => column(name)) });
    const [left, right] = [reference(), reference()];
    const body = node({
      kind: 'join',
      type: 'inner',
      left,
      right,
      on: compare('=', of(left, 1), of(right, 2)),
      columns: [...left.columns, ...right.columns],
    });
    return node({
      kind: 'with',
      name: 'both',
      recursive: false,
      materialized: true,
      definition,
      body,
      columns: body.columns,
    });
  };
  const withValues = (): RelationalNode => {
    const left = scan();
    const right = node({ kind: 'values', rows: [[number(2)], [number(-3)], [number(2)]], columns: [column('v')] });
    const on = compare('=', of(left, 1), of(right, 0));
    return node({ kind: 'join', type: 'inner', left, right, on, columns: [...left.columns, ...right.columns] });
  };
  const lateral = (): RelationalNode => {
    const [left, inner] = [scan(), scan()];
    const own = filter(inner, compare('=', of(inner, 2), of(left, 1)));
    const right = limit(sort(own, 0), 1);
    const columns = [...left.columns, ...right.columns];
    return node({ kind: 'join', type: 'cross', left, right, lateral: true, columns });
  };
  /** From key to key, by the third column and then by the second ones, until there is none. */
  const recursive = (): RelationalNode => {
    const [start, next] = [scan(), scan()];
    const from = node({ kind: 'project', input: start, expressions: [of(start, 2)], columns: [column('x')] });
    const reached = node({ kind: 'cte-reference', name: 'walk', columns: [column('x')] });
    const on = compare('=', of(reached, 0), of(next, 0));
    const columns = [...reached.columns, ...next.columns];
    const step = node({ kind: 'join', type: 'inner', left: reached, right: next, on, columns });
    const to = node({ kind: 'project', input: step, expressions: [of(next, 1)], columns: [column('x')] });
    const body = node({ kind: 'cte-reference', name: 'walk', columns: [column('x')] });
    const definition = unite('union', true, from, to);
    return node({ kind: 'with', name: 'walk', recursive: true, definition, body, columns: body.columns });
  };
  const distinctOn = (): RelationalNode => {
    const input = sort(scan(), 2, 0);
    return node({ kind: 'distinct', input, on: [of(input, 2)], columns: input.columns });
  };
  const distinct = (): RelationalNode => {
    const input = scan();
    const some = node({ kind: 'project', input, expressions: [of(input, 2)], columns: [column('x')] });
    return node({ kind: 'distinct', input: some, columns: some.columns });
  };
  const rows: WindowFrame = { unit: 'rows', start: { kind: 'unbounded-preceding' }, end: { kind: 'current-row' } };
  const order = ['=', '<'];
  const all = (operator: SetOperation['operator'], lack?: Lack): OperationCase => ({
    title: `${operator} all`,
    plan: unite(operator, true, scan(), scan()),
    operations: ['set-operation'],
    functions: operator === 'union' ? [] : ['='],
    ...(lack === undefined ? {} : { lack }),
  });

  return [
    ...(['inner', 'left', 'right'] as const).map(
      (type): OperationCase => ({
        title: `${type} join`,
        plan: join(type),
        operations: ['join'],
        functions: ['='],
      }),
    ),
    { title: 'full join', plan: join('full'), operations: ['join'], functions: ['='], lack: 'full-join' },
    ...(['semi', 'anti'] as const).map(
      (type): OperationCase => ({
        title: `${type} join`,
        plan: join(type),
        operations: ['join', 'subquery'],
        functions: ['='],
      }),
    ),
    { title: 'sort', plan: sort(scan(), 1, 0), operations: ['sort'], functions: ['<'] },
    { title: 'limit', plan: limit(sort(scan(), 0), 2, 1), operations: ['sort', 'limit'], functions: ['<'] },
    {
      title: 'offset alone',
      plan: limit(sort(scan(), 0), undefined, 2),
      operations: ['sort', 'limit'],
      functions: ['<'],
    },
    { title: 'distinct', plan: distinct(), operations: ['project', 'distinct'], functions: ['='] },
    {
      title: 'distinct on',
      plan: distinctOn(),
      operations: ['sort', 'distinct'],
      functions: order,
      lack: 'distinct-on',
    },
    { title: 'groups', plan: grouped(), operations: ['aggregate'], functions: ['='], aggregates: ['count'] },
    {
      title: 'grouping sets',
      plan: grouped([[0, 1], [0], []]),
      operations: ['aggregate'],
      functions: ['='],
      aggregates: ['count'],
      lack: 'grouping-sets',
    },
    ...(['union', 'intersect', 'except'] as const).map(
      (operator): OperationCase => ({
        title: operator,
        plan: unite(operator, false, scan(), scan()),
        operations: ['set-operation'],
        functions: ['='],
      }),
    ),
    all('union'),
    all('intersect', 'intersect-all'),
    all('except', 'except-all'),
    {
      title: 'set operations inside of one',
      plan: unite('except', false, scan(), unite('union', true, limit(sort(scan(), 0), 2), scan())),
      operations: ['set-operation', 'sort', 'limit'],
      functions: order,
    },
    ...(['row_number', 'rank', 'dense_rank'] as const).map(
      (name): OperationCase => ({
        title: `window ${name}`,
        plan: window(name, 0),
        operations: ['window'],
        functions: order,
        aggregates: [name],
      }),
    ),
    {
      title: 'window lag',
      plan: window('lag', 1, integer),
      operations: ['window'],
      functions: order,
      aggregates: ['lag'],
    },
    {
      title: 'window frame',
      plan: window('sum', 1, bigint, rows),
      operations: ['window'],
      functions: order,
      aggregates: ['sum'],
    },
    {
      title: 'window frame of groups',
      plan: window('sum', 1, bigint, { ...rows, unit: 'groups', exclude: 'ties' }),
      operations: ['window'],
      functions: order,
      aggregates: ['sum'],
      lack: 'special-frames',
    },
    { title: 'not exists', plan: subquery('exists', '='), operations: ['filter', 'subquery'], functions: ['not'] },
    {
      title: 'not in',
      plan: subquery('in', '='),
      operations: ['filter', 'project', 'subquery'],
      functions: ['not', '='],
    },
    {
      title: 'not < any',
      plan: subquery('any', '<'),
      operations: ['filter', 'project', 'subquery'],
      functions: ['not', '<'],
      lack: 'quantified-subqueries',
    },
    { title: 'values', plan: withValues(), operations: ['join', 'values'], functions: ['='] },
    {
      title: 'lateral',
      plan: lateral(),
      operations: ['join', 'filter', 'sort', 'limit'],
      functions: order,
      lack: 'lateral',
    },
    {
      title: 'a recursive CTE',
      plan: recursive(),
      operations: ['project', 'join', 'set-operation'],
      functions: ['='],
    },
    { title: 'a CTE read twice', plan: twice(), operations: ['join'], functions: ['='] },
  ];
}
