/** Jobs of the test server: a query's result stands in a table of its own, a load puts uploaded lines into a table. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Field } from '../../../connectors/bigquery/types.ts';
import type { WarehouseSql } from '../warehouse/duckdb-sql.ts';
import { isQuery, toDuckdb } from './dialect.ts';
import { type Functions, functionCall } from './functions.ts';
import { Refusal, refusalOf } from './refusal.ts';
import type { TestTables } from './tables.ts';
import { cellOf, fieldOf, spelling } from './types.ts';

/** The schema of anonymous results. */
export const RESULTS = '_results';

export interface JobResult {
  /** None for statements without rows. */
  readonly table?: string;
  readonly fields: readonly Field[];
  readonly totalRows: number;
  /** Of a load. */
  readonly outputRows?: number;
}

export interface TestJob {
  readonly id: string;
  /** `configuration` as it was sent. */
  readonly configuration: JobConfiguration;
  readonly done: Promise<JobResult>;
  running: boolean;
  failure?: Refusal;
  cancel(): void;
}

export interface JobConfiguration {
  readonly dryRun?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly query?: {
    readonly query: string;
    readonly maximumBytesBilled?: string;
    readonly defaultDataset?: { readonly datasetId: string };
  };
  readonly load?: {
    readonly destinationTable: { readonly datasetId: string; readonly tableId: string };
    readonly schema?: { readonly fields: readonly Field[] };
    readonly writeDisposition?: string;
    readonly createDisposition?: string;
  };
}

/** A job that runs from now on. */
export function startJob(
  id: string,
  configuration: JobConfiguration,
  run: (signal: AbortSignal) => Promise<JobResult>,
): TestJob {
  const controller = new AbortController();
  const job: TestJob = {
    id,
    configuration,
    running: true,
    done: run(controller.signal)
      .catch((thrown) => {
        job.failure = controller.signal.aborted
          ? new Refusal(499, 'stopped', 'Job execution was cancelled')
          : refusalOf(thrown);
        throw job.failure;
      })
      .finally(() => {
        job.running = false;
      }),
    cancel: () => controller.abort(),
  };
  // Whoever asks for the result gets the failure; until then it is nobody's.
  job.done.catch(() => undefined);
  return job;
}

/** Keeps the rows of a query in a table of its own, which pages and read sessions are taken from. */
export async function runQuery(
  sql: WarehouseSql,
  functions: Functions,
  id: string,
  text: string,
  signal: AbortSignal,
): Promise<JobResult> {
  const duckdb = (await functionCall(sql, functions, text)) ?? toDuckdb(text);
  if (!isQuery(text)) {
    await sql.run(duckdb, signal);
    return { fields: [], totalRows: 0 };
  }
  const columns = await sql.columns(duckdb);
  requireUniqueNames(columns.map(({ name }) => name));
  const table = `${RESULTS}."${id}"`;
  await sql.run(`CREATE TABLE ${table} AS ${duckdb}`, signal);
  const count = await sql.query(`SELECT count(*) FROM ${table}`, () => '$1', signal);
  let totalRows = 0;
  for await (const [row] of count.rows) totalRows = Number((JSON.parse(row!) as [string])[0]);
  return { table, fields: columns.map((column) => fieldOf(column)), totalRows };
}

/** The service names no two columns of a result alike, whatever their case is. */
function requireUniqueNames(names: readonly string[]): void {
  const twice = names.find((name, i) => names.findIndex((each) => each.toLowerCase() === name.toLowerCase()) < i);
  if (twice === undefined) return;
  throw new Refusal(
    400,
    'invalidQuery',
    `Duplicate column names in the result are not supported. Found duplicate(s): ${twice}`,
  );
}

/** Rows of a result from `offset` on, as `{"f": [{"v": …}]}`. */
export async function resultRows(
  sql: WarehouseSql,
  { table, fields }: JobResult,
  offset: number,
  limit: number,
): Promise<object[]> {
  if (table === undefined || limit === 0) return [];
  const { rows } = await sql.query(
    `SELECT * FROM ${table} LIMIT ${limit} OFFSET ${offset}`,
    spelling,
    new AbortController().signal,
  );
  const nested = fields.map(({ mode, fields: parts }) => mode === 'REPEATED' || parts !== undefined);
  const found: object[] = [];
  for await (const batch of rows) {
    for (const text of batch) {
      const values = JSON.parse(text) as (string | null)[];
      found.push({
        f: values.map((value, i) => cellOf(fields[i]!, nested[i] && value !== null ? JSON.parse(value) : value)),
      });
    }
  }
  return found;
}

/** Lines of JSON into a table, all or none. */
export async function runLoad(
  tables: TestTables,
  load: NonNullable<JobConfiguration['load']>,
  data: Buffer,
  signal: AbortSignal,
): Promise<JobResult> {
  const { datasetId, tableId } = load.destinationTable;
  const known = await tables.fields(datasetId, tableId);
  if (known === undefined && load.createDisposition === 'CREATE_NEVER') {
    throw new Refusal(404, 'notFound', `Not found: Table ${datasetId}.${tableId}`);
  }
  if (known !== undefined && load.writeDisposition === 'WRITE_EMPTY' && (await tables.rows(datasetId, tableId)) > 0) {
    throw new Refusal(409, 'duplicate', `Already Exists: Table ${datasetId}.${tableId}`);
  }
  const fields = load.schema?.fields ?? known ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'causeway-load-'));
  try {
    const file = join(folder, 'lines.json');
    writeFileSync(file, data);
    const quoted = (name: string) => `'${name.replaceAll("'", "''")}'`;
    const columns = fields.map(({ name }) => `${quoted(name)}: 'VARCHAR'`).join(', ');
    const lines =
      data.length === 0
        ? `(SELECT ${fields.map(({ name }) => `NULL AS "${name.replaceAll('"', '""')}"`).join(', ')} LIMIT 0)`
        : `read_json('${file}', format = 'newline_delimited', maximum_object_size = 100000000, columns = {${columns}})`;
    if (known === undefined) await tables.create(datasetId, tableId, fields);
    await tables.insert(datasetId, tableId, fields, `SELECT ${fields.map(loaded).join(', ')} FROM ${lines}`, signal);
    return { fields: [], totalRows: 0, outputRows: data.toString('latin1').split('\n').length - 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A value of a line as one of its column. */
function loaded(field: Field): string {
  const name = `"${field.name.replaceAll('"', '""')}"`;
  if (field.type === 'BYTES') return `from_base64(${name})`;
  return field.type === 'INTERVAL' ? `interval_of(${name})` : name;
}
