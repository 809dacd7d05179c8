/** SQL over silos behind agents: the same answers and the same model as with the silos in one process. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { AgentCoordinator } from '../../src/agent/coordinator.ts';
import { auditLedger, EgressLedger } from '../../src/agent/egress-ledger.ts';
import { loadIdentity } from '../../src/agent/identity.ts';
import { type Job, JobBook, type SignedJob, signJob } from '../../src/agent/job.ts';
import { fromJson } from '../../src/agent/json.ts';
import type { OpenBody } from '../../src/agent/remote-trainer.ts';
import { agentState, runAgent } from '../../src/agent/run-agent.ts';
import { openState } from '../../src/agent/state-file.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { Notice } from '../../src/engine/result.ts';
import type { Session } from '../../src/engine/session.ts';
import { manifestOf } from '../../src/engine/training/manifest.ts';
import { type Federation, openFederation, run } from '../support/federation.ts';

const SILOS = ['berlin', 'oslo', 'paris'] as const;
type Silo = (typeof SILOS)[number];

const TRAIN = `TRAIN OR REPLACE MODEL load PREDICT load FORECAST BY ts PER meter WINDOW 12 HORIZON 1
  USING lstm (hidden => 8, batch => 32, season => 24, learning_rate => 1e-2)
  FEDERATE fedavg (rounds => 3, min_silos => 2) AS SELECT ts, meter, load FROM readings`;

interface Running {
  readonly ended: Promise<unknown>;
  readonly stop: () => Promise<void>;
}

let federation: Federation;
let coordinator: AgentCoordinator;
let engine: Engine;
let session: Session;
const agents = new Map<Silo, Running>();

const directoryOf = (silo: Silo): string => join(federation.directory, `agent-${silo}`);

type Log = Parameters<typeof runAgent>[1]['log'];

function start(silo: Silo, over: Partial<Parameters<typeof runAgent>[0]> = {}, log: Log = () => {}): Running {
  const connectors = {
    berlin: { connector: 'postgres', options: { url: federation.postgresUrl } },
    oslo: { connector: 'files', options: { path: join(federation.directory, 'oslo') } },
    paris: { connector: 'duckdb', options: { path: join(federation.directory, 'paris.duckdb') } },
  };
  const stopping = new AbortController();
  const config = {
    silo,
    coordinator: `127.0.0.1:${coordinator.port}`,
    directory: directoryOf(silo),
    approval: 'automatic' as const,
    quotas: {},
    ...connectors[silo],
    ...over,
  };
  const known = loadIdentity(config.directory) !== undefined;
  const code = known ? {} : { code: coordinator.office.registry.newCode(silo) };
  const ended = runAgent(config, { ...code, version: 'test', log }, stopping.signal).catch((thrown) => thrown);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await ended;
  };
  const running = { ended, stop };
  agents.set(silo, running);
  return running;
}

async function restart(silo: Silo, over: Partial<Parameters<typeof runAgent>[0]> = {}, log?: Log): Promise<void> {
  await agents.get(silo)?.stop();
  start(silo, over, log);
  while (!coordinator.hub.connected.includes(silo)) await new Promise((resolve) => setTimeout(resolve, 10));
}

beforeAll(async () => {
  federation = await openFederation(inject('postgres'));
  const directory = join(federation.directory, 'coordinator');
  coordinator = await AgentCoordinator.open({ directory, host: '127.0.0.1', port: 0, absenceMs: 15_000 });
  for (const silo of SILOS) start(silo);
  engine = await Engine.open({
    directory,
    connectors: { agent: coordinator.connector },
    egressLedger: () => coordinator.office.ledger.lines(),
  });
  session = engine.openSession();
  await run(
    session,
    `${SILOS.map((silo) => `CREATE SILO ${silo} USING agent OPTIONS (name '${silo}')`).join('; ')};
     CREATE FEDERATED TABLE readings AS ${SILOS.map((silo) => `${silo}.readings`).join(', ')}`,
  );
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  for (const { stop } of agents.values()) await stop();
  await coordinator[Symbol.asyncDispose]();
  await federation[Symbol.asyncDispose]();
});

const sql = (text: string, notices?: Notice[]) =>
  run(session, text, notices === undefined ? {} : { onNotice: (notice) => notices.push(notice) });

test('SELECT through agents gives the rows of SELECT without them', async () => {
  const queries = [
    'SELECT silo, count(*), round(sum(load)::numeric, 6) FROM readings GROUP BY silo ORDER BY silo',
    `SELECT b.ts, b.load, p.load FROM berlin.readings b JOIN paris.readings p USING (ts, meter)
     WHERE b.meter = 2 AND b.ts < '2024-01-01 05:00' ORDER BY b.ts`,
    `SELECT ts, meter FROM oslo.readings WHERE load > 76 ORDER BY ts, meter LIMIT 5`,
  ];
  const behind = [];
  for (const query of queries) behind.push(await sql(query));
  const direct = [];
  for (const query of queries) direct.push(await run(federation.session, query));
  expect(behind).toEqual(direct);
  expect(behind[0]).toHaveLength(3);
});

test('TRAIN through agents gives the same weights bit for bit, and no row leaves', async () => {
  await sql(TRAIN);
  const trained = engine.catalog.models.get('load')!;
  const weights = engine.catalog.models.weights(trained);
  await run(federation.session, TRAIN);
  const local = federation.engine.catalog.models;
  const expected = local.weights(local.get('load')!);
  expect(Buffer.from(weights).equals(Buffer.from(expected))).toBe(true);
  for (const silo of SILOS) {
    const db = openState(agentState(directoryOf(silo)));
    const lines = new EgressLedger(db).lines();
    db.close();
    const job = lines.filter(({ purpose }) => purpose.startsWith('train-'));
    expect(new Set(job.map(({ kind }) => kind))).toEqual(new Set(['statistics', 'updates', 'catalog']));
    expect(job.filter(({ kind }) => kind === 'updates')).toHaveLength(3);
    const { signingKey } = loadIdentity(directoryOf(silo))!;
    expect(auditLedger(lines, signingKey, coordinator.office.ledger.lines(silo)).faults).toEqual([]);
  }
});

const PERSONAL = TRAIN.replace('MODEL load', 'MODEL personal').replace('min_silos => 2', "personalize => 'head'");

test('a silo’s own head stays with its agent, which is asked to score with it', async () => {
  await sql(PERSONAL);
  await run(federation.session, PERSONAL);
  const trained = engine.catalog.models.get('personal')!;
  const local = federation.engine.catalog.models.get('personal')!;
  expect(trained.metrics.silos).toEqual(local.metrics.silos);
  expect(
    trained.metrics.silos.every(({ test: [metrics] }) => metrics?.kind === 'regression' && metrics.personalRmse),
  ).toBe(true);
  expect(Object.values(trained.signature.personal!.silos)).toEqual([{}, {}, {}]);
  expect(Object.values(local.signature.personal!.silos).every(({ head }) => head !== undefined)).toBe(true);
  for (const silo of SILOS) {
    const db = openState(agentState(directoryOf(silo)));
    const lines = new EgressLedger(db).lines().filter(({ kind }) => kind === 'updates');
    db.close();
    const last = lines.at(-1)!.purpose;
    expect(lines.filter(({ purpose }) => purpose === last)).toHaveLength(3);
  }
  const EVALUATE = `SELECT silo, round(rmse::numeric, 6), round(personal_rmse::numeric, 6)
    FROM ml.evaluate('personal', (SELECT ts, meter, load FROM readings WHERE ts < '2024-01-05')) ORDER BY 1 NULLS LAST`;
  await restart('oslo');
  expect(await sql(EVALUATE)).toEqual(await run(federation.session, EVALUATE));
});

describe('ml.predict and ml.forecast behind agents', () => {
  const timed = `SELECT ts, meter, load, sin(2 * pi() * extract(hour FROM ts) / 24) AS hour_sin FROM readings`;
  const both = async (text: string) => [await sql(text), await run(federation.session, text)];

  test('a model with a head for every silo', async () => {
    const [behind, here] = await both(`SET causeway.local_baseline = 'off'; TRAIN OR REPLACE MODEL timed PREDICT load
      FORECAST BY ts PER meter WINDOW 12 HORIZON 1 USING lstm (hidden => 8, batch => 64, learning_rate => 1e-2)
      FEDERATE fedavg (rounds => 1, personalize => 'head') AS ${timed}; SET causeway.local_baseline = 'on'`);
    expect(behind).toEqual(here);
  });

  test.each([
    `SELECT * FROM ml.predict('timed', (${timed} WHERE ts < '2024-01-03')) ORDER BY silo, meter, ts`,
    `SELECT * FROM ml.forecast('timed', horizon => 30) ORDER BY silo, meter, ts`,
  ])('gives the same rows as without agents: %#', async (query) => {
    const [behind, here] = await both(query);
    expect(behind!.length).toBeGreaterThan(100);
    expect(behind).toEqual(here);
  });

  test('the silo’s own head predicts; only predictions leave, and EXPLAIN says so', async () => {
    const from = `FROM ml.predict('timed', (${timed}))`;
    const [[rmse] = []] = await sql(`SELECT sqrt(avg((load - predicted_load) ^ 2)) ${from} WHERE silo = 'oslo'`);
    const [[personal] = []] = await sql(
      `SELECT personal_rmse FROM ml.evaluate('timed', (${timed})) WHERE silo = 'oslo'`,
    );
    expect(Number(rmse)).toBeCloseTo(Number(personal), 6);
    const sent = await sql(
      `SELECT sum(bytes) > 0 FROM causeway.egress WHERE silo = 'oslo' AND kind = 'rows' AND statement LIKE '%ml.forecast%'`,
    );
    expect(sent).toEqual([['t']]);
    const plan = (await sql(`EXPLAIN SELECT * ${from}`)).map(([line]) => line).join('\n');
    expect(plan.replaceAll(/\s+/g, ' ')).toContain(
      "ml.predict('timed'), oslo: behind its agent with its own head; times, actual and predicted values leave",
    );
  });
});

const NAMED = `TRAIN OR REPLACE MODEL named PREDICT load FORECAST BY ts PER meter WINDOW 12
  USING lstm (hidden => 4, embedding => 'state', scale => 'entity', min_window => 3, layers => 2, dropout => 0.2)
  FEDERATE fedavg (rounds => 2)
  AS SELECT ts, meter, load, CASE WHEN load > 70 THEN 'high' ELSE silo END AS state FROM readings`;

test('categories, scales per entity and short windows through agents: the same model as without them', async () => {
  await sql(NAMED);
  await run(federation.session, NAMED);
  const [found, expected] = [engine, federation.engine].map(({ catalog: { models } }) => models.get('named')!);
  expect(found!.signature.statistics).toEqual(expected!.signature.statistics);
  expect(found!.signature.statistics[1]!.vocabulary).toHaveLength(4);
  expect(found!.signature.siloStatistics).toEqual(expected!.signature.siloStatistics);
  const weights = ({ catalog: { models } }: Engine) => Buffer.from(models.weights(models.get('named')!));
  expect(weights(engine).equals(weights(federation.engine))).toBe(true);
});

test.each([
  ['auto', 'FEDERATE auto (rounds => 2, trial_rounds => 6)', ''],
  ['compressed updates', "FEDERATE fedavg (rounds => 3, compress => 'top_k', top_share => 0.1)", ''],
  ['SCAFFOLD', 'FEDERATE scaffold (rounds => 2)', ", optimizer => 'sgd'"],
])('%s through agents gives the same weights bit for bit', async (_, federate, using) => {
  const train = TRAIN.replace(/FEDERATE .*\)/, federate).replace('1e-2', `1e-2${using}`);
  await sql(train);
  await run(federation.session, train);
  const [weights, expected] = [engine, federation.engine].map(({ catalog: { models } }) =>
    models.weights(models.get('load')!),
  );
  expect(Buffer.compare(weights!, expected!)).toBe(0);
});

test('a classifier of many classes is evaluated through agents as without them', async () => {
  const train = `TRAIN OR REPLACE MODEL class PREDICT class FORECAST BY ts PER meter WINDOW 12
    USING lstm (hidden => 4, loss => 'softmax-cross-entropy', classes => 90) FEDERATE fedavg (rounds => 6)
    AS SELECT ts, meter, load, floor(load)::integer AS class FROM readings`;
  const evaluate = `SELECT * FROM ml.evaluate('class') ORDER BY silo`;
  await sql(train);
  await run(federation.session, train);
  expect(await sql(evaluate)).toEqual(await run(federation.session, evaluate));
});

test('what left is in SQL, line by line, and within what EXPLAIN TRAIN said before', async () => {
  await sql(TRAIN);
  const sent = await sql(
    `SELECT silo, kind, sum(bytes)::bigint FROM causeway.egress_ledger
     WHERE purpose = (SELECT purpose FROM causeway.egress_ledger WHERE kind = 'updates' ORDER BY at DESC, line DESC LIMIT 1)
     GROUP BY silo, kind ORDER BY kind`,
  );
  const [silo] = sent[0]!;
  const own = openState(agentState(directoryOf(silo as Silo)));
  const kinds = Map.groupBy(new EgressLedger(own).lines(), ({ purpose }) => purpose);
  own.close();
  const job = [...kinds.keys()].findLast((purpose) => purpose.startsWith('train-'))!;
  const total = (kind: string): number =>
    kinds.get(job)!.reduce((sum, line) => sum + (line.kind === kind ? line.bytes : 0), 0);
  for (const [, kind, bytes] of sent) expect(Number(bytes)).toBe(total(kind!));
  const lines = (await sql(`EXPLAIN ${TRAIN}`)).map(([line]) => line!);
  const said = lines.filter((line) => line.includes('its agent lets out at most'));
  expect(said).toHaveLength(SILOS.length);
  const [, most] = /at most ([\d.]+) kB of updates, [\d.]+ kB of statistics/.exec(said[0]!)!;
  expect(total('updates')).toBeLessThanOrEqual(Number(most) * 1000 + 500);
});

test('EXPLAIN TRAIN says which silos train behind their agents', async () => {
  const lines = (await sql(`EXPLAIN ${TRAIN}`)).map(([line]) => line);
  expect(lines.filter((line) => /^Train in \w+, behind its agent /.test(line!))).toHaveLength(SILOS.length);
});

describe('a silo whose policy lets its rows leave for training', () => {
  // All three: on a busy machine a straggler would be left out, and the weights be others.
  const train = TRAIN.replace('rounds => 3, min_silos => 2', 'rounds => 8, min_silos => 3');
  const open = `CREATE POLICY rows ON oslo.readings ALLOW ROWS (ts, meter, load) TO mediator;
    CREATE POLICY updates ON oslo.readings ALLOW UPDATES TO mediator; SET causeway.optimize_for = 'egress'`;
  const close = `DROP POLICY rows; DROP POLICY updates; RESET causeway.optimize_for`;
  const weights = (of: Engine) => of.catalog.models.weights(of.catalog.models.get('load')!);
  const kindsSince = (before: number) =>
    new Set(
      coordinator.office.ledger
        .lines('oslo')
        .slice(before)
        .map(({ kind }) => kind),
    );
  const linesOf = () => coordinator.office.ledger.lines('oslo').length;

  test('sends them where that is cheaper, and the weights are the same bit for bit', async () => {
    await sql(train);
    const home = Buffer.from(weights(engine));
    await sql(open);
    const before = linesOf();
    const notices: Notice[] = [];
    await sql(train, notices);
    expect(Buffer.from(weights(engine)).equals(home)).toBe(true);
    expect(notices.map(({ message }) => message).join('\n')).toContain('rows of silo "oslo" come to the mediator');
    expect(kindsSince(before)).toContain('rows');
    expect(kindsSince(before)).not.toContain('updates');
    const text = (await sql(`EXPLAIN ${train}`)).map(([line]) => line).join('\n');
    expect(text).toMatch(/Train at the mediator on rows of oslo/);
    expect(text).toMatch(/rejected: behind its agent · .* times the bytes of the run/);
    await sql(close);
  });

  test('trains by itself where its agent keeps the rows, whatever the coordinator believes', async () => {
    const file = join(federation.directory, 'oslo-updates.sql');
    writeFileSync(file, 'CREATE POLICY p ON oslo.readings ALLOW UPDATES TO mediator');
    await restart('oslo', { policy: file });
    await sql(open);
    const before = linesOf();
    const notices: Notice[] = [];
    await sql(train, notices);
    expect(notices.map(({ message }) => message).join('\n')).toContain('silo "oslo" keeps its rows and trains them');
    expect(kindsSince(before)).toContain('updates');
    await sql(close);
    await restart('oslo');
  });
});

test('an agent that is killed in the middle of a run comes back, and the weights are the same', async () => {
  await sql(TRAIN);
  const expected = engine.catalog.models.weights(engine.catalog.models.get('load')!);
  let killed: Promise<void> | undefined;
  await run(session, TRAIN, {
    onNotice: ({ progress }) => {
      if (progress?.round === 1) killed ??= restart('oslo');
    },
  });
  await killed;
  const weights = engine.catalog.models.weights(engine.catalog.models.get('load')!);
  expect(Buffer.from(weights).equals(Buffer.from(expected))).toBe(true);
});

test('secure training through agents gives the plain model to the quantisation step, and no update in the clear', async () => {
  const secure = TRAIN.replace(' AS SELECT', ' PRIVACY (secure => true) AS SELECT');
  await sql(TRAIN);
  const plain = weightsOf();
  await sql(secure);
  const masked = weightsOf();
  expect(masked).not.toEqual(plain);
  masked.forEach((weight, i) => {
    expect(Math.abs(weight - plain[i]!)).toBeLessThan(1e-4);
  });
  for (const silo of SILOS) {
    const lines = coordinator.office.ledger.lines(silo);
    const job = lines.findLast(({ purpose }) => purpose.startsWith('train-'))!.purpose;
    const kinds = lines.filter(({ purpose }) => purpose === job).map(({ kind }) => kind);
    // Advertise, share, confirm and unmask in each of three rounds.
    expect(kinds.filter((kind) => kind === 'keys')).toHaveLength(12);
    expect(kinds.filter((kind) => kind === 'updates')).toHaveLength(3);
  }
});

/** The float32 weights at the end of the active version's file. */
function weightsOf(): Float32Array {
  const model = engine.catalog.models.get('load')!;
  const bytes = Uint8Array.from(engine.catalog.models.weights(model)).slice(-4 * model.metrics.parameters);
  return new Float32Array(bytes.buffer);
}

describe('the owner', () => {
  const policy = (text: string): string => {
    const file = join(federation.directory, 'policy.sql');
    mkdirSync(federation.directory, { recursive: true });
    writeFileSync(file, text);
    return file;
  };
  const refusal = (text: string) =>
    sql(text).then(
      () => undefined,
      (thrown) => thrown as Error,
    );

  test('allows updates only: rows are refused at the agent, training works', async () => {
    const file = policy('CREATE POLICY p ON paris.readings ALLOW UPDATES (secure => false) TO mediator');
    await restart('paris', { policy: file });
    expect(await refusal('SELECT load FROM paris.readings')).toMatchObject({ sqlstate: 'CW001', silo: 'paris' });
    await sql(TRAIN);
    const secret = policy('CREATE POLICY p ON paris.readings ALLOW UPDATES (secure => true) TO mediator');
    await restart('paris', { policy: secret });
    expect(await refusal(TRAIN)).toMatchObject({ sqlstate: 'CW001' });
    await sql(TRAIN.replace(' AS SELECT', ' PRIVACY (secure => true) AS SELECT'));
    await restart('paris');
  });

  test('allows updates only: ml.evaluate is computed beside the rows, and sums over windows are all that leaves', async () => {
    await sql(TRAIN);
    await run(federation.session, TRAIN);
    const evaluate = `SELECT silo, target, windows, rmse, mae, r2, persistence_rmse, seasonal_rmse
      FROM ml.evaluate('load', (SELECT ts, meter, load FROM readings)) ORDER BY silo`;
    const unguarded = await run(federation.session, evaluate);
    const updates = 'CREATE POLICY p ON paris.readings ALLOW UPDATES (secure => true) TO mediator';
    await restart('paris', { policy: policy(updates) });
    const before = coordinator.office.ledger.lines('paris').length;
    const found = await sql(evaluate);
    expect(found).toHaveLength(4);
    found.forEach(([silo, target, windows, ...figures], i) => {
      expect([silo, target, windows]).toEqual(unguarded[i]!.slice(0, 3));
      for (const [k, figure] of figures.entries()) {
        expect(Number(figure)).toBeCloseTo(Number(unguarded[i]![k + 3]), 9);
      }
    });
    const sent = coordinator.office.ledger.lines('paris').slice(before);
    expect(new Set(sent.map(({ kind }) => kind))).toEqual(new Set(['catalog', 'statistics']));
    expect(sent.filter(({ kind }) => kind === 'statistics')).toHaveLength(1);
    const recorded = await sql(
      `SELECT kind, bytes FROM causeway.egress
       WHERE silo = 'paris' AND statement LIKE 'SELECT silo, target%' ORDER BY at DESC, kind LIMIT 2`,
    );
    expect(recorded).toEqual([
      ['rows', '0'],
      ['statistics', expect.stringMatching(/^[1-9]/)],
    ]);
    const explain = `SELECT * FROM ml.explain('load') ORDER BY silo, feature, lag NULLS FIRST`;
    const expected = await run(federation.session, explain);
    const explained = await sql(explain);
    explained.forEach(([silo, feature, lag, ...figures], i) => {
      expect([silo, feature, lag]).toEqual(expected[i]!.slice(0, 3));
      for (const [k, figure] of figures.entries()) {
        expect(Number(figure)).toBeCloseTo(Number(expected[i]![k + 3]), 6);
      }
    });
    expect(explained).toHaveLength(expected.length);
    const kinds = coordinator.office.ledger.lines('paris').slice(before);
    expect(kinds.some(({ kind }) => kind === 'rows')).toBe(false);
    const rows = `ml.predict('load', (SELECT ts, meter, load FROM paris.readings))`;
    for (const call of [rows, `ml.forecast('load', horizon => 2)`]) {
      expect(await refusal(`SELECT * FROM ${call}`)).toMatchObject({
        sqlstate: 'CW001',
        silo: 'paris',
        message: expect.stringMatching(
          /^ml\.\w+ tells of single rows: policy "p" lets only model updates from paris.readings leave, not its rows/,
        ),
        hint: expect.stringContaining('ml.evaluate'),
      });
    }
    const few = `SELECT rmse FROM ml.evaluate('load', (SELECT ts, meter, load FROM paris.readings WHERE ts < '2024-01-01 14:00'))`;
    expect(await refusal(few)).toMatchObject({
      sqlstate: 'CW001',
      message: 'sums over fewer than 10 windows may not leave silo paris',
    });
    const groups = 'CREATE POLICY g ON paris.readings ALLOW AGGREGATES (min_group => 1000) TO mediator';
    await restart('paris', { policy: policy(`${updates};\n${groups}`) });
    expect((await refusal(evaluate))?.message).toBe('sums over fewer than 1000 windows may not leave silo paris');
    await restart('paris', {
      policy: policy('CREATE POLICY p ON paris.readings ALLOW UPDATES (secure => false, max_epsilon => 4) TO mediator'),
    });
    expect(await refusal(evaluate)).toMatchObject({ sqlstate: 'CW001', silo: 'paris' });
    await restart('paris');
  });

  test('allows updates and aggregates: ml.evaluate by entity is computed beside the rows, and names groups that are large enough', async () => {
    const all = 'SELECT ts, meter, load FROM readings';
    const BY = `SELECT silo, meter, windows, round(rmse::numeric, 6) FROM ml.evaluate('load', (${all}), by => 'meter') ORDER BY 1 NULLS LAST, 2`;
    const TEST = BY.replace(`, (${all})`, '');
    await run(federation.session, TRAIN);
    await sql(TRAIN);
    const expected = await run(federation.session, BY);
    expect(expected).toHaveLength(4 * 2);
    expect(await sql(BY)).toEqual(expected);
    expect(await sql(TEST)).toEqual(await run(federation.session, TEST));
    const updates = 'CREATE POLICY p ON paris.readings ALLOW UPDATES (secure => false) TO mediator';
    await restart('paris', { policy: policy(updates) });
    expect(await refusal(BY)).toMatchObject({ sqlstate: 'CW001', message: expect.stringContaining('names') });
    const groups = (rows: number) =>
      `CREATE POLICY g ON paris.readings ALLOW AGGREGATES (min_group => ${rows}) TO mediator`;
    await restart('paris', { policy: policy(`${updates};\n${groups(100)}`) });
    expect(await sql(BY)).toEqual(expected);
    // A meter has 188 windows, both together have more than 300.
    await restart('paris', { policy: policy(`${updates};\n${groups(300)}`) });
    expect((await sql(BY)).map(([silo]) => silo)).not.toContain('paris');
    await restart('paris');
  });

  test('names no category where it allows updates only, and none of fewer rows than it says', async () => {
    const updates = 'CREATE POLICY p ON paris.readings ALLOW UPDATES (secure => false) TO mediator';
    await restart('paris', { policy: policy(updates) });
    expect(await refusal(NAMED)).toMatchObject({ sqlstate: 'CW001', message: expect.stringContaining('names') });
    const groups = 'CREATE POLICY g ON paris.readings ALLOW AGGREGATES (min_group => 300) TO mediator';
    await restart('paris', { policy: policy(`${updates};\n${groups}`) });
    await sql(NAMED);
    const { siloStatistics, statistics } = engine.catalog.models.get('named')!.signature;
    expect(statistics[1]!.vocabulary).not.toContain('paris');
    expect(siloStatistics!.paris![0]!.entities).toEqual([]);
    await restart('paris');
  });

  test('gives a table a privacy budget that all trainings share', async () => {
    const file = policy(
      'CREATE POLICY p ON paris.readings ALLOW UPDATES (secure => false, max_epsilon => 4) TO mediator',
    );
    await restart('paris', { policy: file });
    expect(await refusal(TRAIN)).toMatchObject({ sqlstate: 'CW001' });
    const noisy = TRAIN.replace(' AS SELECT', ' PRIVACY (epsilon => 3) AS SELECT');
    await sql(noisy);
    expect((await refusal(noisy))?.message).toMatch(
      /privacy budget of paris.readings per silo is ε = 4: 3\.0000 is spent, this would make it 4\.\d+/,
    );
    // The model's card tells what only the agent knows.
    const { protection } = engine.catalog.models.get('load')!.metrics;
    const [berlin, , paris] = protection!.silos;
    expect(paris!.policies).toEqual([
      'CREATE POLICY p ON paris.readings ALLOW UPDATES (secure => false, max_epsilon => 4) TO mediator',
    ]);
    expect(paris!.ledger).toMatchObject([{ table: 'paris.readings', unit: 'silo', budget: 4 }]);
    expect(paris!.ledger[0]!.spent).toBeCloseTo(paris!.spent!.epsilon, 9);
    expect(berlin).toMatchObject({ policies: [], ledger: [], spent: { epsilon: paris!.spent!.epsilon } });
    const ACCOUNTS = `SELECT silo, kept_by, "table", unit, epsilon, round(spent::numeric, 3), round(remaining::numeric, 3)
      FROM causeway.privacy_ledger WHERE kept_by <> 'coordinator' ORDER BY 1`;
    expect(await sql(ACCOUNTS)).toEqual([['paris', 'agent', 'paris.readings', 'silo', '4', '3.000', '1.000']]);
    // An agent that is away does not hide: its line says so.
    await agents.get('paris')!.stop();
    expect(await sql(ACCOUNTS)).toEqual([['paris', 'agent, which does not answer', null, null, null, null, null]]);
    await restart('paris');
  });

  test('allows rows of some columns only', async () => {
    const file = policy('CREATE POLICY p ON paris.readings ALLOW ROWS (ts, meter) TO mediator');
    await restart('paris', { policy: file });
    expect((await sql('SELECT ts, meter FROM paris.readings')).length).toBe(400);
    expect(await refusal('SELECT load FROM paris.readings')).toMatchObject({ sqlstate: 'CW001' });
    expect(await refusal(TRAIN)).toMatchObject({
      sqlstate: 'CW001',
      message: expect.stringContaining('no policy lets updates of a model trained on readings leave'),
    });
    await restart('paris');
  });

  test('lets the rows of a WHERE leave: the agent puts it in, the coordinator need not know of it', async () => {
    const file = policy('CREATE POLICY p ON paris.readings ALLOW ROWS (ts, load) TO mediator WHERE meter = 2');
    await restart('paris', { policy: file });
    expect(await sql('SELECT count(*) FROM (SELECT ts, load FROM paris.readings) AS r')).toEqual([['200']]);
    const [[least] = []] = await run(federation.session, 'SELECT min(load) FROM paris.readings WHERE meter = 2');
    expect(await sql('SELECT min(load) FROM (SELECT ts, load FROM paris.readings) AS r')).toEqual([[least]]);
    expect(await refusal('SELECT meter FROM paris.readings')).toMatchObject({ sqlstate: 'CW001', silo: 'paris' });
    const wrong = policy('CREATE POLICY p ON paris.readings ALLOW ROWS (ts) TO mediator WHERE nobody = 2');
    await agents.get('paris')!.stop();
    expect(await start('paris', { policy: wrong }).ended).toMatchObject({ sqlstate: '42703' });
    await restart('paris');
  });

  test('lets a model learn from the rows of a WHERE: the agent puts it in, into training and scoring', async () => {
    const file = policy(
      'CREATE POLICY p ON paris.readings ALLOW UPDATES (secure => false) TO mediator WHERE meter = 2',
    );
    await restart('paris', { policy: file });
    await sql(TRAIN);
    const { silos } = engine.catalog.models.get('load')!.metrics;
    expect(silos.map(({ rows, silo }) => [silo, rows])).toEqual([
      ['berlin', 400],
      ['oslo', 400],
      ['paris', 200],
    ]);
    const windows = (where: string) =>
      sql(
        `SELECT windows FROM ml.evaluate('load', (SELECT ts, meter, load FROM paris.readings ${where})) WHERE silo = 'paris'`,
      );
    expect(await windows('')).toEqual(await windows('WHERE meter = 2'));
    expect(
      (
        await refusal(
          `SELECT windows FROM ml.evaluate('load', (SELECT ts, meter, load FROM paris.readings WHERE meter = 1))`,
        )
      )?.message,
    ).toContain('has not one training window');
    await restart('paris');
  });

  test('approves plans by hash', async () => {
    await restart('berlin', { approval: 'ask' });
    const asked = await refusal(TRAIN);
    expect(asked?.message).toMatch(/waits for the owner’s approval \(plan [0-9a-f]{12}\)/);
    const db = openState(agentState(directoryOf('berlin')));
    const book = new JobBook(db);
    const [first] = book.approvals();
    expect(first).toMatchObject({ state: 'asked', statement: expect.stringContaining('TRAIN OR REPLACE MODEL load') });
    expect(book.decide(first!.hash.slice(0, 12), 'approved')).toBe(true);
    await sql(TRAIN);
    book.decide(first!.hash, 'denied');
    expect((await refusal(TRAIN))?.message).toMatch(/was denied by the owner/);
    db.close();
    await restart('berlin');
  });

  test('limits cores, rows and bytes', async () => {
    await restart('oslo', { quotas: { cpu: 1 } });
    await sql(TRAIN);
    await restart('oslo', { quotas: { rows: 100, row_bytes: 1000 } });
    expect((await refusal(TRAIN))?.message).toMatch(/silo oslo lets a job read 100 rows at most/);
    expect((await refusal('SELECT * FROM oslo.readings'))?.message).toMatch(/does not send \d+ bytes of rows/);
    await restart('oslo');
  });
});

describe('jobs that are not what they should be', () => {
  /** The first job that the coordinator sends to paris, as it is on its way. */
  async function caught(): Promise<SignedJob> {
    const call = vi.spyOn(coordinator.hub, 'call');
    onTestFinished(() => call.mockRestore());
    await sql(TRAIN);
    const open = call.mock.calls.find(([silo, { method }]) => silo === 'paris' && method === 'train.open');
    return (open![1].body as OpenBody).job;
  }
  const send = (silo: string, job: SignedJob) =>
    coordinator.hub
      .call(silo, { id: randomUUID(), method: 'train.open', body: { job } }, new AbortController().signal)
      .then(
        () => undefined,
        (thrown) => thrown as Error,
      );

  test('a job that is over, sent again', async () => {
    expect(await send('paris', await caught())).toMatchObject({
      sqlstate: '42501',
      silo: 'paris',
      message: expect.stringContaining('is over and was sent again'),
    });
  });

  test('a job to score, sent to train', async () => {
    const { run: asked, ...job } = fromJson((await caught()).text) as Job;
    const scoring = { ...asked, rounds: 0, scoring: { leastWindows: 1 } };
    const manifest = manifestOf(job.spec, scoring);
    expect(manifest.updates).toBe(0);
    const { authority } = coordinator.office;
    const signed = signJob({ ...job, id: `train-${randomUUID()}`, run: scoring, manifest }, (b) => authority.sign(b));
    expect((await send('paris', signed))?.message).toBe('silo paris refuses the call: its job is to score');
  });

  test('a job for another silo', async () => {
    expect((await send('berlin', await caught()))?.message).toBe('silo berlin refuses the job: it is for silo paris');
  });

  test.each([
    ['more rounds', (text: string) => text.replace('"rounds":3', '"rounds":9')],
    ['another id', (text: string) => text.replace(/"id":"train-[0-9a-f]{4}/, '"id":"train-0000')],
    ['a later end', (text: string) => text.replace(/"expires":\d/, '"expires":9')],
  ])('a job that was changed on its way: %s', async (_, change) => {
    const { signature, text } = await caught();
    expect(change(text)).not.toBe(text);
    expect(await send('paris', { signature, text: change(text) })).toMatchObject({
      sqlstate: '42501',
      silo: 'paris',
      message: expect.stringContaining('is not signed by the coordinator'),
    });
  });

  test.each([
    ['an end that has passed', (job: Job): Job => ({ ...job, expires: Date.now() - 1 }), /has expired/],
    [
      'a manifest of the coordinator’s own making',
      (job: Job): Job => ({ ...job, manifest: { ...job.manifest, updates: 1e12 } }),
      /asks for more egress than it needs/,
    ],
  ])('a job that is signed, with %s', async (_, change, message) => {
    const job = fromJson((await caught()).text) as Job;
    const { authority } = coordinator.office;
    const forged = signJob(change({ ...job, id: `train-${randomUUID()}` }), (bytes) => authority.sign(bytes));
    expect((await send('paris', forged))?.message).toMatch(message);
  });
});

describe('updates that are not what they should be', () => {
  /** The update of paris in round 2, damaged after it has left the silo. */
  function damaged(change: (update: Float32Array) => Uint8Array): void {
    const { hub } = coordinator;
    const call = hub.call.bind(hub);
    const spy = vi.spyOn(hub, 'call').mockImplementation(async (silo, request, signal) => {
      const answer = await call(silo, request, signal);
      if (silo !== 'paris' || request.method !== 'train.round' || !request.id.endsWith('/2')) return answer;
      const update = new Float32Array(Uint8Array.from(answer.payloads[0]!).buffer);
      return { ...answer, payloads: [change(update)] };
    });
    onTestFinished(() => spy.mockRestore());
  }
  const bytesOf = (values: Float32Array) => new Uint8Array(values.buffer);

  const FAULTS = [
    [
      'of the wrong shape',
      (update: Float32Array) => bytesOf(update.slice(1)),
      /has \d+ delta values, the model has \d+/,
    ],
    ['with a NaN', (update: Float32Array) => bytesOf(update.with(5, Number.NaN)), /has delta value NaN at 5/],
    ['with an infinity', (update: Float32Array) => bytesOf(update.with(7, Infinity)), /has delta value Infinity at 7/],
    [
      'a million times as large',
      (update: Float32Array) => bytesOf(update.map((value) => 1e9 * value)),
      /is absurdly large/,
    ],
    ['of bytes that are no numbers', (update: Float32Array) => bytesOf(update).subarray(2), /bytes are no weights/],
  ] as const;

  test.each(FAULTS)('%s: the round goes on without it, and both ends say why', async (_, change, reason) => {
    const log: unknown[] = [];
    await restart('paris', {}, (_event, details) => log.push(details?.event));
    damaged(change);
    const notices: Notice[] = [];
    await sql(TRAIN, notices);
    const { metrics } = engine.catalog.models.get('load')!;
    expect(metrics.rounds).toHaveLength(3);
    expect(metrics.silos.map(({ silo }) => silo)).toEqual([...SILOS]);
    const warnings = notices.filter(({ severity }) => severity === 'WARNING').map(({ message }) => message);
    expect(warnings).toEqual([expect.stringMatching(/^round 2 goes on without silo "paris": /)]);
    expect(warnings[0]).toMatch(reason);
    await vi.waitFor(() => expect(log).toContainEqual(expect.stringMatching(reason)));
    await restart('paris');
  });

  test('where all silos are needed the training fails, names the silo at both ends, and leaves no version', async () => {
    const log: unknown[] = [];
    await restart('paris', {}, (_event, details) => log.push(details?.event));
    damaged(FAULTS[1][1]);
    const strict = TRAIN.replace(', min_silos => 2', '').replace('MODEL load', 'MODEL strict');
    await expect(sql(strict)).rejects.toMatchObject({
      sqlstate: 'CW002',
      message: expect.stringMatching(/^round 2 has updates of 2 silos, it needs 3; lost: paris$/),
      detail: expect.stringContaining('has delta value NaN at 5'),
    });
    expect(engine.catalog.models.get('strict')).toBeUndefined();
    await vi.waitFor(() => expect(log).toContainEqual(expect.stringMatching(/^the training failed: .*paris.*NaN/s)));
    // Nothing is half done: with sound updates it goes on to the weights of a run that was left alone.
    vi.restoreAllMocks();
    await sql('RESUME TRAIN strict');
    await sql(strict.replace('MODEL strict', 'MODEL whole'));
    const { models } = engine.catalog;
    const weights = (name: string) =>
      Buffer.from(models.weights(models.get(name)!)).subarray(-4 * models.get(name)!.metrics.parameters);
    expect(weights('strict').equals(weights('whole'))).toBe(true);
    await restart('paris');
  });
});

test('a silo whose table loses a column in the middle of a run is named; the others go on, and nothing is half done', async () => {
  const client = new pg.Client({ connectionString: federation.postgresUrl });
  await client.connect();
  onTestFinished(() => client.end());
  const versions = engine.catalog.models.versions('load').length;
  const notices: Notice[] = [];
  let changed: Promise<void> | undefined;
  const change = async (): Promise<void> => {
    await client.query('ALTER TABLE readings RENAME COLUMN load TO burden');
    // Rows are read once; an agent that starts again reads them again.
    await restart('berlin');
  };
  await run(session, TRAIN, {
    onNotice: (notice) => {
      notices.push(notice);
      if (notice.progress?.round === 1) changed ??= change();
    },
  });
  await changed;
  const warnings = notices.filter(({ severity }) => severity === 'WARNING').map(({ message }) => message);
  expect(warnings.length).toBeGreaterThan(0);
  for (const warning of warnings) expect(warning).toMatch(/(without|not tested in) silo "berlin": .*load/);
  expect(engine.catalog.models.versions('load')).toHaveLength(versions + 1);
  await client.query('ALTER TABLE readings RENAME COLUMN burden TO load');
  await restart('berlin');
});

test('a silo that is revoked is named, and the session goes on', async () => {
  coordinator.office.registry.revoke('oslo');
  coordinator.hub.disconnect('oslo');
  expect(await agents.get('oslo')!.ended).toMatchObject({ message: expect.stringContaining('was revoked') });
  expect(await sql('SELECT count(*) FROM berlin.readings')).toEqual([['400']]);
});
