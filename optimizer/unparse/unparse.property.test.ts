/**
 * The merged text answers what the plan says: random plans are run in DuckDB twice, once as unparsed, once with every
 * node in a derived table of its own, where nothing can be merged wrongly.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Dialect } from '../../connectors/dialect.ts';
import type { Column, Expression } from '../../src/plan/expressions.ts';
import { type JoinType, node, type RelationalNode } from '../../src/plan/nodes.ts';
import { transformPlan } from '../../src/plan/traverse.ts';
import * as plan from '../../test/support/plans.ts';
import { unparse } from './unparse.ts';

const dialect: Dialect = {
  name: 'duckdb',
  identifierQuotes: ['"', '"'],
  calls: {},
  types: { text: 'VARCHAR' },
  literals: {},
  nullOrdering: 'standard',
  booleanLiterals: 'keyword',
  limit: 'limit-offset',
};

const instance = await DuckDBInstance.create(':memory:');
const connection = await instance.connect();
beforeAll(async () => {
  await connection.run("SET disabled_optimizers = 'join_filter_pushdown'");
  await connection.run('CREATE TABLE a (x INTEGER, y INTEGER, s VARCHAR)');
  await connection.run("INSERT INTO a VALUES (1,1,'p'),(1,2,'q'),(2,NULL,'q'),(NULL,3,NULL),(3,3,'p')");
  await connection.run('CREATE TABLE b (x INTEGER, y INTEGER, s VARCHAR)');
  await connection.run("INSERT INTO b VALUES (1,5,'q'),(3,NULL,NULL),(3,2,'p'),(NULL,NULL,'r')");
});
afterAll(() => connection.closeSync());

/** Draws from fast-check's choices, so that a failing plan shrinks. */
type Draw = (below: number) => number;

const pick = <T>(draw: Draw, from: readonly T[]): T => from[draw(from.length)]!;
const reference = ({ id, type }: Column): Expression => ({ kind: 'column', id, type });
const integers = (input: RelationalNode): readonly Column[] => input.columns.filter((c) => c.type.kind !== 'text');

function value(draw: Draw, input: RelationalNode): Expression {
  const columns = integers(input);
  if (columns.length === 0) return plan.literal(draw(4));
  const column = reference(pick(draw, columns));
  switch (draw(4)) {
    case 0:
      return plan.call('+', column.type, column, plan.literal(draw(3)));
    case 1:
      return plan.call('coalesce', column.type, column, plan.literal(0));
    default:
      return column;
  }
}

function predicate(draw: Draw, input: RelationalNode, depth = 2): Expression {
  const connective = depth > 0 && draw(3) === 0;
  if (connective) {
    const parts = [predicate(draw, input, depth - 1), predicate(draw, input, depth - 1)];
    return plan.test(pick(draw, ['and', 'or']), ...parts);
  }
  switch (draw(4)) {
    case 0:
      return plan.test('is_null', value(draw, input));
    case 1:
      return plan.test('not', plan.test('=', value(draw, input), value(draw, input)));
    default:
      return plan.test(pick(draw, ['=', '<', '>=', '<>']), value(draw, input), value(draw, input));
  }
}

const leaf = (draw: Draw): RelationalNode =>
  plan.table(pick(draw, ['s.a', 's.b']), { x: plan.integer, y: plan.integer, s: plan.text });

function tree(draw: Draw, depth: number): RelationalNode {
  if (depth === 0) return leaf(draw);
  const input = tree(draw, depth - 1);
  switch (draw(9)) {
    case 0:
    case 1:
      return plan.filter(input, predicate(draw, input));
    case 2:
      return plan.project(input, {
        v: value(draw, input),
        w: value(draw, input),
        k: reference(pick(draw, input.columns)),
      });
    case 3: {
      const groups = draw(3) === 0 ? {} : { g: value(draw, input) };
      const total = plan.aggregateCall('sum', plan.numeric(), value(draw, input));
      return plan.aggregate(input, groups, { n: plan.count(), total });
    }
    case 4:
      return plan.distinct(input);
    case 5: {
      const other = tree(draw, Math.min(depth - 1, 1));
      const type = pick<JoinType>(draw, ['inner', 'left', 'right', 'full', 'semi', 'anti', 'cross']);
      const both = node({ ...input, columns: [...input.columns, ...other.columns] });
      const equality = plan.test(
        '=',
        reference(pick(draw, withNumbers(input))),
        reference(pick(draw, withNumbers(other))),
      );
      const on = draw(2) === 0 || type === 'full' ? equality : plan.test('and', equality, predicate(draw, both, 0));
      return plan.join(type, input, other, type === 'cross' ? undefined : on);
    }
    case 6: {
      const other = plan.project(input, Object.fromEntries(input.columns.map((c, i) => [`u${i}`, reference(c)])));
      const operator = pick(draw, ['union', 'except', 'intersect'] as const);
      const columns = input.columns.map((c) => plan.column(c.name, c.type));
      const right = plan.filter(other, predicate(draw, other));
      return node({ kind: 'set-operation', operator, all: draw(2) === 0, inputs: [input, right], columns });
    }
    case 7: {
      // Sorted by everything: rows of equal keys are equal, so that the first ones are the same rows either way.
      const sorted = plan.sort(input, ...input.columns.map((c) => plan.key(reference(c), draw(2) === 0)));
      return plan.limit(sorted, 1 + draw(5), draw(2));
    }
    default: {
      const call = {
        name: 'count',
        args: [value(draw, input)],
        partitionBy: [value(draw, input)],
        orderBy: [],
        type: plan.bigint,
      };
      return node({ kind: 'window', input, calls: [call], columns: [...input.columns, plan.column('w', plan.bigint)] });
    }
  }
}

const withNumbers = (input: RelationalNode): readonly Column[] =>
  integers(input).length > 0 ? integers(input) : input.columns;

async function rows(text: string): Promise<readonly string[]> {
  const result = await connection.runAndReadAll(text);
  return result
    .getRowsJson()
    .map((row) => JSON.stringify(row))
    .sort();
}

/** LIMIT without a count: a border that the unparser never merges across. */
const unmerged = (merged: RelationalNode): RelationalNode =>
  transformPlan(merged, (each) => (each.kind === 'sort' ? each : plan.limit(each)));

it('answers the same merged as node by node', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(1000), { minLength: 60, maxLength: 60 }),
      fc.integer({ min: 1, max: 6 }),
      async (choices, depth) => {
        let at = 0;
        const drawn = tree((below) => choices[at++ % choices.length]! % below, depth);
        const text = unparse(drawn, dialect);
        const naive = unparse(unmerged(drawn), dialect);
        expect(await rows(text), text).toEqual(await rows(naive));
      },
    ),
    { numRuns: 400 },
  );
});
