/**
 * A stage of the test server: a folder of this machine. COPY INTO writes Parquet with DuckDB, GET_PRESIGNED_URL gives addresses
 * of the server, REMOVE removes.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WarehouseSql } from '../warehouse/duckdb-sql.ts';
import { toDuckdb } from './dialect.ts';
import type { StatementResult } from './statements.ts';
import { rowType } from './types.ts';

export class TestStage implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'causeway-stage-'));
  readonly #sql: WarehouseSql;
  /** Of a file, about; DuckDB closes one when it is above. */
  readonly #fileBytes: number;

  constructor(sql: WarehouseSql, fileBytes: number) {
    this.#sql = sql;
    this.#fileBytes = fileBytes;
  }

  /** Paths of all files. */
  files(): readonly string[] {
    return readdirSync(this.#folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [join(entry.parentPath, entry.name).slice(this.#folder.length + 1)] : [],
    );
  }

  /** A file's bytes; undefined when it is not there. */
  read(path: string): Buffer | undefined {
    return this.files().includes(path) ? readFileSync(join(this.#folder, path)) : undefined;
  }

  /** What COPY INTO and REMOVE give; undefined for every other statement. */
  run(text: string, signal: AbortSignal): Promise<StatementResult> | undefined {
    const [, path, query] = /^\s*COPY INTO @\w+\/(\S+)\s+FROM \(([\s\S]*)\)\s*FILE_FORMAT = /i.exec(text) ?? [];
    if (path !== undefined) return this.#unload(path, query!, signal);
    const [, removed] = /^\s*REMOVE @\w+\/(\S+)\s*$/i.exec(text) ?? [];
    return removed === undefined ? undefined : Promise.resolve(this.#remove(removed));
  }

  /** The text with the addresses of files in the place of calls that ask for them. */
  addressed(text: string, origin: string): string {
    return text.replace(/GET_PRESIGNED_URL\(@\w+, '([^']*)', \d+\)/g, (_, path: string) => `'${origin}/stage/${path}'`);
  }

  async #unload(path: string, query: string, signal: AbortSignal): Promise<StatementResult> {
    const folder = join(this.#folder, path);
    mkdirSync(folder, { recursive: true });
    const options = `FORMAT parquet, FILE_SIZE_BYTES ${this.#fileBytes}, ROW_GROUP_SIZE 2048, OVERWRITE_OR_IGNORE`;
    await this.#sql.run(`COPY (${toDuckdb(query)}) TO '${folder}' (${options})`, signal);
    const rows: string[][] = [];
    for (const name of readdirSync(folder)) {
      const file = join(folder, name);
      const counted = await this.#sql.query(`SELECT count(*) FROM read_parquet('${file}')`, () => '$1', signal);
      let count = '0';
      for await (const [row] of counted.rows) count = (JSON.parse(row!) as [string])[0];
      // The service writes no file for no rows.
      if (count === '0') rmSync(file);
      else rows.push([name, String(statSync(file).size), count]);
    }
    const columns = ['FILE_NAME', 'FILE_SIZE', 'ROW_COUNT'].map((name, i) => ({
      name,
      type: i === 0 ? 'VARCHAR' : 'BIGINT',
    }));
    return resultOf(columns, rows);
  }

  #remove(path: string): StatementResult {
    rmSync(join(this.#folder, path), { recursive: true, force: true });
    return resultOf(
      ['name', 'result'].map((name) => ({ name, type: 'VARCHAR' })),
      [[path, 'removed']],
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const resultOf = (
  columns: readonly { readonly name: string; readonly type: string }[],
  rows: readonly (readonly string[])[],
): StatementResult => ({
  rowtype: columns.map(rowType),
  rowset: rows.map((row) => JSON.stringify(row)).join(','),
  total: rows.length,
  chunks: [],
});
