/**
 * Random queries: PostgreSQL's answer is ours in every placement, pushdown changes none, and ternary logic partitioning holds. Bounded in time;
 * FUZZ_SECONDS and FUZZ_SEED run it longer or again.
 */
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../servers/postgres.ts';
import { difference, type Row } from '../sqllogic/compare.ts';
import { openPlacement, type Placement, type PlacementName } from '../sqllogic/placements.ts';
import { dataStatements } from './random-data.ts';
import { queries } from './random-queries.ts';

const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Date.now() / 86_400_000));
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 12);
const NAMES: readonly PlacementName[] = ['one-silo', 'spread', 'pushdown-off', 'random'];

const OPTIONS = {
  seed: SEED,
  numRuns: 1_000_000,
  interruptAfterTimeLimit: SECONDS * 1000,
  markInterruptAsFailure: false,
  endOnFailure: true,
} as const;

/** What DuckDB cannot run is refused, with its reason (docs/sql-differences.md). */
const isKnownRefusal = (thrown: unknown): boolean =>
  (thrown as { sqlstate?: string }).sqlstate === '0A000' && /correlated/i.test((thrown as Error).message);

/** Values in PostgreSQL's text form. */
const asText = { getTypeParser: () => (value: unknown) => value };

describe(`random queries by seed ${SEED}`, () => {
  let oracle: TestDatabase;
  const placements = new Map<PlacementName, Placement>();

  beforeAll(async () => {
    oracle = await testDatabase(inject('postgres'));
    for (const sql of dataStatements(SEED)) await oracle.client.query(sql);
    for (const name of NAMES) {
      const placement = await openPlacement(inject('postgres'), name, { seed: SEED });
      placements.set(name, placement);
      await placement.reset();
      for (const sql of dataStatements(SEED)) await placement.statement(sql);
    }
  }, 120_000);

  afterAll(async () => {
    for (const placement of placements.values()) await placement[Symbol.asyncDispose]();
    await oracle?.[Symbol.asyncDispose]();
  });

  const expected = async (text: string): Promise<readonly Row[] | undefined> => {
    try {
      const { rows } = await oracle.client.query({ text, rowMode: 'array', types: asText as pg.CustomTypesConfig });
      return rows as Row[];
    } catch (thrown) {
      // Overflow and the like: no answer, nothing to compare with.
      if (thrown instanceof pg.DatabaseError && thrown.code?.startsWith('22')) return undefined;
      throw new Error(`PostgreSQL refuses ${text}`, { cause: thrown });
    }
  };

  const lines = (rows: readonly Row[], types: string): string[] =>
    rows.map((row) => row.map((value, i) => shown(value, types[i]!)).join('\t'));

  it(
    'are answered as PostgreSQL does, wherever the tables live',
    async () => {
      let compared = 0;
      const property = fc.asyncProperty(fc.gen(), async (choices) => {
        const { text, types, ordered } = queries(choices).query();
        const rows = await expected(text);
        if (rows === undefined) return;
        compared++;
        for (const [name, placement] of placements) {
          const actual = await placement.query(text).catch((thrown: unknown) => {
            if (isKnownRefusal(thrown)) return undefined;
            throw new Error(`${name}: ${text}`, { cause: thrown });
          });
          if (actual === undefined) continue;
          const wrong = difference(types, ordered ? 'nosort' : 'rowsort', lines(rows, types), actual);
          if (wrong !== undefined) throw new Error(`${name}: ${wrong}\n${text}`);
        }
      });
      await fc.assert(property, OPTIONS);
      console.log(`random queries: ${compared} compared in ${NAMES.length} placements, seed ${SEED}`);
      expect(compared).toBeGreaterThan(0);
    },
    SECONDS * 1000 + 60_000,
  );

  it(
    'are answered alike with pushdown on and off, whatever PostgreSQL would say',
    async () => {
      const answer = async (name: PlacementName, text: string): Promise<readonly Row[] | undefined> => {
        try {
          return await placements.get(name)!.query(text);
        } catch (thrown) {
          // An error of data, such as an overflow, may or may not be met: the order of evaluation is nobody's promise.
          if (isKnownRefusal(thrown) || /^22/.test((thrown as { sqlstate?: string }).sqlstate ?? '')) return undefined;
          throw new Error(`${name}: ${text}`, { cause: thrown });
        }
      };
      const property = fc.asyncProperty(fc.gen(), async (choices) => {
        const { text, types, ordered } = queries(choices).query();
        const [on, off] = [await answer('spread', text), await answer('pushdown-off', text)];
        if (on === undefined || off === undefined) return;
        const wrong = difference(types, ordered ? 'nosort' : 'rowsort', lines(off, types), on);
        if (wrong !== undefined) throw new Error(`${wrong}\n${text}`);
      });
      await fc.assert(property, { ...OPTIONS, seed: SEED + 1, interruptAfterTimeLimit: (SECONDS * 1000) / 2 });
    },
    SECONDS * 1000 + 60_000,
  );

  it(
    'give each row to exactly one of p, NOT p and p IS NULL',
    async () => {
      const property = fc.asyncProperty(fc.gen(), async (choices) => {
        const { text, predicate, types } = queries(choices).partitioned();
        const placement = placements.get('spread')!;
        const whole = await placement.query(text);
        const parts = [`(${predicate})`, `NOT (${predicate})`, `(${predicate}) IS NULL`].map(
          (condition) => `${text} WHERE ${condition}`,
        );
        const united = await placement.query(parts.join(' UNION ALL '));
        const wrong = difference(types, 'rowsort', lines(whole, types), united);
        if (wrong !== undefined) throw new Error(`${wrong}\n${text}\nWHERE ${predicate}`);
      });
      await fc.assert(property, { ...OPTIONS, interruptAfterTimeLimit: (SECONDS * 1000) / 2 });
    },
    SECONDS * 1000 + 60_000,
  );
});

function shown(value: string | null, type: string): string {
  if (value === null) return 'NULL';
  if (value === '') return '(empty)';
  return type === 'B' ? (value === 't' ? 'true' : 'false') : value;
}
