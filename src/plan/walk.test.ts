import { describe, expect, it } from 'vitest';
import type { Expression } from './expressions.ts';
import { node } from './nodes.ts';
import { scalar } from './types.ts';
import { columnsIn, conjunction, conjuncts, nodesOf } from './walk.ts';

const boolean = scalar('boolean');
const integer = scalar('integer');
const column = (id: number): Expression => ({ kind: 'column', id, type: integer });
const equal = (left: Expression, right: Expression): Expression => ({
  kind: 'call',
  name: '=',
  args: [left, right],
  type: boolean,
});
const inner = node({ kind: 'memory-table', name: 'm', columns: [{ id: 7, name: 'x', type: integer }] });
const exists: Expression = {
  kind: 'subquery',
  form: 'exists',
  operands: [],
  plan: node({ kind: 'filter', input: inner, predicate: equal(column(7), column(1)), columns: inner.columns }),
  type: boolean,
};

describe('walk', () => {
  it('flattens nested conjunctions and puts them together again', () => {
    const parts = [equal(column(1), column(2)), equal(column(3), column(4)), exists];
    const nested = conjunction([conjunction(parts.slice(0, 2))!, parts[2]!]);
    expect(conjuncts(nested)).toEqual(parts);
    expect(conjuncts(undefined)).toEqual([]);
    expect(conjunction([])).toBeUndefined();
  });

  it('sees what a subquery reads of its outer query', () => {
    expect([...columnsIn(exists)].sort()).toEqual([1, 7]);
  });

  it('visits the nodes inside subqueries', () => {
    const plan = node({ kind: 'filter', input: inner, predicate: exists, columns: inner.columns });
    expect([...nodesOf(plan)].map((each) => each.kind)).toEqual(['filter', 'filter', 'memory-table', 'memory-table']);
  });
});
