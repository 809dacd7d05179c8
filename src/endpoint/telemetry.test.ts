/** What the server tells of its work: spans, metrics per silo, the audit, a log without secrets. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Engine } from '../engine/engine.ts';
import { EngineBackend } from './engine-backend.ts';
import { createMetrics, type Metrics } from './http/metrics.ts';
import { serverLog } from './log.ts';
import { auditEntry, withoutSecrets } from './observer.ts';
import { Endpoint } from './server.ts';

interface Told {
  readonly name: string;
  readonly attributes: Attributes;
  readonly parent: string | undefined;
}

/** A tracer as an SDK registers one, which keeps what it is told. */
const told: Told[] = [];
const names = new WeakMap<Span, string>();
const tracer: Tracer = {
  startSpan(name, options, parent = context.active()) {
    const above = trace.getSpan(parent);
    told.push({
      name,
      attributes: options?.attributes ?? {},
      parent: above === undefined ? undefined : names.get(above),
    });
    const span = trace.wrapSpanContext({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 });
    names.set(span, name);
    return span;
  },
  startActiveSpan(name: string, ...rest: unknown[]) {
    const span = tracer.startSpan(name, rest[0] as { attributes: Attributes });
    const work = rest.at(-1) as (span: Span) => unknown;
    return context.with(trace.setSpan(context.active(), span), () => work(span)) as never;
  },
};

let directory: string;
let engine: Engine;
let endpoint: Endpoint;
let metrics: Metrics;
let client: pg.Client;

beforeAll(async () => {
  const active = new AsyncLocalStorage<Context>();
  context.setGlobalContextManager({
    active: () => active.getStore() ?? ROOT_CONTEXT,
    with: (with_, work, self, ...args) => active.run(with_, () => work.apply(self as never, args)),
    bind: (_context, target) => target,
    enable() {
      return this;
    },
    disable() {
      return this;
    },
  });
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
  directory = mkdtempSync(join(tmpdir(), 'causeway-telemetry-'));
  for (const silo of ['berlin', 'paris']) {
    const instance = await DuckDBInstance.create(join(directory, `${silo}.duckdb`));
    const connection = await instance.connect();
    await connection.run(`CREATE TABLE load AS SELECT timestamp '2024-01-01' + to_hours(i::int) AS ts, 1 AS site,
      sin(i / 4.0)::double AS mw FROM range(0, 120) t(i)`);
    connection.closeSync();
    instance.closeSync();
  }
  engine = await Engine.open({ directory: join(directory, 'catalog') });
  metrics = createMetrics({
    sessions: () => endpoint.sessions.size,
    egress: () => engine.catalog.egress.totals(),
    trainingRounds: () => engine.catalog.jobs.rounds().length,
    events: engine.events,
  });
  endpoint = await Endpoint.listen({
    backend: new EngineBackend(engine),
    port: 0,
    observe(record) {
      metrics.observe(record);
      engine.catalog.audit.record(auditEntry(record, withoutSecrets(record.text)));
    },
  });
  client = new pg.Client({ host: '127.0.0.1', port: endpoint.port, user: 'eva', database: 'causeway' });
  await client.connect();
  for (const silo of ['berlin', 'paris']) {
    await client.query(`CREATE SILO ${silo} USING duckdb OPTIONS (path '${join(directory, `${silo}.duckdb`)}')`);
  }
  await client.query('CREATE FEDERATED TABLE load AS berlin.load, paris.load');
}, 120_000);

afterAll(async () => {
  await client?.end();
  await endpoint?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
  context.disable();
  trace.disable();
  rmSync(directory, { recursive: true, force: true });
});

test('a statement is a span, and each of its fragments one below it', async () => {
  told.length = 0;
  await client.query('SELECT b.mw, p.mw FROM berlin.load AS b JOIN paris.load AS p ON b.ts = p.ts');
  const statement = told.filter(({ name }) => name === 'statement');
  const fragments = told.filter(({ name }) => name.startsWith('fragment at'));
  expect(statement).toHaveLength(1);
  expect(fragments.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['fragment at berlin', 'fragment at paris']),
  );
  expect(new Set(fragments.map(({ parent }) => parent))).toEqual(new Set(['statement']));
  const berlin = fragments.find(({ name }) => name === 'fragment at berlin')!;
  expect(berlin.attributes['causeway.site']).toBe('berlin');
  // Texts of statements hold values: they are the audit's, not the tracer's.
  expect(JSON.stringify(told)).not.toContain('JOIN');
});

test('training rounds are spans, and metrics', async () => {
  told.length = 0;
  await client.query(`TRAIN MODEL m PREDICT mw FORECAST BY ts PER site WINDOW 4 HORIZON 1
    USING lstm (hidden => 2, epochs => 1, seed => 1) FEDERATE fedavg (rounds => 2, min_silos => 2)
    AS SELECT ts, site, mw FROM load`);
  const rounds = told.filter(({ name }) => name.startsWith('round '));
  expect(rounds.map(({ name }) => name)).toEqual(['round 1', 'round 2']);
  expect(rounds.every(({ parent }) => parent === 'statement')).toBe(true);
  expect(await metrics.text()).toMatch(/causeway_training_round_seconds_count 2/);
}, 60_000);

test('metrics tell silos apart', async () => {
  const rowsOf = async (silo: string) =>
    Number(new RegExp(`causeway_fragment_rows_total\\{site="${silo}"\\} (\\d+)`).exec(await metrics.text())?.[1] ?? 0);
  const before = { berlin: await rowsOf('berlin'), paris: await rowsOf('paris') };
  await client.query('SELECT ts FROM berlin.load');
  expect((await rowsOf('berlin')) - before.berlin).toBe(120);
  expect((await rowsOf('paris')) - before.paris).toBe(0);
  expect(await metrics.text()).toMatch(/causeway_fragment_seconds_bucket\{le="0.5",site="berlin"\} [1-9]/);
  expect(await metrics.text()).toMatch(/causeway_fragment_bytes_total\{site="berlin"\} [1-9]/);
});

test('the audit says who ran what, and how it went, without passwords', async () => {
  await client.query('SELECT nosuch FROM berlin.load').catch(() => undefined);
  await client.query("CREATE ROLE guest PASSWORD 'geheim'");
  const { rows } = await client.query('SELECT role, statement, outcome, rows FROM causeway.audit');
  expect(rows).toContainEqual({ role: 'eva', statement: 'SELECT ts FROM berlin.load', outcome: 'ok', rows: '120' });
  expect(rows).toContainEqual(
    expect.objectContaining({ statement: 'SELECT nosuch FROM berlin.load', outcome: '42703' }),
  );
  expect(rows).toContainEqual(expect.objectContaining({ statement: "CREATE ROLE guest PASSWORD '***'" }));
  expect(JSON.stringify(rows)).not.toContain('geheim');
});

test('the log keeps secrets to itself, in whatever field they come', () => {
  const lines: string[] = [];
  const log = serverLog('info', { write: (line) => void lines.push(line) });
  log.info({ user: 'eva', password: 'geheim1', silo: { url: 'postgres://u:geheim2@h/d', token: 'geheim3' } }, 'open');
  log.error(
    { error: new Error("cannot reach postgres://u:geheim4@h/d, password 'geheim5'") },
    'failed: postgres://u:geheim6@h',
  );
  log.info("CREATE USER eva PASSWORD 'geheim7'");
  const text = lines.join('');
  expect(text).toContain('"user":"eva"');
  expect(text).toContain('cannot reach');
  expect(text).not.toMatch(/geheim\d/);
});
