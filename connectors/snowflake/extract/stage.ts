/** Files of one statement in a stage: unloaded, given addresses, removed. */
import { randomUUID } from 'node:crypto';
import { messageOf } from '../../../src/plan/errors.ts';
import type { Ask } from '../catalog.ts';
import { quoted } from '../spelling.ts';

export interface StagedFile {
  /** Good for an hour, whoever has it. */
  readonly url: string;
  readonly bytes: number;
  readonly rows: number;
}

/** Of a file; the service comes near to it. Large enough to be worth a request, small enough to be read beside others. */
const FILE_BYTES = 64 * 2 ** 20;

const ADDRESSES_PER_STATEMENT = 100;
const VALID_SECONDS = 3600;

export class StagedResult {
  readonly #stage: string;
  readonly #folder = `causeway/${randomUUID()}/`;

  /** @param stage its name, as accountName has checked it */
  constructor(stage: string) {
    this.#stage = stage;
  }

  /** Runs the query, whose rows then stand in the files. */
  async unload(query: string, ask: Ask): Promise<readonly StagedFile[]> {
    const format = `FILE_FORMAT = (TYPE = PARQUET) HEADER = TRUE MAX_FILE_SIZE = ${FILE_BYTES} DETAILED_OUTPUT = TRUE`;
    const written = await ask(`COPY INTO @${this.#stage}/${this.#folder} FROM (${query}\n) ${format}`, [
      ...['name', 'bytes', 'rows'],
    ]);
    const files = written.map(([name, bytes, rows]) => ({
      path: this.#folder + name!.slice(name!.lastIndexOf('/') + 1),
      bytes: Number(bytes),
      rows: Number(rows),
    }));
    const urls: string[] = [];
    for (let from = 0; from < files.length; from += ADDRESSES_PER_STATEMENT) {
      const some = files.slice(from, from + ADDRESSES_PER_STATEMENT);
      const values = some.map(({ path }) => `GET_PRESIGNED_URL(@${this.#stage}, ${quoted(path)}, ${VALID_SECONDS})`);
      const [row] = await ask(
        `SELECT ${values.join(', ')}`,
        some.map(({ path }) => path),
      );
      urls.push(...(row ?? []).map(String));
    }
    return files.map(({ bytes, rows }, i) => ({ url: urls[i]!, bytes, rows }));
  }

  /** That files are left, as {@link remove} failed. */
  left(failure: unknown): string {
    const place = `@${this.#stage}/${this.#folder}`;
    return `files of the result could not be removed, run REMOVE ${place} at Snowflake: ${messageOf(failure)}`;
  }

  async remove(ask: Ask): Promise<void> {
    await ask(`REMOVE @${this.#stage}/${this.#folder}`, ['name', 'result']);
  }
}
