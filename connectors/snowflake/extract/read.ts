/** The rows of files in a stage: fetched side by side, given on file by file; nothing is left here or there. */
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { RecordBatch } from 'apache-arrow';
import { CausewayError, canceled, SQLSTATE } from '../../../src/plan/errors.ts';
import type { ResultColumn } from '../../connector.ts';
import { connectDuckDB } from '../../duckdb-engine/process.ts';
import { streamQuery } from '../../duckdb-engine/reader.ts';
import { AskAgain, fetchWithRetry } from '../../http-retry.ts';
import type { SnowflakeErrors } from '../errors.ts';
import type { StagedFile } from './stage.ts';

/** Files that are fetched at once, ahead of the one that is read. */
const FILES_AHEAD = 4;

/** @param queryOf DuckDB's query of one fetched file, with the columns by position */
export async function* readFiles(
  files: readonly StagedFile[],
  columns: readonly ResultColumn[],
  queryOf: (path: string) => string,
  errors: SnowflakeErrors,
  signal: AbortSignal,
): AsyncGenerator<RecordBatch, void, undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'causeway-extract-'));
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const connection = await connectDuckDB();
  const ahead: Promise<string>[] = [];
  try {
    for (const [i, file] of files.entries()) {
      while (ahead.length < FILES_AHEAD && i + ahead.length < files.length) {
        const number = i + ahead.length;
        const fetched = fetchFile(files[number]!, join(directory, `${number}.parquet`), either);
        // A failure is told when its turn comes.
        fetched.catch(() => undefined);
        ahead.push(fetched);
      }
      const path = await ahead.shift()!;
      let rows = 0;
      for await (const batch of streamQuery(connection, queryOf(path), columns, signal)) {
        rows += batch.numRows;
        yield batch;
      }
      if (rows !== file.rows) throw shortFile(`${rows} rows`, `${file.rows}`);
      await rm(path);
    }
  } catch (thrown) {
    throw signal.aborted ? canceled(thrown) : errors.of(thrown);
  } finally {
    stop.abort();
    await Promise.allSettled(ahead);
    connection.closeSync();
    await rm(directory, { recursive: true, force: true });
  }
}

async function fetchFile({ bytes, url }: StagedFile, path: string, signal: AbortSignal): Promise<string> {
  await fetchWithRetry(
    url,
    {},
    async (response) => {
      if (!response.ok || response.body === null) {
        await response.body?.cancel();
        throw new Error(`a file of the result: ${response.status} ${response.statusText}`);
      }
      try {
        await pipeline(Readable.fromWeb(response.body as never), createWriteStream(path), { signal });
      } catch (thrown) {
        throw new AskAgain(thrown as Error);
      }
      const { size } = await stat(path);
      if (size !== bytes) throw new AskAgain(shortFile(`${size} bytes`, `${bytes}`));
    },
    signal,
  );
  return path;
}

const shortFile = (found: string, expected: string): CausewayError =>
  new CausewayError(SQLSTATE.dataCorrupted, `a file of the result has ${found} instead of ${expected}`, {
    hint: 'Run the statement again.',
  });
