/**
 * The merged text answers what the plan says: random plans are run in DuckDB twice, once as unparsed, once with every
 * node in a derived table of its own, where nothing can be merged wrongly.
 */
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { transformPlan } from '../../src/plan/traverse.ts';
import { plainDuckDB, smallDatabase } from '../../test/support/duckdb-rows.ts';
import { limit } from '../../test/support/plans.ts';
import { randomPlans } from '../../test/support/random-plans.ts';
import { unparse } from './unparse.ts';

const database = await smallDatabase();
afterAll(() => database[Symbol.dispose]());

/** LIMIT without a count: a border that the unparser never merges across. */
const unmerged = (plan: RelationalNode): RelationalNode =>
  transformPlan(plan, (each) => (each.kind === 'sort' ? each : limit(each)));

it('answers the same merged as node by node', async () => {
  await fc.assert(
    fc.asyncProperty(randomPlans, async (plan) => {
      const text = unparse(plan, plainDuckDB);
      expect(await database.rows(text), text).toEqual(await database.rows(unparse(unmerged(plan), plainDuckDB)));
    }),
    { numRuns: 400 },
  );
});
