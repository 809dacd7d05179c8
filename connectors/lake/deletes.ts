/** Deleted row positions as a local Parquet file (`file`, `position`) that the scan's relation anti-joins. */
import { join } from 'node:path';
import { BIGINT, DuckDBDataChunk, VARCHAR } from '@duckdb/node-api';
import { quoteLiteral } from '../duckdb-engine/conform.ts';
import { connectDuckDB } from '../duckdb-engine/process.ts';
import type { ObjectCache } from './cache/cache.ts';
import type { DataFile } from './tables/table.ts';

/** Rows in one of DuckDB's chunks. */
const CHUNK = 2048;
let files = 0;

/** Writes the deleted positions of all `local` files. Returns the path. */
export async function writePositions(
  cache: ObjectCache,
  local: readonly { readonly file: DataFile; readonly path: string }[],
  signal: AbortSignal,
): Promise<string> {
  const path = join(cache.folder, `deletes-${files++}.parquet`);
  const connection = await connectDuckDB();
  const table = `deletes_${process.pid}_${files}`;
  try {
    await connection.run(`CREATE TEMP TABLE ${table} (file VARCHAR, position BIGINT)`);
    const appender = await connection.createAppender(table, 'main', 'temp');
    for (const { file, path: of } of local) {
      let batch: bigint[] = [];
      const flush = (): void => {
        if (batch.length === 0) return;
        const chunk = DuckDBDataChunk.create([VARCHAR, BIGINT], batch.length);
        chunk.setColumns([batch.map(() => of), batch]);
        appender.appendDataChunk(chunk);
        batch = [];
      };
      for (const position of await file.deletes!.positions!(signal)) {
        batch.push(BigInt(position));
        if (batch.length === CHUNK) flush();
      }
      flush();
    }
    appender.closeSync();
    await connection.run(`COPY ${table} TO ${quoteLiteral(path)} (FORMAT parquet)`);
  } finally {
    connection.closeSync();
  }
  return path;
}
