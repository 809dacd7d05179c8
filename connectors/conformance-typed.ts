/** Plans for the pushdown kit that compare, order and group values of every type, not whole numbers alone. */
import type { Column, Expression } from '../src/plan/expressions.ts';
import { node, type RelationalNode, type Scan } from '../src/plan/nodes.ts';
import { scalar, type TypeKind } from '../src/plan/types.ts';
import type { OperationCase } from './conformance-operations.ts';

/** Types without an order and an equality of their own in PostgreSQL, and those whose order is a known difference. */
const UNORDERED: ReadonlySet<TypeKind> = new Set(['json', 'jsonb', 'array', 'unknown']);

/**
 * @param scan makes a scan of a key and two columns of the type, with new column ids; undefined where there are no such columns
 */
export function typedCases(
  types: readonly TypeKind[],
  scan: (kind: TypeKind) => Scan | undefined,
): readonly OperationCase[] {
  return types.flatMap((kind) => (UNORDERED.has(kind) ? [] : casesOf(kind, () => scan(kind))));
}

function casesOf(kind: TypeKind, scan: () => Scan | undefined): readonly OperationCase[] {
  const [first, second, third, left, right] = [scan(), scan(), scan(), scan(), scan()];
  if (!first || !second || !third || !left || !right) return [];
  const of = (plan: RelationalNode, at: number): Expression => {
    const { id, type } = plan.columns[at]!;
    return { kind: 'column', id, type };
  };
  let ids = 6_000_000 + first.columns[0]!.id;
  const column = (name: string, type = of(first, 1).type): Column => ({ id: ids++, name, type });
  const keys = [1, 0].map((at) => ({ expression: of(first, at), descending: at === 1, nullsFirst: false }));
  const sorted = node({ kind: 'sort', input: first, keys, columns: first.columns });
  const three: Expression = { kind: 'literal', value: 3, type: scalar('integer') };
  const values = node({ kind: 'project', input: second, expressions: [of(second, 2)], columns: [column('x')] });
  return [
    {
      title: `the greatest of ${kind}`,
      plan: node({ kind: 'limit', input: sorted, count: three, columns: sorted.columns }),
      operations: ['sort', 'limit'],
      functions: ['<'],
      kind,
    },
    {
      title: `distinct of ${kind}`,
      plan: node({ kind: 'distinct', input: values, columns: values.columns }),
      operations: ['project', 'distinct'],
      functions: ['='],
      kind,
    },
    {
      title: `groups by ${kind}`,
      plan: node({
        kind: 'aggregate',
        input: third,
        groups: [of(third, 2)],
        aggregates: [{ name: 'count', args: [], distinct: false, orderBy: [], type: scalar('bigint') }],
        columns: [column('x'), column('n', scalar('bigint'))],
      }),
      operations: ['aggregate'],
      functions: ['='],
      aggregates: ['count'],
      kind,
    },
    {
      title: `a join on ${kind}`,
      plan: node({
        kind: 'join',
        type: 'inner',
        left,
        right,
        on: { kind: 'call', name: '=', args: [of(left, 1), of(right, 2)], type: scalar('boolean') },
        columns: [...left.columns, ...right.columns],
      }),
      operations: ['join'],
      functions: ['='],
      kind,
    },
  ];
}
