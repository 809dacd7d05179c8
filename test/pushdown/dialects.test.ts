/**
 * The spelling of every call that a warehouse's capabilities declare, and of every clause, as golden texts: a change of a
 * dialect is read before it is merged. `npx vitest run test/pushdown/dialects.test.ts -u` writes them anew.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bigquery } from '../../connectors/bigquery/connector.ts';
import type { ConformancePlace } from '../../connectors/conformance.ts';
import { declaredPlans } from '../../connectors/conformance-pushdown.ts';
import { sampleTable } from '../../connectors/conformance-samples.ts';
import type { Connector } from '../../connectors/connector.ts';
import { snowflake } from '../../connectors/snowflake/connector.ts';
import { unparse } from '../../optimizer/unparse/unparse.ts';
import { bigqueryPlace } from '../servers/bigquery/place.ts';
import { snowflakePlace } from '../servers/snowflake/place.ts';
import { type OpenSilos, openSilos } from '../support/open-silos.ts';

/** Clauses; every one runs in the silo as one statement. `t` has the columns of the kit's sample table. */
const STATEMENTS: readonly string[] = [
  `SELECT "integer#0" AS k FROM samples WHERE "text#0" = 'it''s \\ "quoted"' ORDER BY k DESC NULLS FIRST LIMIT 3 OFFSET 1`,
  'SELECT "integer#0" FROM samples ORDER BY 1 OFFSET 2',
  'SELECT DISTINCT "boolean#0" FROM samples WHERE "integer#1" IS NOT NULL AND "integer#0" IN (1, 2, 3)',
  `SELECT "date#0" FROM samples WHERE "date#0" >= DATE '2020-01-01' AND "timestamp without time zone#0" < TIMESTAMP '2030-01-01 00:00:00'`,
  `SELECT "integer#0" FROM samples WHERE "timestamp with time zone#0" >= TIMESTAMPTZ '2020-01-01 02:00:00+02'`,
  `SELECT "integer#0" FROM samples WHERE "time without time zone#0" > TIME '01:02:03.5'`,
  `SELECT "integer#0" FROM samples WHERE "text#0" LIKE 'H%' OR "text#0" LIKE '100\\%'`,
  'SELECT "boolean#0", count(*), sum("integer#1"), min("text#0") FROM samples GROUP BY 1 HAVING count(*) > 1',
  'SELECT "boolean#0", "integer#2", count(*) FROM samples GROUP BY ROLLUP ("boolean#0", "integer#2")',
  'SELECT count(DISTINCT "text#0") FROM samples',
  'SELECT a."integer#0" FROM samples a JOIN samples b ON a."integer#0" = b."integer#1" WHERE b."text#0" <> \'\'',
  'SELECT a."integer#0", b."text#0" FROM samples a LEFT JOIN samples b ON a."integer#0" = b."integer#3"',
  'SELECT a."integer#0", b."text#0" FROM samples a FULL JOIN samples b ON a."integer#0" = b."integer#3"',
  'SELECT "integer#0" FROM samples a WHERE EXISTS (SELECT 1 FROM samples b WHERE b."integer#3" = a."integer#0")',
  'SELECT "integer#0" FROM samples WHERE "integer#0" NOT IN (SELECT "integer#3" FROM samples WHERE "integer#3" > 2)',
  'SELECT "integer#0" FROM samples UNION SELECT "integer#3" FROM samples',
  'SELECT "integer#0" FROM samples INTERSECT SELECT "integer#3" FROM samples',
  'SELECT "integer#0", row_number() OVER (PARTITION BY "boolean#0" ORDER BY "integer#0") FROM samples',
  'SELECT "integer#0", sum("integer#0") OVER (ORDER BY "integer#0" ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM samples',
  "SELECT CASE WHEN \"integer#0\" > 2 THEN 'many' ELSE 'few' END FROM samples",
  'SELECT "integer#0"::double precision, "integer#0"::text, "numeric#0"::double precision FROM samples',
];

/** A warehouse, and what it has no exact spelling for: that is kept at the mediator. */
interface Warehouse {
  readonly connector: Connector;
  readonly open: () => Promise<Pick<ConformancePlace, 'options' | 'load'> & AsyncDisposable>;
  readonly local: readonly string[];
}

const LOCAL: readonly string[] = [
  'SELECT "numeric#0" / "numeric#1" FROM samples',
  'SELECT "integer#0" + "integer#1" FROM samples',
  'SELECT count(*) FILTER (WHERE "boolean#0") FROM samples',
  'SELECT "json#0" -> \'a\' FROM samples',
  'SELECT DISTINCT ON ("boolean#0") "integer#0" FROM samples ORDER BY "boolean#0", 1',
  'SELECT sum("integer#0") OVER (ORDER BY "integer#0" RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM samples',
  'SELECT "integer#0" FROM samples INTERSECT ALL SELECT "integer#3" FROM samples',
];

const WAREHOUSES: readonly Warehouse[] = [
  { connector: snowflake, open: snowflakePlace, local: LOCAL },
  {
    connector: bigquery,
    open: bigqueryPlace,
    local: [
      // Integers are bigint there.
      ...LOCAL.filter((sql) => !sql.includes('+')),
      // No equality of the two sides.
      'SELECT a."integer#0" FROM samples a LEFT JOIN samples b ON a."integer#0" < b."integer#1"',
      'SELECT "integer#0" FROM samples a WHERE NOT EXISTS (SELECT 1 FROM samples b WHERE b."integer#3" > a."integer#0")',
      `SELECT "integer#0" FROM samples WHERE "text#0" LIKE '10#%' ESCAPE '#'`,
      'SELECT greatest("integer#0", "integer#1") FROM samples',
    ],
  },
];

describe.each(WAREHOUSES)('$connector.kind', ({ connector, open, local }) => {
  const { kind, capabilities } = connector;
  let place: Awaited<ReturnType<Warehouse['open']>>;
  let silos: OpenSilos;
  beforeAll(async () => {
    place = await open();
    await place.load([sampleTable(capabilities.types)]);
    silos = await openSilos({ silo: { kind, options: place.options } });
  });
  afterAll(async () => {
    await silos?.[Symbol.asyncDispose]();
    await place?.[Symbol.asyncDispose]();
  });

  test('every call that is declared', async () => {
    const texts = declaredPlans(capabilities).map(
      ({ title, plan }) => `-- ${title}\n${unparse(plan, capabilities.dialect!)};\n`,
    );
    expect(texts.length).toBeGreaterThan(100);
    await expect(texts.join('\n')).toMatchFileSnapshot(`./golden/${kind}-calls.sql`);
  });

  test('every clause, as one statement of the silo', async () => {
    const texts: string[] = [];
    for (const sql of STATEMENTS) {
      const { fragments } = await silos.plan(sql);
      expect([sql, fragments.map(({ site }) => site)]).toEqual([sql, ['silo']]);
      const [fragment] = fragments;
      texts.push(`-- ${sql}\n${fragment!.request.kind === 'sql' ? fragment!.request.text : ''};\n`);
      // It runs as well.
      await silos.query(sql);
    }
    await expect(texts.join('\n')).toMatchFileSnapshot(`./golden/${kind}-statements.sql`);
  });

  test.each(local)('stays at the mediator: %s', async (sql) => {
    const { fragments } = await silos.plan(sql);
    expect(fragments.map(({ site }) => site)).toContain('mediator');
  });
});
