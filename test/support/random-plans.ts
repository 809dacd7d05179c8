/** Random logical plans over two small tables, drawn from fast-check's choices so that a failing plan shrinks. */
import fc from 'fast-check';
import type { Column, Expression } from '../../src/plan/expressions.ts';
import { type JoinType, node, type RelationalNode } from '../../src/plan/nodes.ts';
import * as make from './plans.ts';

/** Draws from fast-check's choices, so that a failing plan shrinks. */
type Draw = (below: number) => number;

const pick = <T>(draw: Draw, from: readonly T[]): T => from[draw(from.length)]!;
const reference = ({ id, type }: Column): Expression => ({ kind: 'column', id, type });
const integers = (input: RelationalNode): readonly Column[] => input.columns.filter((c) => c.type.kind !== 'text');

function value(draw: Draw, input: RelationalNode): Expression {
  const columns = integers(input);
  if (columns.length === 0) return make.literal(draw(4));
  const column = reference(pick(draw, columns));
  switch (draw(4)) {
    case 0:
      return make.call('+', column.type, column, make.literal(draw(3)));
    case 1:
      return make.call('coalesce', column.type, column, make.literal(0));
    default:
      return column;
  }
}

function predicate(draw: Draw, input: RelationalNode, depth = 2): Expression {
  const connective = depth > 0 && draw(3) === 0;
  if (connective) {
    const parts = [predicate(draw, input, depth - 1), predicate(draw, input, depth - 1)];
    return make.test(pick(draw, ['and', 'or']), ...parts);
  }
  switch (draw(6)) {
    case 0:
      return make.test('is_null', value(draw, input));
    case 2:
      return make.test(pick(draw, ['=', '<']), make.literal(draw(2)), make.literal(draw(2)));
    case 3:
      return make.test('in_list', value(draw, input), make.literal(draw(4)), make.literal(draw(4)));
    case 1:
      return make.test('not', make.test('=', value(draw, input), value(draw, input)));
    default:
      return make.test(pick(draw, ['=', '<', '>=', '<>']), value(draw, input), value(draw, input));
  }
}

const SHAPE = { x: make.integer, y: make.integer, s: make.text };

/** A table, or one that two silos share. */
const leaf = (draw: Draw): RelationalNode =>
  draw(3) === 0
    ? make.federated(pick(draw, ['a', 'b']), ['s', 't'], SHAPE)
    : make.table(pick(draw, ['s.a', 't.b']), SHAPE);

const silo = (input: RelationalNode): Column | undefined => input.columns.find(({ name }) => name === 'silo');

function tree(draw: Draw, depth: number): RelationalNode {
  if (depth === 0) return leaf(draw);
  const input = tree(draw, depth - 1);
  switch (draw(10)) {
    case 0:
    case 1:
      return make.filter(input, predicate(draw, input));
    case 2:
      return make.project(input, {
        v: value(draw, input),
        w: value(draw, input),
        k: reference(pick(draw, input.columns)),
      });
    case 3: {
      const own = silo(input);
      const groups = {
        ...(draw(3) === 0 ? {} : { g: value(draw, input) }),
        ...(own === undefined || draw(2) === 0 ? {} : { silo: reference(own) }),
      };
      const total = make.aggregateCall('sum', make.numeric(), value(draw, input));
      const mean = make.aggregateCall('avg', make.double, {
        kind: 'cast',
        operand: value(draw, input),
        type: make.double,
      });
      return make.aggregate(input, groups, { n: make.count(), total, mean });
    }
    case 4:
      return make.distinct(input);
    case 5: {
      const other = tree(draw, Math.min(depth - 1, 1));
      const type = pick<JoinType>(draw, ['inner', 'left', 'right', 'full', 'semi', 'anti', 'cross']);
      const both = node({ ...input, columns: [...input.columns, ...other.columns] });
      const equality = make.test(
        '=',
        reference(pick(draw, withNumbers(input))),
        reference(pick(draw, withNumbers(other))),
      );
      const on = draw(2) === 0 || type === 'full' ? equality : make.test('and', equality, predicate(draw, both, 0));
      const [left, right] = [silo(input), silo(other)];
      const local =
        left !== undefined && right !== undefined && draw(3) > 0
          ? make.test('and', make.test('=', reference(left), reference(right)), on)
          : on;
      return make.join(type, input, other, type === 'cross' ? undefined : local);
    }
    case 6: {
      const other = make.project(input, Object.fromEntries(input.columns.map((c, i) => [`u${i}`, reference(c)])));
      const operator = pick(draw, ['union', 'except', 'intersect'] as const);
      const columns = input.columns.map((c) => make.column(c.name, c.type));
      const right = make.filter(other, predicate(draw, other));
      return node({ kind: 'set-operation', operator, all: draw(2) === 0, inputs: [input, right], columns });
    }
    case 7: {
      // Sorted by everything: rows of equal keys are equal, so that the first ones are the same rows either way.
      const sorted = make.sort(input, ...input.columns.map((c) => make.key(reference(c), draw(2) === 0)));
      return make.limit(sorted, 1 + draw(5), draw(2));
    }
    case 8:
      return make.filter(input, correlated(draw, input));
    default: {
      const call = {
        name: 'count',
        args: [value(draw, input)],
        partitionBy: [value(draw, input)],
        orderBy: [],
        type: make.bigint,
      };
      return node({ kind: 'window', input, calls: [call], columns: [...input.columns, make.column('w', make.bigint)] });
    }
  }
}

/** EXISTS, IN or a compared aggregate over another table, correlated with the input or not. */
function correlated(draw: Draw, input: RelationalNode): Expression {
  const inner = tree(draw, draw(2));
  const outer = reference(pick(draw, withNumbers(input)));
  const own = reference(pick(draw, withNumbers(inner)));
  const equal = make.test(pick(draw, ['=', '=', '<']), own, outer);
  const local = draw(2) === 0 ? make.filter(inner, predicate(draw, inner, 0)) : inner;
  const plan = draw(4) === 0 ? local : make.filter(local, equal);
  const type = make.boolean;
  switch (draw(4)) {
    case 0:
      return { kind: 'subquery', form: 'exists', operands: [], plan, type };
    case 1:
      return make.test('not', { kind: 'subquery', form: 'exists', operands: [], plan, type });
    case 2: {
      const list = make.project(plan, { v: own });
      return { kind: 'subquery', form: 'in', operands: [outer], operator: '=', plan: list, type };
    }
    default: {
      const name = pick(draw, ['count', 'max']);
      const total = make.aggregate(plan, {}, { v: make.aggregateCall(name, make.bigint, own) });
      return make.test(pick(draw, ['=', '<', '>=']), outer, {
        kind: 'subquery',
        form: 'scalar',
        operands: [],
        plan: total,
        type: make.bigint,
      });
    }
  }
}

const withNumbers = (input: RelationalNode): readonly Column[] =>
  integers(input).length > 0 ? integers(input) : input.columns;

/** Plans of up to six nodes above the tables `a` and `b` (x integer, y integer, s varchar). */
export const randomPlans: fc.Arbitrary<RelationalNode> = fc
  .tuple(fc.array(fc.nat(1000), { minLength: 60, maxLength: 60 }), fc.integer({ min: 1, max: 6 }))
  .map(([choices, depth]) => {
    let at = 0;
    return tree((below) => choices[at++ % choices.length]! % below, depth);
  });
