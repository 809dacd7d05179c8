import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { conformance } from '../conformance.ts';
import { storeBatches } from '../duckdb-engine/storage.ts';
import { rowBatches } from '../row-batches.ts';
import { duckdb } from './connector.ts';

conformance({
  connector: duckdb,
  skip: { cut: '(a file has no connection)' },
  open: async () => {
    const directory = mkdtempSync(join(tmpdir(), 'causeway-duckdb-'));
    const path = join(directory, 'silo.duckdb');
    return {
      options: { path },
      async load(tables) {
        const instance = await DuckDBInstance.create(path);
        const connection = await instance.connect();
        for (const { name, columns, rows } of tables) {
          const place = { database: 'silo', schema: 'main', table: name };
          await storeBatches(connection, place, columns, rowBatches(columns, rows), new AbortController().signal);
        }
        connection.closeSync();
        instance.closeSync();
      },
      slow: 'SELECT count(*) FROM range(10000000000) a(i), range(10000000000) b(i) WHERE a.i + b.i = 5',
      [Symbol.asyncDispose]: async () => rmSync(directory, { recursive: true, force: true }),
    };
  },
});
