/**
 * A BigQuery service for tests: the REST interface that the connector speaks — tables, query jobs and their pages, dry runs,
 * resumable uploads for load jobs, access tokens of a token service — answering with real rows, from DuckDB.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WarehouseSql } from '../warehouse/duckdb-sql.ts';
import { bytesRead } from './bytes.ts';
import { DATASET, MACROS, toDuckdb } from './dialect.ts';
import type { Functions } from './functions.ts';
import {
  type JobConfiguration,
  type JobResult,
  RESULTS,
  resultRows,
  runLoad,
  runQuery,
  startJob,
  type TestJob,
} from './jobs.ts';
import { Refusal, refusalOf } from './refusal.ts';
import { type StorageTestServer, startStorageServer } from './storage-server.ts';
import { TestTables } from './tables.ts';
import { fieldOf } from './types.ts';

export const PROJECT = 'acme';
export const LOCATION = 'EU';

/** What happens instead of an answer, or to it. */
export type Fault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly refusal: Refusal }
  | { readonly truncate: number };

export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly configuration?: JobConfiguration;
}

export interface BigQueryTestServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly sql: WarehouseSql;
  readonly tables: TestTables;
  /** Its Storage Read API: the same tables, results among them. */
  readonly storage: StorageTestServer;
  readonly log: LoggedRequest[];
  /** Asked for every request. */
  fault: (method: string, path: string) => Fault | undefined;
  /** The column that a table is partitioned by. */
  readonly partitions: Map<string, string>;
  /** Whether the token service gives tokens. */
  renewable: boolean;
  /** Makes all access tokens bad. */
  expireTokens(): void;
  /** Drops the results of all jobs. */
  expireResults(): Promise<void>;
  /** Query jobs that run. */
  running(): number;
  /** The result table of a job: a read session's source. */
  result(id: string): Promise<JobResult>;
}

export interface BigQueryServerOptions {
  /** Requests need a token of the token service (`/token`). */
  readonly guarded?: boolean;
  /** In JavaScript, by path. */
  readonly functions?: Functions;
  /** The most rows of one page. */
  readonly pageRows?: number;
  /** Milliseconds for which a question for a result is held. */
  readonly hold?: number;
}

interface UploadState {
  readonly job: { readonly jobReference: { readonly jobId: string }; readonly configuration: JobConfiguration };
  readonly parts: Buffer[];
  size: number;
}

export async function startBigQuery({
  functions = {},
  guarded = false,
  pageRows = 20_000,
  hold = 200,
}: BigQueryServerOptions = {}): Promise<BigQueryTestServer> {
  const sql = await WarehouseSql.open([...MACROS, `CREATE SCHEMA ${RESULTS}`]);
  const tables = new TestTables(sql);
  const jobs = new Map<string, TestJob>();
  const uploads = new Map<string, UploadState>();
  const granted = new Set<string>();

  const requireToken = (request: IncomingMessage) => {
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1];
    if (guarded && !granted.has(token ?? '')) {
      throw new Refusal(401, 'authError', `Request had invalid authentication credentials. ${token ?? ''}`);
    }
  };

  const resource = (job: TestJob, result?: JobResult) => ({
    id: `${PROJECT}:${LOCATION}.${job.id}`,
    jobReference: { projectId: PROJECT, jobId: job.id, location: LOCATION },
    configuration: {
      ...job.configuration,
      ...(job.configuration.query === undefined
        ? {}
        : {
            query: {
              ...job.configuration.query,
              destinationTable: { projectId: PROJECT, datasetId: RESULTS, tableId: job.id },
            },
          }),
    },
    status: {
      state: job.running ? 'RUNNING' : 'DONE',
      ...(job.failure === undefined
        ? {}
        : { errorResult: { reason: job.failure.reason, message: job.failure.message } }),
    },
    statistics: result?.outputRows === undefined ? {} : { load: { outputRows: String(result.outputRows) } },
  });

  const requireLocation = (location: string | null | undefined, what: string) => {
    if ((location ?? 'US') !== LOCATION) {
      throw new Refusal(404, 'notFound', `Not found: ${what} was not found in location ${location ?? 'US'}`);
    }
  };

  const insertJob = async (body: Record<string, unknown>): Promise<object> => {
    const { jobReference = {}, configuration } = body as {
      jobReference?: { jobId?: string; location?: string };
      configuration: JobConfiguration;
    };
    requireLocation(jobReference.location, `Dataset ${PROJECT}:${DATASET}`);
    const { query, maximumBytesBilled } = configuration.query ?? { query: '' };
    if (configuration.dryRun === true) {
      const columns = await sql.columns(toDuckdb(query));
      const { bytes, tables: read } = await bytesRead(query, tables, self.partitions);
      const statistics = {
        totalBytesProcessed: String(bytes),
        query: {
          totalBytesProcessed: String(bytes),
          schema: { fields: columns.map((column) => fieldOf(column)) },
          referencedTables: read.map((tableId) => ({ projectId: PROJECT, datasetId: DATASET, tableId })),
        },
      };
      return {
        jobReference: { projectId: PROJECT, location: LOCATION },
        configuration,
        status: { state: 'DONE' },
        statistics,
      };
    }
    const id = jobReference.jobId ?? `job_${randomBytes(8).toString('hex')}`;
    if (jobs.has(id)) throw new Refusal(409, 'duplicate', `Already Exists: Job ${PROJECT}:${LOCATION}.${id}`);
    const job = startJob(id, configuration, async (signal) => {
      if (maximumBytesBilled !== undefined) {
        const { bytes } = await bytesRead(query, tables, self.partitions);
        if (bytes > Number(maximumBytesBilled)) {
          throw new Refusal(
            400,
            'bytesBilledLimitExceeded',
            `Query exceeded limit for bytes billed: ${maximumBytesBilled}. ${bytes} or higher required.`,
          );
        }
      }
      return runQuery(sql, functions, id, query, signal);
    });
    jobs.set(id, job);
    return resource(job);
  };

  const jobOf = (id: string, url: URL): TestJob => {
    requireLocation(url.searchParams.get('location'), `Job ${PROJECT}:${id}`);
    const job = jobs.get(id);
    if (job === undefined) throw new Refusal(404, 'notFound', `Not found: Job ${PROJECT}:${LOCATION}.${id}`);
    return job;
  };

  const page = async (job: TestJob, url: URL): Promise<object> => {
    const late = new Promise<undefined>((done) => setTimeout(() => done(undefined), hold).unref());
    const result = await Promise.race([job.done, late]);
    const jobReference = { projectId: PROJECT, jobId: job.id, location: LOCATION };
    if (result === undefined) return { kind: 'bigquery#getQueryResultsResponse', jobReference, jobComplete: false };
    const offset = Number(url.searchParams.get('pageToken') ?? url.searchParams.get('startIndex') ?? 0);
    const limit = Math.min(pageRows, Number(url.searchParams.get('maxResults') ?? pageRows));
    const rows = await resultRows(sql, result, offset, limit);
    const next = offset + rows.length;
    return {
      ...{
        jobReference,
        jobComplete: true,
        totalRows: String(result.totalRows),
        schema: { fields: result.fields },
        rows,
      },
      ...(next < result.totalRows ? { pageToken: String(next) } : {}),
    };
  };

  const tableResource = async (dataset: string, table: string): Promise<object> => {
    const found = (await tables.list(dataset)).find(({ name }) => name === table);
    if (found === undefined) throw new Refusal(404, 'notFound', `Not found: Table ${PROJECT}:${dataset}.${table}`);
    const fields = (await tables.fields(dataset, table))!;
    const counted = found.view
      ? {}
      : {
          numRows: String(await tables.rows(dataset, table)),
          numBytes: String(await tables.bytes(dataset, table, fields)),
        };
    const tableReference = { projectId: PROJECT, datasetId: dataset, tableId: table };
    return { tableReference, type: found.view ? 'VIEW' : 'TABLE', schema: { fields }, ...counted };
  };

  const answer = async (request: IncomingMessage, url: URL, body: Record<string, unknown>): Promise<object> => {
    requireToken(request);
    const path = url.pathname
      .replace(/^(\/bigquery\/v2)?\/projects\/[^/]+\//, '')
      .split('/')
      .map(decodeURIComponent);
    const [kind, id = '', ...rest] = path;
    if (kind === 'jobs' && request.method === 'POST' && id === '') return insertJob(body);
    if (kind === 'jobs' && rest[0] === 'cancel') {
      jobOf(id, url).cancel();
      return { job: resource(jobOf(id, url)) };
    }
    if (kind === 'jobs') {
      const job = jobOf(id, url);
      return resource(job, job.running || job.failure !== undefined ? undefined : await job.done);
    }
    if (kind === 'queries' && request.method === 'POST') {
      // A job and its first page in one (jobs.query).
      const { query, location, labels } = body as { query: string; location?: string; labels?: Record<string, string> };
      const configuration = { query: { query }, ...(labels === undefined ? {} : { labels }) };
      const made = (await insertJob({ jobReference: { location }, configuration })) as {
        jobReference: { jobId: string };
      };
      return page(jobs.get(made.jobReference.jobId)!, url);
    }
    if (kind === 'queries') return page(jobOf(id, url), url);
    const known = kind === 'datasets' && (id === DATASET || (await tables.list(id)).length > 0);
    if (!known) throw new Refusal(404, 'notFound', `Not found: Dataset ${PROJECT}:${id}`);
    if (rest.length === 0) return { id: `${PROJECT}:${id}`, location: LOCATION };
    if (rest[1] !== undefined) return tableResource(id, rest[1]);
    const all = await tables.list(id);
    const from = Number(url.searchParams.get('pageToken') ?? 0);
    const upTo = from + Number(url.searchParams.get('maxResults') ?? 50);
    return {
      tables: all.slice(from, upTo).map(({ name, view }) => ({
        tableReference: { projectId: PROJECT, datasetId: id, tableId: name },
        type: view ? 'VIEW' : 'TABLE',
      })),
      ...(upTo < all.length ? { nextPageToken: String(upTo) } : {}),
    };
  };

  /** The resumable protocol: a description, then parts; 308 for more. */
  const upload = async (request: IncomingMessage, response: ServerResponse, url: URL, data: Buffer): Promise<void> => {
    requireToken(request);
    const key = url.searchParams.get('upload_id');
    if (key === null) {
      const fresh = randomBytes(12).toString('hex');
      uploads.set(fresh, { job: JSON.parse(String(data)) as UploadState['job'], parts: [], size: 0 });
      const location = `http://${request.headers.host}${url.pathname}?uploadType=resumable&upload_id=${fresh}`;
      return void response.writeHead(200, { location }).end();
    }
    const state = uploads.get(key);
    if (state === undefined) throw new Refusal(404, 'notFound', 'Not found: upload');
    const [, total] = /\/(\d+|\*)$/.exec(request.headers['content-range'] ?? '') ?? [];
    state.parts.push(data);
    state.size += data.length;
    if (total === '*') {
      const range = state.size === 0 ? {} : { range: `bytes=0-${state.size - 1}` };
      return void response.writeHead(308, range).end();
    }
    const { jobReference, configuration } = state.job;
    requireLocation((jobReference as { location?: string }).location, `Dataset ${PROJECT}:${DATASET}`);
    const job = startJob(jobReference.jobId, configuration, (signal) =>
      runLoad(tables, configuration.load!, Buffer.concat(state.parts), signal),
    );
    jobs.set(job.id, job);
    send(response, 200, resource(job));
  };

  const grant = (response: ServerResponse): void => {
    if (!self.renewable)
      return void send(response, 400, { error: 'invalid_grant', error_description: 'The credentials are revoked.' });
    const token = `ya29.${randomBytes(24).toString('base64url')}`;
    granted.add(token);
    send(response, 200, {
      ...{ access_token: token, accessToken: token, expires_in: 3600, token_type: 'Bearer' },
      ...{ expireTime: new Date(Date.now() + 3_600_000).toISOString() },
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    });
  };

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://server');
    const data = await bytesOf(request);
    const method = request.method ?? 'GET';
    const json = request.headers['content-type']?.includes('json') === true && data.length > 0;
    const body = (json ? JSON.parse(String(data)) : {}) as Record<string, unknown>;
    const configuration = body.configuration as JobConfiguration | undefined;
    const query = Object.fromEntries(url.searchParams);
    self.log.push({ method, path: url.pathname, query, ...(configuration === undefined ? {} : { configuration }) });
    const fault = self.fault(method, url.pathname);
    if (fault !== undefined && 'status' in fault) return void response.writeHead(fault.status, fault.headers).end();
    try {
      if (fault !== undefined && 'refusal' in fault) throw fault.refusal;
      if (url.pathname === '/token' || url.pathname.endsWith(':generateAccessToken')) return grant(response);
      if (url.pathname.startsWith('/upload/')) return await upload(request, response, url, data);
      send(response, 200, await answer(request, url, body), fault);
    } catch (thrown) {
      const refusal = refusalOf(thrown);
      send(response, refusal.status, refusal.body, fault);
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const storage = await startStorageServer({
    sql,
    select: (table) => tables.select(table.datasetId, table.tableId),
    condition: toDuckdb,
    ...(guarded ? { authorized: (token) => granted.has(token) } : {}),
  });

  const self: BigQueryTestServer = {
    url: `http://127.0.0.1:${port}`,
    port,
    sql,
    tables,
    storage,
    log: [],
    fault: () => undefined,
    partitions: new Map(),
    renewable: true,
    expireTokens: () => granted.clear(),
    async expireResults() {
      for (const job of jobs.values()) await sql.run(`DROP TABLE IF EXISTS ${RESULTS}."${job.id}"`);
    },
    running: () => [...jobs.values()].filter((job) => job.running).length,
    async result(id) {
      const job = jobs.get(id);
      if (job === undefined) throw new Error(`no job ${id}`);
      return job.done;
    },
    async [Symbol.asyncDispose]() {
      for (const job of jobs.values()) job.cancel();
      await Promise.allSettled([...jobs.values()].map(({ done }) => done));
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await storage[Symbol.asyncDispose]();
      await sql[Symbol.asyncDispose]();
    },
  };
  return self;
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

/** The whole body, or only its beginning before the connection breaks. */
function send(response: ServerResponse, status: number, body: object, fault?: Fault): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8', 'content-length': bytes.length });
  if (fault === undefined || !('truncate' in fault)) return void response.end(bytes);
  response.write(bytes.subarray(0, fault.truncate), () => response.destroy());
}
