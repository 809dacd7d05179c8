import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeVerifier, type Verifier } from '../../catalog/verifier.ts';
import { engineEvents } from '../../engine/telemetry.ts';
import { LoginThrottle } from '../auth/throttle.ts';
import { type StatementRecord, withoutSecrets } from '../observer.ts';
import { PgliteBackend } from '../testing/pglite-backend.ts';
import { type HttpServer, listenHttp } from './listen.ts';
import { createMetrics } from './metrics.ts';
import { Tokens } from './tokens.ts';

let backend: PgliteBackend;
let server: HttpServer;
let verifier: Verifier;
let exist = true;
let ready = true;
const records: StatementRecord[] = [];
const throttle = new LoginThrottle();

beforeAll(async () => {
  backend = await PgliteBackend.start(
    `CREATE TABLE t AS SELECT i AS n, i * 0.5::float8 AS half, 'row ' || i AS label, i % 2 = 0 AS even, i * 10000000000 AS big
     FROM generate_series(1, 2500) i`,
    { schemas: [], models: [], roles: [] },
  );
  verifier = await makeVerifier('geheim');
  const metrics = createMetrics({
    events: engineEvents(),
    sessions: () => 3,
    egress: () => [{ silo: 'berlin', kind: 'rows', bytes: 77 }],
    trainingRounds: () => 2,
  });
  server = await listenHttp(
    {
      backend,
      users: {
        get exist() {
          return exist;
        },
        verifier: (user) => (user === 'eva' ? verifier : undefined),
      },
      throttle,
      tokens: new Tokens(Buffer.from('secret')),
      metrics,
      observe(record) {
        records.push(record);
        metrics.observe(record);
      },
      async ready() {
        if (!ready) throw new Error('the catalog does not answer');
      },
    },
    { host: '127.0.0.1', port: 0 },
  );
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await backend?.[Symbol.asyncDispose]();
});

const get = (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`);
const basic = (password: string) => `Basic ${Buffer.from(`eva:${password}`).toString('base64')}`;
const post = (path: string, authorization: string | undefined, body?: unknown, accept = 'application/x-ndjson') =>
  fetch(`http://127.0.0.1:${server.port}${path}`, {
    method: 'POST',
    headers: { accept, ...(authorization === undefined ? {} : { authorization }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

test('health, readiness and metrics', async () => {
  expect(await (await get('/health')).json()).toEqual({ status: 'ok' });
  expect((await get('/ready')).status).toBe(200);
  ready = false;
  expect((await get('/ready')).status).toBe(503);
  ready = true;
  const text = await (await get('/metrics')).text();
  expect(text).toContain('causeway_egress_bytes{silo="berlin",kind="rows"} 77');
  expect(text).toContain('causeway_sessions 3');
});

test('a query answers with one JSON object per row', async () => {
  const answer = await post('/v1/query', basic('geheim'), {
    sql: 'SELECT * FROM t WHERE n <= $1 ORDER BY n',
    parameters: ['2'],
  });
  expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
  const lines = (await answer.text()).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { n: 1, half: 0.5, label: 'row 1', even: false, big: '10000000000' },
    { n: 2, half: 1, label: 'row 2', even: true, big: '20000000000' },
  ]);
  expect(records.at(-1)).toMatchObject({ user: 'eva', rows: 2 });
});

test('or as an Arrow stream', async () => {
  const answer = await post(
    '/v1/query',
    basic('geheim'),
    { sql: 'SELECT n, label FROM t ORDER BY n' },
    'application/vnd.apache.arrow.stream',
  );
  const table = tableFromIPC(new Uint8Array(await answer.arrayBuffer()));
  expect(table.numRows).toBe(2500);
  expect(table.getChild('label')?.get(2499)).toBe('row 2500');
});

test('errors say what, and with the right status', async () => {
  const wrong = await post('/v1/query', basic('geheim'), { sql: 'SELECT nosuch FROM t' });
  expect(wrong.status).toBe(400);
  expect(await wrong.json()).toMatchObject({ error: { sqlstate: '42703', position: { offset: 7 } } });
  expect((await post('/v1/query', basic('geheim'), { nothing: 1 })).status).toBe(400);
});

test('passwords and tokens', async () => {
  expect((await post('/v1/query', undefined, { sql: 'SELECT 1' })).status).toBe(401);
  expect((await post('/v1/query', basic('wrong'), { sql: 'SELECT 1' })).status).toBe(401);
  const { token } = (await (await post('/v1/token', basic('geheim'))).json()) as { token: string };
  expect((await post('/v1/query', `Bearer ${token}`, { sql: 'SELECT 1' })).status).toBe(200);
  expect((await post('/v1/query', `Bearer ${token.slice(0, -2)}xx`, { sql: 'SELECT 1' })).status).toBe(401);
  const tokens = new Tokens(Buffer.from('other'));
  expect(tokens.user(tokens.issue('eva'))).toBe('eva');
  expect(tokens.user(tokens.issue('eva', 0))).toBeUndefined();
  expect(tokens.user(token)).toBeUndefined();
  exist = false;
  expect((await post('/v1/query', undefined, { sql: 'SELECT 1' })).status).toBe(200);
  exist = true;
});

test('who guesses passwords waits longer each time', async () => {
  throttle.succeeded('127.0.0.1');
  for (let i = 0; i < 3; i++) expect((await post('/v1/token', basic('wrong'))).status).toBe(401);
  expect(throttle.delay('127.0.0.1')).toBe(200);
  expect((await post('/v1/token', basic('geheim'))).status).toBe(200);
  expect(throttle.delay('127.0.0.1')).toBe(0);
});

test('no secret of a statement reaches the log', () => {
  expect(withoutSecrets("CREATE USER eva PASSWORD 'ge''heim' SUPERUSER")).toBe(
    "CREATE USER eva PASSWORD '***' SUPERUSER",
  );
  expect(withoutSecrets("OPTIONS (url 'postgres://me:geheim@host/db', secret_access_key => 'abc')")).toBe(
    "OPTIONS (url 'postgres://me:***@host/db', secret_access_key => '***')",
  );
});
