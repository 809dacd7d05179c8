/** A .duckdb file as a silo. */
import { randomUUID } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { CausewayError, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import type { Connector } from '../connector.ts';
import { DuckDBSilo } from '../duckdb-engine/catalog.ts';
import { quoteIdentifier, quoteLiteral } from '../duckdb-engine/conform.ts';
import { duckdbCapabilities } from '../duckdb-engine/dialect.ts';
import { duckdbError } from '../duckdb-engine/errors.ts';
import { connectDuckDB } from '../duckdb-engine/process.ts';
import { checkOptions } from '../options.ts';

/** Files attached to this process's DuckDB, by real path: a file is attached once, however many silos use it. */
const attached = new Map<string, { alias: string; users: number; readOnly: boolean }>();

export const duckdb: Connector = {
  kind: 'duckdb',
  options: [
    { name: 'path', description: 'the .duckdb file', required: true },
    { name: 'schema', description: 'the schema to import; main when absent' },
    { name: 'read_only', description: 'true: open for reading only' },
    { name: 'create', description: 'true: make the file when it is missing' },
  ],
  capabilities: duckdbCapabilities,
  async connect(options, signal) {
    checkOptions(duckdb, options);
    throwIfAborted(signal);
    const path = resolve(options.path!);
    if (!existsSync(path) && options.create !== 'true') {
      throw new CausewayError(SQLSTATE.undefinedFile, `there is no file ${path}`, {
        hint: "Check the option path, or add create 'true' to make a new database.",
      });
    }
    const readOnly = options.read_only === 'true';
    const alias = await attach(path, readOnly);
    return new DuckDBSilo({
      context: `duckdb:${path}`,
      alias,
      schema: options.schema ?? 'main',
      writable: !readOnly,
      detach: (connection) => release(connection, path),
    });
  },
};

async function attach(path: string, readOnly: boolean): Promise<string> {
  const key = realKey(path);
  const known = attached.get(key);
  if (known !== undefined) {
    known.users++;
    return known.alias;
  }
  const alias = `duckdb_${randomUUID().replaceAll('-', '')}`;
  attached.set(key, { alias, users: 1, readOnly });
  const connection = await connectDuckDB();
  try {
    const mode = readOnly ? ' (READ_ONLY)' : '';
    await connection.run(`ATTACH ${quoteLiteral(path)} AS ${quoteIdentifier(alias)}${mode}`);
    return alias;
  } catch (thrown) {
    attached.delete(key);
    const error = duckdbError(thrown, `opening ${path}`);
    throw new CausewayError(error.sqlstate, `cannot open ${path}: ${error.message}`, {
      cause: thrown,
      hint: /lock/i.test(error.message)
        ? "Another process has the file open: close it there, or open it with read_only 'true' in both."
        : 'Check that the file is a DuckDB database.',
    });
  } finally {
    connection.closeSync();
  }
}

async function release(connection: DuckDBConnection, path: string): Promise<void> {
  const key = realKey(path);
  const known = attached.get(key);
  if (known === undefined) return;
  known.users--;
  if (known.users > 0) return;
  attached.delete(key);
  await connection.run(`DETACH ${quoteIdentifier(known.alias)}`);
}

/** One key for every way to write a path, also of a file that is yet to be made. */
const realKey = (path: string): string => join(realpathSync(dirname(path)), basename(path));
