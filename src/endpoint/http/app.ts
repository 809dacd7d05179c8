/** HTTP beside the PostgreSQL protocol: health, metrics, and queries for notebooks. */
import { timingSafeEqual } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { getConnInfo } from '@hono/node-server/conninfo';
import { type RecordBatch, RecordBatchStreamWriter } from 'apache-arrow';
import { type Context, Hono } from 'hono';
import { stream } from 'hono/streaming';
import { z } from 'zod';
import type { ResultColumn } from '../../../connectors/connector.ts';
import { makeVerifier } from '../../catalog/verifier.ts';
import type { StatementResult } from '../../engine/result.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { LoginThrottle } from '../auth/throttle.ts';
import type { Users } from '../auth/users.ts';
import type { EndpointBackend } from '../backend.ts';
import type { Observe } from '../observer.ts';
import { asCausewayError } from '../session/failed-statement.ts';
import { jsonRows } from './json-rows.ts';
import type { Metrics } from './metrics.ts';
import type { Tokens } from './tokens.ts';

export interface HttpOptions {
  readonly backend: EndpointBackend;
  readonly users: Users;
  /** Shared with the PostgreSQL protocol: guesses count wherever they are made. */
  readonly throttle: LoginThrottle;
  readonly tokens: Tokens;
  readonly metrics: Metrics;
  readonly observe: Observe;
  /** Answers once the server can serve statements. */
  readonly ready: () => Promise<void>;
}

const ARROW = 'application/vnd.apache.arrow.stream';
const NDJSON = 'application/x-ndjson';
const QUERY = z.object({ sql: z.string().min(1), parameters: z.array(z.string().nullable()).default([]) });

export function httpApp(options: HttpOptions): Hono {
  const app = new Hono();
  app.get('/health', (c) => c.json({ status: 'ok' }));
  app.get('/ready', async (c) => {
    try {
      await options.ready();
      return c.json({ status: 'ready' });
    } catch (error) {
      return c.json({ status: 'not ready', reason: (error as Error).message }, 503);
    }
  });
  app.get('/metrics', async (c) =>
    c.text(await options.metrics.text(), 200, { 'content-type': options.metrics.contentType }),
  );
  app.post('/v1/token', async (c) => {
    const user = await byPassword(c, options);
    return user === undefined ? refused(c) : c.json({ token: options.tokens.issue(user) });
  });
  app.post('/v1/query', async (c) => {
    const bearer = /^Bearer (.+)$/.exec(c.req.header('authorization') ?? '')?.[1];
    const user = bearer === undefined ? await byPassword(c, options) : options.tokens.user(bearer);
    if (user === undefined) return refused(c);
    const body = QUERY.safeParse(await c.req.json().catch(() => undefined));
    if (!body.success) return failed(c, new CausewayError(SQLSTATE.syntaxError, 'the body must be {"sql": "…"}'));
    return query(c, options, user, body.data);
  });
  return app;
}

const refused = (c: Context) =>
  c.json({ error: { sqlstate: '28P01', message: 'authentication failed' } }, 401, {
    'www-authenticate': 'Basic realm="causeway"',
  });

function failed(c: Context, { sqlstate, message, hint, position }: CausewayError) {
  return c.json(
    { error: { sqlstate, message, hint, position } },
    sqlstate === SQLSTATE.insufficientPrivilege ? 403 : 400,
  );
}

/**
 * HTTP Basic, checked against the same verifiers as the PostgreSQL protocol, and as slow for those who guess. While there are
 * no users: any name.
 */
async function byPassword(c: Context, { users, throttle }: HttpOptions): Promise<string | undefined> {
  const basic = /^Basic (.+)$/.exec(c.req.header('authorization') ?? '')?.[1];
  if (!users.exist) return basic === undefined ? 'anybody' : decodeBasic(basic)[0];
  if (basic === undefined) return undefined;
  const [user, password] = decodeBasic(basic);
  const address = getConnInfo(c).remote.address ?? '';
  const verifier = users.verifier(user);
  const made = await makeVerifier(password, verifier?.salt);
  await sleep(throttle.delay(address));
  if (verifier === undefined || !timingSafeEqual(made.storedKey, verifier.storedKey)) {
    throttle.failed(address);
    return undefined;
  }
  throttle.succeeded(address);
  return user;
}

function decodeBasic(text: string): [user: string, password: string] {
  const pair = Buffer.from(text, 'base64').toString();
  const colon = pair.indexOf(':');
  return colon < 0 ? [pair, ''] : [pair.slice(0, colon), pair.slice(colon + 1)];
}

/** Answers with the rows of the last statement of the script, streamed. */
async function query(
  c: Context,
  { backend, observe }: HttpOptions,
  user: string,
  { sql, parameters }: z.infer<typeof QUERY>,
): Promise<Response> {
  const began = performance.now();
  const session = backend.openSession(user);
  const tell = (rows: number, sqlstate?: string) =>
    observe({
      user,
      pid: 0,
      text: sql,
      milliseconds: performance.now() - began,
      rows,
      ...(sqlstate === undefined ? {} : { sqlstate }),
    });
  const { signal } = c.req.raw;
  const results = session.execute(sql, { signal, parameters })[Symbol.asyncIterator]();
  /** A session waits for its statements when it closes: this one is told first that nobody reads on. */
  const close = async () => {
    await results.return?.(undefined);
    await session[Symbol.asyncDispose]();
  };
  let result: StatementResult | undefined;
  let first: IteratorResult<RecordBatch>;
  let batches: AsyncIterator<RecordBatch>;
  try {
    const started = await results.next();
    if (started.done) throw new CausewayError(SQLSTATE.syntaxError, 'there is no statement in "sql"');
    result = started.value;
    batches = result.batches[Symbol.asyncIterator]();
    // The first batch before the status line: what fails at once is a proper error.
    first = await batches.next();
  } catch (thrown) {
    await close();
    const error = asCausewayError(thrown);
    tell(0, error.sqlstate);
    return failed(c, error);
  }
  const { columns } = result;
  let rows = 0;
  const all = async function* () {
    for (let next = first; !next.done; next = await batches.next()) {
      rows += next.value.numRows;
      yield next.value;
    }
  };
  const arrow = c.req.header('accept')?.includes(ARROW) ?? false;
  c.header('content-type', arrow ? ARROW : NDJSON);
  return stream(c, async (body) => {
    body.onAbort(() => void close());
    let sqlstate: string | undefined;
    try {
      const chunks = arrow
        ? ReadableStream.from(all()).pipeThrough(RecordBatchStreamWriter.throughDOM())
        : jsonLines(all(), columns);
      for await (const chunk of chunks) await body.write(chunk);
    } catch (thrown) {
      const error = asCausewayError(thrown);
      sqlstate = error.sqlstate;
      // Too late for a status: the last line says it; an Arrow stream ends without its end marker.
      if (!arrow) await body.write(`${JSON.stringify({ error: { sqlstate, message: error.message } })}\n`);
    } finally {
      tell(rows, sqlstate);
      await close();
    }
  });
}

async function* jsonLines(
  batches: AsyncIterable<RecordBatch>,
  columns: readonly ResultColumn[],
): AsyncGenerator<string> {
  for await (const batch of batches) yield jsonRows(batch, columns);
}
