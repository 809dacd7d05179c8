/** EXPORT (query) TO 'file': the rows as Parquet, CSV or JSON, there as a whole or not at all. */
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { quoteLiteral } from '../../../connectors/duckdb-engine/conform.ts';
import { withStagedRows } from '../../../connectors/duckdb-engine/staging.ts';
import { CausewayError, messageOf, SQLSTATE } from '../../plan/errors.ts';
import type { ExportQuery } from '../../sql/statements/statement.ts';
import { bindQuery } from '../bind.ts';
import type { StatementResult } from '../result.ts';
import { done } from '../rows.ts';
import { runPlan } from '../run-plan.ts';
import type { StatementContext } from '../session.ts';
import { inSilo } from '../silo-pool.ts';

/** What DuckDB's COPY is told, by the file's ending. */
const FORMATS: readonly (readonly [ending: RegExp, options: string])[] = [
  [/\.parquet$/i, 'FORMAT parquet, COMPRESSION zstd'],
  [/\.csv(\.gz)?$/i, 'FORMAT csv, HEADER'],
  [/\.tsv(\.gz)?$/i, "FORMAT csv, HEADER, DELIMITER '\t'"],
  [/\.(json|ndjson|jsonl)(\.gz)?$/i, 'FORMAT json'],
];

export async function exportQuery(statement: ExportQuery, context: StatementContext): Promise<StatementResult> {
  const { path, query, silo } = statement;
  const format = FORMATS.find(([ending]) => ending.test(path.value));
  if (format === undefined) {
    throw new CausewayError(SQLSTATE.invalidParameterValue, `'${path.value}' does not say what to write`, {
      position: context.locate(path.offset),
      hint: 'End the name with .parquet, .csv, .tsv or .json; all but Parquet may end with .gz as well.',
    });
  }
  const keep = silo === undefined ? intoFolder(path.value) : await intoSilo(silo.value, path.value, context);
  const bound = await bindQuery(query.text, context.locate(query.offset), context);
  const { columns, batches } = await runPlan(bound.plan, bound.run);
  const gzip = /\.gz$/i.test(path.value) ? ', COMPRESSION gzip' : '';
  try {
    const what = `exporting to ${path.value}`;
    const rows = await withStagedRows(columns, batches, what, context.signal, async (staged) => {
      await staged.connection.run(
        `COPY (FROM ${staged.table}) TO ${quoteLiteral(keep.temporary)} (${format[1]}${gzip})`,
      );
      return staged.rows;
    });
    await keep.done();
    return done(`EXPORT ${rows}`);
  } finally {
    await rm(keep.temporary, { force: true });
  }
}

interface Keeping {
  /** The file to be written. */
  readonly temporary: string;
  /** Puts it where it belongs. */
  readonly done: () => Promise<void>;
}

/** On this machine: a temporary name in the same folder, renamed. What was there is replaced. */
function intoFolder(path: string): Keeping {
  const temporary = join(dirname(path), `.${randomUUID()}.partial`);
  return {
    temporary,
    async done() {
      try {
        await rename(temporary, path);
      } catch (cause) {
        throw new CausewayError(SQLSTATE.ioError, `the file ${path} cannot be written: ${messageOf(cause)}`, { cause });
      }
    },
  };
}

/** In a silo that keeps files: one conditional request. What is there stays. */
async function intoSilo(name: string, path: string, { engine, signal }: StatementContext): Promise<Keeping> {
  const { connector, silo } = await engine.silos.open(name);
  const storeFile = silo.storeFile?.bind(silo);
  if (storeFile === undefined) {
    throw new CausewayError(SQLSTATE.featureNotSupported, `silo "${name}" keeps no files`, {
      silo: name,
      hint: `Silos of kind ${connector.kind} have tables only; write CREATE TABLE ${name}.t AS SELECT …`,
    });
  }
  const temporary = join(tmpdir(), `causeway-export-${randomUUID()}`);
  return {
    temporary,
    async done() {
      try {
        await storeFile(path, await readFile(temporary), signal);
      } catch (thrown) {
        throw inSilo(name, thrown);
      }
      engine.silos.forgetTables(name);
      engine.changed();
    },
  };
}
