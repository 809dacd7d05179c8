/** TPC-H: 22 of 22 right wherever the tables live. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type TestDatabase, testDatabase } from './servers/postgres.ts';
import { type OpenSilos, openSilos, type QueryOptions } from './support/open-silos.ts';
import {
  differenceTo,
  loadIntoPostgres,
  TPCH_TABLES,
  type TpchFiles,
  tpchFiles,
  tpchIsThere,
  tpchQueries,
} from './support/tpch.ts';

if (!tpchIsThere) console.log('TPC-H is skipped: ../shared/data/tpch_sf0005 is not there');

const SILOS = ['pg', 'duck', 'lake'] as const;

/** Two large tables in files, two in a DuckDB file, four in PostgreSQL. */
const APART: Readonly<Record<string, string>> = { lineitem: 'lake', orders: 'lake', part: 'duck', partsupp: 'duck' };

/** Each table at a silo that depends on the seed alone. */
const random = (seed: number): Readonly<Record<string, string>> =>
  Object.fromEntries(
    TPCH_TABLES.map((table, i) => [table, SILOS[Math.floor((Math.sin(seed * 97 + i * 31) + 1) * 1e6) % SILOS.length]!]),
  );

const apart = (table: string): string => APART[table] ?? 'pg';

const PLACEMENTS: Readonly<Record<string, QueryOptions>> = {
  'all in one PostgreSQL': { placement: () => 'pg' },
  'spread over PostgreSQL, DuckDB and files': { placement: apart },
  'spread, placed by cost': { placement: apart, choose: 'cost' },
  'at random by seed 2, placed by cost': { placement: (table) => random(2)[table]!, choose: 'cost' },
  'spread, with pushdown off': { placement: apart, pushdown: 'off' },
  'all at the mediator': { placement: () => 'lake', pushdown: 'off' },
  ...Object.fromEntries(
    [1, 2].map((seed) => [`at random by seed ${seed}`, { placement: (table: string) => random(seed)[table]! }]),
  ),
};

describe.skipIf(!tpchIsThere)('TPC-H', () => {
  let database: TestDatabase;
  let data: TpchFiles;
  let silos: OpenSilos;

  beforeAll(async () => {
    database = await testDatabase(inject('postgres'));
    await loadIntoPostgres(database.client);
    data = await tpchFiles();
    silos = await openSilos({
      pg: { kind: 'postgres', options: { url: database.url } },
      duck: { kind: 'duckdb', options: { path: data.database, read_only: 'true' } },
      lake: { kind: 'files', options: { path: data.parquet } },
    });
  });

  afterAll(async () => {
    await silos?.[Symbol.asyncDispose]();
    await database?.[Symbol.asyncDispose]();
    data?.[Symbol.dispose]();
  });

  for (const [name, options] of Object.entries(PLACEMENTS)) {
    describe(name, () => {
      for (const query of tpchIsThere ? tpchQueries() : []) {
        it(query.name, async () => {
          const { rows } = await silos.query(query.text, options);
          expect(differenceTo(query.answer, rows)).toBeUndefined();
        });
      }
    });
  }
});
