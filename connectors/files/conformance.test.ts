import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { conformance } from '../conformance.ts';
import { quoteIdentifier, quoteLiteral } from '../duckdb-engine/conform.ts';
import { storeBatches } from '../duckdb-engine/storage.ts';
import { rowBatches } from '../row-batches.ts';
import { files } from './connector.ts';

conformance({
  connector: files,
  skip: { cut: '(a file has no connection)', write: '(files are only read)' },
  open: async () => {
    const directory = mkdtempSync(join(tmpdir(), 'causeway-files-'));
    const data = join(directory, 'data');
    mkdirSync(data);
    return {
      options: { path: data },
      async load(tables) {
        const instance = await DuckDBInstance.create(':memory:');
        const connection = await instance.connect();
        for (const { name, columns, rows } of tables) {
          const place = { database: 'memory', schema: 'main', table: name };
          await storeBatches(connection, place, columns, rowBatches(columns, rows), new AbortController().signal);
          const file = join(data, `${name}.parquet`);
          await connection.run(`COPY ${quoteIdentifier(name)} TO ${quoteLiteral(file)} (FORMAT parquet)`);
        }
        connection.closeSync();
        instance.closeSync();
      },
      slow: 'SELECT count(*) FROM range(10000000000) a(i), range(10000000000) b(i) WHERE a.i + b.i = 5',
      [Symbol.asyncDispose]: async () => rmSync(directory, { recursive: true, force: true }),
    };
  },
});
