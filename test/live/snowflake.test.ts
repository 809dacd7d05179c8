/**
 * The snowflake connector against the service. Needs SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER, SNOWFLAKE_DATABASE, SNOWFLAKE_WAREHOUSE,
 * one of SNOWFLAKE_PRIVATE_KEY_PATH, SNOWFLAKE_TOKEN, SNOWFLAKE_PASSWORD, and perhaps SNOWFLAKE_ROLE, which must be allowed to
 * create a schema in the database. It takes some minutes of an X-Small warehouse. Where the role may create a stage in that schema, a
 * result is read through it as well.
 */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { conformance } from '../../connectors/conformance.ts';
import type { ProbeTable } from '../../connectors/conformance-probes.ts';
import { pushdownConformance } from '../../connectors/conformance-pushdown.ts';
import type { FragmentResult } from '../../connectors/connector.ts';
import { rowBatches } from '../../connectors/row-batches.ts';
import { batchTexts } from '../../connectors/row-text.ts';
import { snowflake } from '../../connectors/snowflake/connector.ts';
import { node } from '../../src/plan/nodes.ts';
import { numeric, scalar } from '../../src/plan/types.ts';
import { planRunner } from '../pushdown/runner.ts';

const NAMES = ['account', 'user', 'database', 'warehouse', 'role', 'private_key_path', 'token', 'password'] as const;
const options = Object.fromEntries(
  NAMES.flatMap((name) => {
    const value = process.env[`SNOWFLAKE_${name.toUpperCase()}`];
    return value === undefined || value === '' ? [] : [[name, value]];
  }),
);
const given = options.account !== undefined && options.database !== undefined;
if (!given)
  console.log(
    'SNOWFLAKE_ACCOUNT and SNOWFLAKE_DATABASE are not set: the snowflake connector is not run against the service',
  );

const signal = new AbortController().signal;

/** A schema of its own, dropped at the end. */
async function place() {
  const schema = `CAUSEWAY_TEST_${randomUUID().slice(0, 8).toUpperCase()}`;
  const owner = await snowflake.connect(options, signal);
  await owner.execute!(`CREATE TRANSIENT SCHEMA ${schema}`, signal);
  return {
    options: { ...options, schema },
    slow: 'SELECT SYSTEM$WAIT(300)',
    async load(tables: readonly ProbeTable[]) {
      await using silo = await snowflake.connect({ ...options, schema }, signal);
      for (const { name, columns, rows } of tables) {
        await silo.write!(
          { table: { table: name }, columns, batches: rowBatches(columns, rows), mode: 'create' },
          signal,
        );
      }
    },
    async [Symbol.asyncDispose]() {
      await owner.execute!(`DROP SCHEMA IF EXISTS ${schema}`, signal);
      await owner[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(!given)('snowflake, the service', () => {
  conformance({ connector: snowflake, open: place, skip: { cut: '(there is no proxy between)' } });
  pushdownConformance({ connector: snowflake, runner: planRunner, open: place });

  test('a result through a stage is the one in chunks', async () => {
    await using own = await place();
    const stage = `${options.database}.${own.options.schema}.EXTRACTS`;
    await using silo = await snowflake.connect({ ...own.options, stage }, signal);
    await silo.execute!(`CREATE STAGE ${stage} ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')`, signal);
    const text = `SELECT SEQ4() AS "I", SEQ4() * 1.000000000001::NUMBER(38, 12) AS "N", SEQ4() % 2 = 0 AS "B", 'wörd ' || SEQ4() AS "T",
      DATEADD(microsecond, SEQ4() * 777777, '1969-12-31 23:59:59.123456'::TIMESTAMP_NTZ) AS "AT",
      CONVERT_TIMEZONE('Europe/Oslo', DATEADD(microsecond, SEQ4(), '2024-03-31'::TIMESTAMP_LTZ)) AS "MOMENT",
      TIME_FROM_PARTS(0, 0, SEQ4(), 1000) AS "CLOCK", TO_BINARY(LPAD(SEQ4()::VARCHAR, 6, '0'), 'HEX') AS "BYTES",
      OBJECT_CONSTRUCT('k', SEQ4()) AS "DOC" FROM TABLE(GENERATOR(ROWCOUNT => 5000))`;
    const types = [
      ...[scalar('bigint'), numeric(38, 12), scalar('boolean'), scalar('text'), scalar('timestamp')],
      ...[scalar('timestamptz'), scalar('time'), scalar('bytea'), scalar('json')],
    ];
    const columns = types.map((type, i) => ({ name: `c${i}`, type }));
    const textsOf = async (result: FragmentResult): Promise<string[]> => {
      if (result.kind !== 'batches') throw new Error('no batches');
      const rows: string[] = [];
      for await (const batch of result.batches) {
        const texts = batchTexts(batch, columns);
        for (let row = 0; row < batch.numRows; row++) rows.push(JSON.stringify(texts.map((value) => value(row))));
      }
      return rows.sort();
    };
    const fragment = { kind: 'sql', text, columns } as const;
    const plan = node({ kind: 'memory-table', name: 'large', columns: [] });
    const files = await textsOf(await silo.run({ ...fragment, plan, rows: 1e9 }, signal));
    expect(files).toEqual(await textsOf(await silo.run(fragment, signal)));
    const listed = ['name', 'size', 'md5', 'last_modified'].map((name) => ({ name, type: scalar('text') }));
    const left = await silo.run({ kind: 'sql', text: `LIST @${stage}`, columns: listed }, signal);
    if (left.kind !== 'batches') throw new Error('no batches');
    for await (const batch of left.batches) expect(batch.numRows).toBe(0);
  });
});
