/** A directory of Parquet, CSV and JSON files as a silo: every file, or every glob that is named, is a table. */
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { throwIfAborted } from '../../src/plan/errors.ts';
import type { Connector } from '../connector.ts';
import { DuckDBSilo } from '../duckdb-engine/catalog.ts';
import { quoteIdentifier, quoteLiteral } from '../duckdb-engine/conform.ts';
import { duckdbCapabilities } from '../duckdb-engine/dialect.ts';
import { duckdbError } from '../duckdb-engine/errors.ts';
import { connectDuckDB } from '../duckdb-engine/process.ts';
import { checkOptions } from '../options.ts';
import { type FileTable, fileTables } from './tables.ts';

export const files: Connector = {
  kind: 'files',
  options: [
    { name: 'path', description: 'a directory, a file, or a glob such as data/*.parquet', required: true },
    { name: 'format', description: 'parquet, csv or json; by the file name when absent' },
    { name: 'recursive', description: 'true: directories below are read too' },
    { name: 'delimiter', description: 'CSV: the column separator; found out when absent' },
    { name: 'header', description: 'CSV: true or false; found out when absent' },
    { name: 'nullstr', description: 'CSV: the text that stands for NULL; empty when absent' },
    {
      name: 'tables',
      description:
        'JSON: per table its path and reader options: {"orders": {"path": "o/*.csv", "delimiter": "|", "columns": {"id": "bigint"}}}',
    },
  ],
  // Parquet holds no negative interval and no zone of a time.
  capabilities: {
    ...duckdbCapabilities,
    types: duckdbCapabilities.types.filter((kind) => kind !== 'interval' && kind !== 'timetz'),
  },
  async connect(options, signal) {
    checkOptions(files, options);
    throwIfAborted(signal);
    const list = () => fileTables(options);
    let tables = await list();
    const alias = `files_${randomUUID().replaceAll('-', '')}`;
    const connection = await connectDuckDB();
    try {
      await connection.run(`ATTACH ':memory:' AS ${quoteIdentifier(alias)}`);
      await createViews(connection, alias, tables);
    } catch (thrown) {
      await connection.run(`DETACH DATABASE IF EXISTS ${quoteIdentifier(alias)}`);
      throw thrown;
    } finally {
      connection.closeSync();
    }
    return new DuckDBSilo({
      context: `files:${resolve(options.path!)}`,
      alias,
      schema: 'main',
      writable: false,
      parquet(table) {
        const found = tables.find(({ name }) => name === table);
        return found?.reader.startsWith('read_parquet') === true ? found.path : undefined;
      },
      async refresh(fresh) {
        tables = await list();
        await createViews(fresh, alias, tables);
      },
      detach: async (last) => {
        await last.run(`DETACH ${quoteIdentifier(alias)}`);
      },
    });
  },
};

/** One view per table, so that a statement names tables and DuckDB reads files; none for a file that is gone. */
async function createViews(connection: DuckDBConnection, alias: string, tables: readonly FileTable[]): Promise<void> {
  const schema = `${quoteIdentifier(alias)}.main`;
  for (const { name, path, reader } of tables) {
    try {
      await connection.run(`CREATE OR REPLACE VIEW ${schema}.${quoteIdentifier(name)} AS SELECT * FROM ${reader}`);
    } catch (thrown) {
      throw duckdbError(thrown, `reading ${path}`);
    }
  }
  const there = new Set(tables.map(({ name }) => name));
  const views = await connection.runAndReadAll(
    `SELECT view_name FROM duckdb_views() WHERE database_name = ${quoteLiteral(alias)} AND NOT internal`,
  );
  for (const [name] of views.getRows() as [string][]) {
    if (!there.has(name)) await connection.run(`DROP VIEW ${schema}.${quoteIdentifier(name)}`);
  }
}
