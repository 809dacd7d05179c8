/** Rows into a Snowflake table: INSERTs into a table of its own, then one statement that makes them visible. */
import { randomUUID } from 'node:crypto';
import { throwIfAborted } from '../../src/plan/errors.ts';
import type { SqlType } from '../../src/plan/types.ts';
import type { WriteRequest } from '../connector.ts';
import { valueLists } from '../insert-rows.ts';
import { dialectIdentifier } from '../quoting.ts';
import { snowflakeDialect } from './capabilities.ts';
import { quoted } from './spelling.ts';
import { writtenType } from './types.ts';

/**
 * Creates or appends to the table, all or nothing: DDL commits in Snowflake, and a transaction would take in whatever else
 * the session runs, so the rows wait in a transient table that is renamed, or copied by one statement.
 * @returns the number of rows written.
 */
export async function writeTable(
  execute: (text: string, signal: AbortSignal) => Promise<void>,
  { table, columns, batches, mode }: WriteRequest,
  signal: AbortSignal,
): Promise<{ readonly rows: number }> {
  const name = identifier(table.table);
  const waiting = identifier(`causeway_${randomUUID().replaceAll('-', '')}`);
  const definitions = columns.map((column) => `${identifier(column.name)} ${writtenType(column.type)}`).join(', ');
  const run = (text: string) => execute(text, signal);
  const made: string[] = [];
  let rows = 0;
  try {
    if (mode === 'create') {
      // The name is taken first: two that create one table must not both begin.
      await run(`CREATE TABLE ${name} (${definitions})`);
      made.push(name);
    }
    await run(`CREATE TRANSIENT TABLE ${waiting} (${definitions})`);
    made.push(waiting);
    const values = columns.map(({ type }, i) => converted(`v.c${i + 1}`, type)).join(', ');
    const names = columns.map((_, i) => `c${i + 1}`).join(', ');
    for await (const batch of batches) {
      throwIfAborted(signal);
      for (const list of valueLists(batch, columns, quoted)) {
        await run(`INSERT INTO ${waiting} SELECT ${values} FROM (VALUES ${list}) AS v(${names})`);
      }
      rows += batch.numRows;
    }
    const list = columns.map((column) => identifier(column.name)).join(', ');
    await run(`INSERT INTO ${name} (${list}) SELECT ${list} FROM ${waiting}`);
    await run(`DROP TABLE ${waiting}`);
    return { rows };
  } catch (thrown) {
    // An abort must not keep the tables from going.
    const unstoppable = new AbortController().signal;
    for (const each of made) await execute(`DROP TABLE IF EXISTS ${each}`, unstoppable).catch(() => undefined);
    throw thrown;
  }
}

/** PostgreSQL's text form, as a value of the column. */
function converted(text: string, type: SqlType): string {
  switch (writtenType(type)) {
    case 'BOOLEAN':
      return `TO_BOOLEAN(${text})`;
    case 'BINARY':
      return `TO_BINARY(SUBSTR(${text}, 3), 'HEX')`;
    case 'VARIANT':
      return `PARSE_JSON(${text})`;
    case 'TIMESTAMP_LTZ':
      // Written in UTC, which is the session's zone.
      return `CAST(REPLACE(${text}, '+00', '') AS TIMESTAMP_LTZ)`;
    default:
      return `CAST(${text} AS ${writtenType(type)})`;
  }
}

const identifier = (name: string): string => dialectIdentifier(name, snowflakeDialect);
