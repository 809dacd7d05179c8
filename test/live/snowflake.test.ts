/**
 * The snowflake connector against the service. Needs SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER, SNOWFLAKE_DATABASE, SNOWFLAKE_WAREHOUSE,
 * one of SNOWFLAKE_PRIVATE_KEY_PATH, SNOWFLAKE_TOKEN, SNOWFLAKE_PASSWORD, and perhaps SNOWFLAKE_ROLE, which must be allowed to
 * create a schema in the database. It takes some minutes of an X-Small warehouse.
 */
import { randomUUID } from 'node:crypto';
import { describe } from 'vitest';
import { conformance } from '../../connectors/conformance.ts';
import type { ProbeTable } from '../../connectors/conformance-probes.ts';
import { pushdownConformance } from '../../connectors/conformance-pushdown.ts';
import { rowBatches } from '../../connectors/row-batches.ts';
import { snowflake } from '../../connectors/snowflake/connector.ts';
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
});
