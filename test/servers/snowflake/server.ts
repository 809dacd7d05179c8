/**
 * A Snowflake service for tests: the REST protocol that the client libraries speak — login, session tokens and their renewal,
 * statements that are polled and aborted, results in zipped chunks — answering with real rows, from DuckDB.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { WarehouseSql } from '../warehouse/duckdb-sql.ts';
import { checkLogin, type LoginData, type TestUser } from './accounts.ts';
import { CATALOG_VIEWS, MACROS, toDuckdb } from './dialect.ts';
import type { Procedures } from './procedures.ts';
import { Refusal, refusalOf } from './refusal.ts';
import { TestStage } from './stage.ts';
import { type ChunkSizes, type Statement, type StatementResult, startStatement } from './statements.ts';
import { rowType } from './types.ts';

/** What happens instead of an answer, or to it. */
export type Fault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly refusal: Refusal }
  | { readonly truncate: number };

export interface SnowflakeTestServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly sql: WarehouseSql;
  /** Files that COPY INTO has left, whatever the stage is called. */
  readonly stage: TestStage;
  /** Every request that came, without its query string; statements with their text. */
  readonly log: { readonly method: string; readonly path: string; readonly sql?: string }[];
  /** Asked for every request. */
  fault: (method: string, path: string) => Fault | undefined;
  /** Whether a session token that has expired may be renewed. */
  renewable: boolean;
  /** Lets all session tokens expire. */
  expireTokens(): void;
  /** Ends all sessions. */
  endSessions(): void;
  /** Statements that run. */
  running(): number;
}

export interface SnowflakeServerOptions {
  readonly users?: Readonly<Record<string, TestUser>>;
  readonly sizes?: ChunkSizes;
  /** About how large the files of COPY INTO are. */
  readonly stagedFileBytes?: number;
  /** What CALL runs, by name. */
  readonly procedures?: (sql: WarehouseSql) => Procedures;
  /** Milliseconds for which a question for a result is held. */
  readonly hold?: number;
}

interface Session {
  token: string;
  readonly masterToken: string;
  expired: boolean;
}

const SIZES: ChunkSizes = { inline: 1000, chunk: 20_000 };

/** Output formats that the client library reads before anything else. */
const PARAMETERS = [
  ['TIMEZONE', 'UTC'],
  ['TIMESTAMP_OUTPUT_FORMAT', 'YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM'],
  ['TIMESTAMP_NTZ_OUTPUT_FORMAT', ''],
  ['TIMESTAMP_LTZ_OUTPUT_FORMAT', ''],
  ['TIMESTAMP_TZ_OUTPUT_FORMAT', ''],
  ['DATE_OUTPUT_FORMAT', 'YYYY-MM-DD'],
  ['TIME_OUTPUT_FORMAT', 'HH24:MI:SS'],
  ['BINARY_OUTPUT_FORMAT', 'HEX'],
  ['CLIENT_TELEMETRY_ENABLED', false],
].map(([name, value]) => ({ name, value }));

export async function startSnowflake({
  users = { ann: { password: 'secret' } },
  sizes = SIZES,
  hold = 200,
  procedures: proceduresOf = () => ({}),
  stagedFileBytes = 100_000,
}: SnowflakeServerOptions = {}): Promise<SnowflakeTestServer> {
  const sql = await WarehouseSql.open([...MACROS, ...CATALOG_VIEWS]);
  const procedures = proceduresOf(sql);
  const stage = new TestStage(sql, stagedFileBytes);
  const sessions = new Set<Session>();
  const statements = new Map<string, Statement>();
  const fresh = () => randomBytes(24).toString('base64url');

  const sessionOf = (request: IncomingMessage): Session => {
    const token = /Token="([^"]*)"/.exec(request.headers.authorization ?? '')?.[1];
    const session = [...sessions].find((each) => each.token === token);
    if (session === undefined)
      throw new Refusal('390111', 'Session no longer exists. New login required to access the service.');
    if (session.expired) throw new Refusal('390112', 'Your session has expired. Please login again.');
    return session;
  };

  const head = (statement: Statement) => ({
    queryId: statement.id,
    getResultUrl: `/queries/${statement.id}/result`,
    queryAbortsAfterSecs: 300,
    progressDesc: null,
  });

  const finished = (
    origin: string,
    statement: Statement,
    { rowtype, rowset, total, chunks }: StatementResult,
  ): string => {
    const data = {
      ...{ parameters: PARAMETERS, rowtype, total, returned: total, queryId: statement.id, statementTypeId: 4096 },
      ...{
        queryResultFormat: 'json',
        version: 1,
        sqlState: '00000',
        finalDatabaseName: 'TEST',
        finalSchemaName: 'PUBLIC',
      },
      ...(chunks.length === 0 ? {} : { qrmk: 'a2V5' }),
      chunks: chunks.map(({ id, rowCount, body, uncompressedSize }) => ({
        ...{ url: `${origin}/chunks/${statement.id}/${id}`, rowCount, uncompressedSize, compressedSize: body.length },
      })),
    };
    return `{"data": ${JSON.stringify(data).slice(0, -1)}, "rowset": [${rowset}]}, "success": true, "code": null, "message": null}`;
  };

  /** The result if it is there within the time a question is held, else that the statement still runs. */
  const resultText = async (origin: string, statement: Statement): Promise<string> => {
    const late = new Promise<undefined>((done) => setTimeout(() => done(undefined), hold).unref());
    const result = await Promise.race([statement.done, late]);
    if (result !== undefined) return finished(origin, statement, result);
    return JSON.stringify({
      data: head(statement),
      code: '333333',
      message: 'Query execution in progress',
      success: true,
    });
  };

  const answer = async (request: IncomingMessage, url: URL, body: Record<string, unknown>): Promise<string> => {
    const path = url.pathname;
    // A proxy in front of the server stays in front of the chunks.
    const origin = `http://${request.headers.host}`;
    if (path === '/session/v1/login-request') {
      checkLogin(body.data as LoginData, users);
      const session: Session = { token: fresh(), masterToken: fresh(), expired: false };
      sessions.add(session);
      const validity = { validityInSeconds: 3600, masterValidityInSeconds: 14_400 };
      const info = {
        databaseName: url.searchParams.get('databaseName'),
        schemaName: url.searchParams.get('schemaName'),
      };
      const { token, masterToken } = session;
      return succeeded({
        token,
        masterToken,
        ...validity,
        parameters: PARAMETERS,
        sessionInfo: info,
        sessionId: sessions.size,
      });
    }
    if (path === '/session/token-request') {
      const token = /Token="([^"]*)"/.exec(request.headers.authorization ?? '')?.[1];
      const session = [...sessions].find((each) => each.masterToken === token);
      if (session === undefined || !self.renewable)
        throw new Refusal('390114', 'Authentication token has expired. The user must authenticate again.');
      session.token = fresh();
      session.expired = false;
      const { masterToken } = session;
      return succeeded({
        sessionToken: session.token,
        validityInSecondsST: 3600,
        masterToken,
        validityInSecondsMT: 14_400,
      });
    }
    const session = sessionOf(request);
    if (path === '/session') {
      sessions.delete(session);
      return succeeded(null);
    }
    if (path === '/queries/v1/query-request') {
      const text = String(body.sqlText);
      if (body.describeOnly === true) {
        const columns = await sql.columns(toDuckdb(text));
        return succeeded({
          rowtype: columns.map(rowType),
          rowset: [],
          total: 0,
          returned: 0,
          parameters: PARAMETERS,
          queryId: fresh(),
          version: 1,
        });
      }
      const statement = startStatement(
        { procedures, sql, stage },
        stage.addressed(text, origin),
        url.searchParams.get('requestId') ?? '',
        sizes,
      );
      statements.set(statement.id, statement);
      if (body.asyncExec === true)
        return JSON.stringify({ data: head(statement), code: '333334', message: 'in progress', success: true });
      return resultText(origin, statement);
    }
    const [, id = '', action] = /^\/queries\/([^/]+)\/(result|abort-request)$/.exec(path) ?? [];
    if (id === 'v1') {
      for (const each of statements.values()) if (each.requestId === body.requestId) each.abort();
      return succeeded(null);
    }
    const statement = statements.get(id);
    if (action === undefined) return succeeded(null);
    if (statement === undefined) throw new Refusal('000709', `Statement ${id} not found`, '02000');
    if (action === 'result') return resultText(origin, statement);
    statement.abort();
    return succeeded(null);
  };

  const chunk = async (path: string): Promise<Buffer | undefined> => {
    const [, , statement = '', id] = path.split('/');
    const { chunks } = (await statements.get(statement)?.done) ?? { chunks: [] };
    return chunks.find((each) => each.id === id)?.body;
  };

  const server = createServer(async (request, response) => {
    const url = new URL(request.url!, 'http://localhost');
    const body = await bodyOf(request);
    const method = request.method!;
    self.log.push({ method, path: url.pathname, ...(typeof body.sqlText === 'string' ? { sql: body.sqlText } : {}) });
    try {
      const fault = self.fault(method, url.pathname);
      if (fault !== undefined && 'refusal' in fault) throw fault.refusal;
      if (fault !== undefined && 'status' in fault) return void response.writeHead(fault.status, fault.headers).end();
      if (url.pathname.startsWith('/chunks/')) {
        const bytes = await chunk(url.pathname);
        if (bytes === undefined) return void response.writeHead(403).end();
        return send(response, bytes, 'binary/octet-stream', fault);
      }
      if (url.pathname.startsWith('/stage/')) {
        const bytes = stage.read(url.pathname.slice('/stage/'.length));
        if (bytes === undefined) return void response.writeHead(404).end();
        return send(response, bytes, 'application/octet-stream', fault);
      }
      send(response, Buffer.from(await answer(request, url, body)), 'application/json', fault);
    } catch (thrown) {
      const { code, message, sqlState } = refusalOf(thrown);
      const data = { sqlState: sqlState ?? null, queryId: null, errorCode: code };
      send(response, Buffer.from(JSON.stringify({ data, code, message, success: false })), 'application/json');
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;

  const self: SnowflakeTestServer = {
    url: `http://127.0.0.1:${port}`,
    port,
    sql,
    stage,
    log: [],
    fault: () => undefined,
    renewable: true,
    expireTokens: () => {
      for (const session of sessions) session.expired = true;
    },
    endSessions: () => sessions.clear(),
    running: () => [...statements.values()].filter((statement) => statement.running).length,
    async [Symbol.asyncDispose]() {
      for (const statement of statements.values()) statement.abort();
      await Promise.allSettled([...statements.values()].map(({ done }) => done));
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      stage[Symbol.dispose]();
      await sql[Symbol.asyncDispose]();
    },
  };
  return self;
}

const succeeded = (data: unknown): string => JSON.stringify({ data, success: true, code: null, message: null });

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  const bytes = Buffer.concat(parts);
  if (bytes.length === 0) return {};
  return JSON.parse(String(bytes[0] === 0x1f ? gunzipSync(bytes) : bytes)) as Record<string, unknown>;
}

/** The whole body, or only its beginning before the connection breaks. */
function send(response: ServerResponse, body: Buffer, type: string, fault?: Fault): void {
  const zipped = body[0] === 0x1f && body[1] === 0x8b;
  response.writeHead(200, {
    'content-type': type,
    'content-length': body.length,
    ...(zipped ? { 'content-encoding': 'gzip' } : {}),
  });
  if (fault === undefined || !('truncate' in fault)) return void response.end(body);
  response.write(body.subarray(0, fault.truncate), () => response.destroy());
}
