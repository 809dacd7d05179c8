/** TPC-H through sessions: 22 of 22 right wherever the tables live. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Engine } from '../src/engine/engine.ts';
import type { Session } from '../src/engine/session.ts';
import { type TestDatabase, testDatabase } from './servers/postgres.ts';
import { run } from './support/federation.ts';
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

const SILOS = ['pg', 'duck', 'lake', 'lite'] as const;

interface Placed {
  /** The silo in which a table is read. */
  readonly at: (table: string) => string;
  readonly pushdown?: 'off';
}

/** Every table in another silo of another kind than the one before. */
const inTurn = (table: string): string => SILOS[(TPCH_TABLES as readonly string[]).indexOf(table) % SILOS.length]!;

/** Each table at a silo that depends on the seed alone. */
const random = (seed: number) => (table: string) =>
  SILOS[
    Math.floor((Math.sin(seed * 97 + (TPCH_TABLES as readonly string[]).indexOf(table) * 31) + 1) * 1e6) % SILOS.length
  ]!;

const PLACEMENTS: Readonly<Record<string, Placed>> = {
  'all in one PostgreSQL': { at: () => 'pg' },
  'all in one SQLite': { at: () => 'lite' },
  'in turn in PostgreSQL, DuckDB, files and SQLite': { at: inTurn },
  'in turn, with pushdown off': { at: inTurn, pushdown: 'off' },
  'all at the mediator': { at: () => 'lake', pushdown: 'off' },
  ...Object.fromEntries([1, 2].map((seed) => [`at random by seed ${seed}`, { at: random(seed) }])),
};

describe.skipIf(!tpchIsThere)('TPC-H', () => {
  let database: TestDatabase;
  let data: TpchFiles;
  let engine: Engine;
  let session: Session;

  beforeAll(async () => {
    database = await testDatabase(inject('postgres'));
    await loadIntoPostgres(database.client);
    data = await tpchFiles();
    engine = await Engine.open({ directory: join(data.folder, 'catalog') });
    session = engine.openSession();
    await run(
      session,
      `CREATE SILO pg USING postgres OPTIONS (url '${database.url}');
       CREATE SILO duck USING duckdb OPTIONS (path '${data.database}', read_only 'true');
       CREATE SILO lake USING files OPTIONS (path '${data.parquet}');
       CREATE SILO lite USING sqlite OPTIONS (path '${join(data.folder, 'tpch.sqlite')}', create 'true')`,
    );
    for (const table of TPCH_TABLES) await run(session, `CREATE TABLE lite.${table} AS SELECT * FROM pg.${table}`);
  }, 120_000);

  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await database?.[Symbol.asyncDispose]();
    data?.[Symbol.dispose]();
  });

  for (const [name, { at, pushdown }] of Object.entries(PLACEMENTS)) {
    describe(name, () => {
      beforeAll(async () => {
        session.settings.set('causeway.pushdown', pushdown);
        for (const table of TPCH_TABLES)
          await run(session, `CREATE OR REPLACE VIEW ${table} AS SELECT * FROM ${at(table)}.${table}`);
      });
      for (const query of tpchIsThere ? tpchQueries() : []) {
        it(query.name, async () => {
          expect(differenceTo(query.answer, await run(session, query.text))).toBeUndefined();
        });
      }
    });
  }
});
