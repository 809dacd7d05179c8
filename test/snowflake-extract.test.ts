/** Large results of a Snowflake silo through Parquet files of a stage. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Engine } from '../src/engine/engine.ts';
import type { Session } from '../src/engine/session.ts';
import { siloOptions } from './servers/snowflake/place.ts';
import { Refusal } from './servers/snowflake/refusal.ts';
import { type SnowflakeTestServer, startSnowflake } from './servers/snowflake/server.ts';
import { run } from './support/federation.ts';

const ROWS = 20_000;

const TABLE = `CREATE TABLE "MANY" AS SELECT
  CAST(range AS DECIMAL(38, 0)) AS "ID",
  CAST(range % 100 AS DECIMAL(3, 0)) AS "SMALL",
  CASE WHEN range % 7 = 0 THEN NULL ELSE CAST(range AS DECIMAL(38, 12)) + 12345678901234567890.123456789012 END AS "AMOUNT",
  CAST(range AS DECIMAL(38, 0)) * 1000000000000000000000000000000001 AS "WIDE",
  CASE WHEN range = 3 THEN 'nan'::DOUBLE ELSE range / 3.0 END AS "RATIO",
  range % 2 = 0 AS "EVEN",
  'wörd ''' || range || '\\' AS "WORD",
  DATE '1969-12-25' + CAST(range % 5000 AS INTEGER) AS "DAY",
  TIME '00:00:00.000001' + to_microseconds(range * 1000003) AS "CLOCK",
  TIMESTAMP '1969-12-31 23:59:59.123456' + to_microseconds(range * 777777) AS "AT",
  (TIMESTAMP '2024-03-01 00:00:00.000001' + to_microseconds(range * 13))::TIMESTAMPTZ AS "MOMENT",
  unhex(printf('%08x', range)) AS "BYTES",
  CASE WHEN range % 5 = 0 THEN NULL ELSE json_object('k', range, 'list', [1, 2, NULL]) END AS "DOC"
  FROM range(${ROWS})`;

/** The catalog's word for every table: as many rows as make files cheaper. */
const BIG = (rows: number): string => `CREATE OR REPLACE VIEW catalog_of_snowflake.tables AS
  SELECT 'PUBLIC' AS TABLE_SCHEMA, table_name AS TABLE_NAME, 'BASE TABLE' AS TABLE_TYPE, ${rows} AS ROW_COUNT,
    8000000000 AS BYTES, comment AS COMMENT FROM duckdb_tables() WHERE schema_name = 'main'`;

describe('a large result', () => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-extract-test-'));
  let server: SnowflakeTestServer;
  let engine: Engine;
  let session: Session;

  beforeAll(async () => {
    server = await startSnowflake({ stagedFileBytes: 50_000 });
    await server.sql.run(TABLE);
    await server.sql.run('CREATE TABLE "NOTHING" AS SELECT * FROM "MANY" WHERE false');
    await server.sql.run(BIG(80_000_000));
    engine = await Engine.open({ directory });
    session = engine.openSession();
    const create = (name: string, more: Readonly<Record<string, string>>) => {
      const options = Object.entries({ ...siloOptions(server.url), ...more });
      const written = options.map(([option, value]) => `${option} '${value}'`).join(', ');
      return run(session, `CREATE SILO ${name} USING snowflake OPTIONS (${written})`);
    };
    await create('chunks', {});
    await create('files', { stage: 'EXTRACTS' });
    // Whoever plans first may not wait for the catalog; ANALYZE would count the rows.
    for (const table of ['many', 'nothing']) {
      const known = async () => {
        const { of } = await engine.planner.statistics.load([{ silo: 'files', table }], new AbortController().signal);
        return of({ silo: 'files', table })?.rows;
      };
      await vi.waitFor(async () => expect(await known()).toBe(80_000_000));
    }
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });
  afterEach(() => {
    server.fault = () => undefined;
  });

  const copies = () => server.log.filter(({ sql }) => sql?.startsWith('COPY INTO @EXTRACTS') === true).length;
  const downloads = () => server.log.filter(({ path }) => path.startsWith('/stage/')).length;
  const leftovers = () =>
    readdirSync(tmpdir()).filter((name) => name.startsWith('causeway-extract-') && !directory.endsWith(name));
  /** A statement that nobody has run: what is known of rows that came decides otherwise. */
  let fresh = 0;
  const query = (columns = '*') => `SELECT ${columns} FROM files.many WHERE id > ${-1 - fresh++}`;

  test('comes as Parquet, value for value what chunks bring, and nothing is left behind', async () => {
    const before = copies();
    const found = await run(session, query());
    expect(copies()).toBe(before + 1);
    expect(downloads()).toBeGreaterThan(4);
    const expected = await run(session, 'SELECT * FROM chunks.many');
    const byId = (a: readonly (string | null)[], b: readonly (string | null)[]) => Number(a[0]) - Number(b[0]);
    expect(found.toSorted(byId)).toEqual(expected.toSorted(byId));
    expect(server.stage.files()).toEqual([]);
    expect(leftovers()).toEqual([]);
  });

  test('EXPLAIN says which way, and for how much', async () => {
    const plan = (await run(session, `EXPLAIN ${query('id, word')}`)).flat().join('\n');
    expect(plan).toMatch(/as Parquet by COPY INTO @EXTRACTS: about [\d.]+ s instead of [\d.]+ s in chunks/);
    expect((await run(session, 'EXPLAIN SELECT id, word FROM chunks.many')).flat().join('\n')).not.toContain('COPY');
    expect((await run(session, 'EXPLAIN SELECT count(*) FROM files.many')).flat().join('\n')).not.toContain('COPY');
  });

  test('in an order that counts comes in chunks', async () => {
    const before = copies();
    const rows = await run(session, `${query('id')} ORDER BY id DESC`);
    expect(rows[0]).toEqual([String(ROWS - 1)]);
    expect(copies()).toBe(before);
  });

  test('is counted when it crosses the border', async () => {
    const text = query('id, word');
    await run(session, text);
    const [[bytes]] = (await run(
      session,
      `SELECT bytes FROM causeway.egress WHERE statement = '${text}' AND silo = 'files'`,
    )) as [[string]];
    expect(Number(bytes)).toBeGreaterThan(ROWS * 16);
  });

  test('without rows has no files', async () => {
    expect(await run(session, 'SELECT * FROM files.nothing')).toEqual([]);
    expect(server.stage.files()).toEqual([]);
  });

  test('a file that breaks is fetched again', async () => {
    let left = 2;
    server.fault = (_, path) => (path.startsWith('/stage/') && left-- > 0 ? { truncate: 500 } : undefined);
    expect(await run(session, query('id'))).toHaveLength(ROWS);
    expect(left).toBeLessThanOrEqual(0);
  });

  test.each<readonly [string, (path: string, sql: string) => boolean, string]>([
    ['an address is refused', (path) => path.startsWith('/stage/'), '403'],
    ['the service fails', (_, sql) => sql.includes('COPY INTO'), 'no more'],
    ['addresses are not given', (_, sql) => sql.includes('GET_PRESIGNED_URL'), 'no more'],
  ])('where %s says so, and leaves nothing behind', async (_, applies, says) => {
    server.fault = (_method, path) => {
      const sql = server.log.at(-1)?.sql ?? '';
      if (!applies(path, sql)) return undefined;
      return path.startsWith('/stage/') ? { status: 403 } : { refusal: new Refusal('000001', 'no more', '42501') };
    };
    await expect(run(session, query('id, at'))).rejects.toThrow(says);
    expect(server.stage.files()).toEqual([]);
    expect(leftovers()).toEqual([]);
  });

  test('whose files cannot be removed says where they are', async () => {
    server.fault = () =>
      server.log.at(-1)?.sql?.startsWith('REMOVE') === true
        ? { refusal: new Refusal('003001', 'not you', '42501') }
        : undefined;
    const notices: string[] = [];
    const onNotice = ({ message }: { readonly message: string }) => notices.push(message);
    expect(await run(session, query('id'), { onNotice })).toHaveLength(ROWS);
    expect(notices.join()).toMatch(
      /silo "files": files of the result could not be removed, run REMOVE @EXTRACTS\/causeway\//,
    );
    server.fault = () => undefined;
    for (const path of server.stage.files())
      await server.stage.run(`REMOVE @EXTRACTS/${path}`, new AbortController().signal);
  });

  test('that is aborted while it is unloaded, or read, leaves nothing behind', async () => {
    for (const sign of ['COPY INTO', 'GET_PRESIGNED_URL']) {
      const stop = new AbortController();
      server.fault = () => {
        if (server.log.at(-1)?.sql?.includes(sign) === true) setTimeout(() => stop.abort(), 5);
        return undefined;
      };
      await expect(run(session, query('id, doc'), { signal: stop.signal })).rejects.toMatchObject({
        sqlstate: '57014',
      });
      server.fault = () => undefined;
      await expect.poll(() => server.stage.files()).toEqual([]);
      await expect.poll(leftovers).toEqual([]);
    }
  });

  test('needs a stage that is a name', async () => {
    const options = Object.entries({ ...siloOptions(server.url), stage: '@~/x' }).map(([k, v]) => `${k} '${v}'`);
    await expect(run(session, `CREATE SILO bad USING snowflake OPTIONS (${options.join(', ')})`)).rejects.toMatchObject(
      {
        sqlstate: '22023',
        message: expect.stringContaining('stage is not a name'),
      },
    );
  });
});
