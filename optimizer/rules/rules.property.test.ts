/** No rule changes an answer: random plans are run in DuckDB as drawn and as rewritten. */
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { plainDuckDB, smallDatabase } from '../../test/support/duckdb-rows.ts';
import { randomPlans } from '../../test/support/random-plans.ts';
import { rewrite } from '../optimize.ts';
import { unparse } from '../unparse/unparse.ts';

const database = await smallDatabase();
afterAll(() => database[Symbol.dispose]());

it('answers the same rewritten as drawn', async () => {
  await fc.assert(
    fc.asyncProperty(randomPlans, async (plan) => {
      const text = unparse(rewrite(plan), plainDuckDB);
      expect(await database.rows(text), text).toEqual(await database.rows(unparse(plan, plainDuckDB)));
    }),
    { numRuns: 400 },
  );
});
