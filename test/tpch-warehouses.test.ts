/** TPC-H: 22 of 22 right with the tables split between Snowflake, BigQuery and PostgreSQL. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { siloOptions as bigqueryOptions } from './servers/bigquery/place.ts';
import { type BigQueryTestServer, startBigQuery } from './servers/bigquery/server.ts';
import { type TestDatabase, testDatabase } from './servers/postgres.ts';
import { siloOptions } from './servers/snowflake/place.ts';
import { type SnowflakeTestServer, startSnowflake } from './servers/snowflake/server.ts';
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

/** The large ones in the warehouse, the small ones in PostgreSQL. */
const IN_WAREHOUSE: readonly string[] = ['lineitem', 'orders', 'partsupp', 'customer'];

/** Three ways: every join of the larger tables crosses a border. */
const THREE: Readonly<Record<string, string>> = { lineitem: 'bq', partsupp: 'bq', orders: 'snow', part: 'snow' };
const three = (table: string): string => THREE[table] ?? 'pg';

const PLACEMENTS: Readonly<Record<string, QueryOptions>> = {
  'all in Snowflake': { placement: () => 'snow' },
  'split between Snowflake and PostgreSQL': { placement: (table) => (IN_WAREHOUSE.includes(table) ? 'snow' : 'pg') },
  'split the other way': { placement: (table) => (IN_WAREHOUSE.includes(table) ? 'pg' : 'snow') },
  'split, placed by cost': { placement: (table) => (IN_WAREHOUSE.includes(table) ? 'snow' : 'pg'), choose: 'cost' },
  'all in BigQuery': { placement: () => 'bq' },
  'split between BigQuery and PostgreSQL': { placement: (table) => (IN_WAREHOUSE.includes(table) ? 'bq' : 'pg') },
  'split between Snowflake, BigQuery and PostgreSQL': { placement: three },
  'split three ways, placed by cost': { placement: three, choose: 'cost' },
};

describe.skipIf(!tpchIsThere)('TPC-H with warehouses', () => {
  let database: TestDatabase;
  let data: TpchFiles;
  let snow: SnowflakeTestServer;
  let bq: BigQueryTestServer;
  let silos: OpenSilos;

  beforeAll(async () => {
    database = await testDatabase(inject('postgres'));
    await loadIntoPostgres(database.client);
    data = await tpchFiles();
    snow = await startSnowflake();
    // The names as Snowflake has them, its numbers instead of DuckDB's integers.
    await snow.sql.run(`ATTACH '${data.database}' AS tpch (READ_ONLY)`);
    for (const table of TPCH_TABLES) {
      const columns = await snow.sql.columns(`SELECT * FROM tpch.${table}`);
      const items = columns.map(({ name, type }) => {
        const number = /INT/.test(type) ? `CAST(${name} AS DECIMAL(${type === 'BIGINT' ? 18 : 9}, 0))` : name;
        return `${number} AS "${name.toUpperCase()}"`;
      });
      await snow.sql.run(`CREATE TABLE "${table.toUpperCase()}" AS SELECT ${items.join(', ')} FROM tpch.${table}`);
    }
    bq = await startBigQuery();
    await bq.sql.run(`ATTACH '${data.database}' AS tpch (READ_ONLY)`);
    for (const table of TPCH_TABLES) await bq.sql.run(`CREATE TABLE ${table} AS SELECT * FROM tpch.${table}`);
    silos = await openSilos({
      pg: { kind: 'postgres', options: { url: database.url } },
      snow: { kind: 'snowflake', options: siloOptions(snow.url) },
      bq: { kind: 'bigquery', options: bigqueryOptions(bq.url) },
    });
  });

  afterAll(async () => {
    await silos?.[Symbol.asyncDispose]();
    await snow?.[Symbol.asyncDispose]();
    await bq?.[Symbol.asyncDispose]();
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
