/** TRAIN inside a silo's own engine: a Snowflake silo whose procedure is the product's own trainer (reference-procedure.ts). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { weightLayout } from '../../operators/lstm/model.ts';
import { decodeSafetensors } from '../../operators/lstm/safetensors.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { Notice } from '../../src/engine/result.ts';
import type { Session } from '../../src/engine/session.ts';
import { siloOptions } from '../servers/snowflake/place.ts';
import type { Procedures } from '../servers/snowflake/procedures.ts';
import { referenceProcedure } from '../servers/snowflake/reference-procedure.ts';
import { type SnowflakeTestServer, startSnowflake } from '../servers/snowflake/server.ts';
import { READINGS, run } from '../support/federation.ts';

const NAME = 'TEST.PUBLIC.CAUSEWAY_LSTM_STEP';

const TRAIN = (
  name: string,
  over: { hidden?: number; using?: string; federate?: string; more?: string; query?: string } = {},
): string =>
  `TRAIN OR REPLACE MODEL ${name} PREDICT load FORECAST BY ts PER meter WINDOW 12 HORIZON 2
   USING lstm (hidden => ${over.hidden ?? 6}, batch => 32, season => 24, learning_rate => 1e-2 ${over.using ?? ''})
   FEDERATE fedavg (rounds => 3 ${over.federate ?? ''}) ${over.more ?? ''} AS ${over.query ?? 'SELECT ts, meter, load, heat FROM snow.readings'}`;

describe('training inside the engine of a silo', () => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-engine-step-'));
  const asked: string[] = [];
  let answering: Procedures[string] | undefined;
  let server: SnowflakeTestServer;
  let engine: Engine;
  let session: Session;

  const sql = (text: string, notices: Notice[] = []) => run(session, text, { onNotice: (each) => notices.push(each) });
  const explained = async (text: string) => (await sql(`EXPLAIN ${text}`)).flat().join('\n');
  const weights = (name: string): Float32Array => {
    const { models } = engine.catalog;
    const model = models.get(name)!;
    return decodeSafetensors(models.weights(model), weightLayout(model.signature.spec)).weights;
  };
  const metrics = (name: string) => engine.catalog.models.get(name)!.metrics;

  beforeAll(async () => {
    server = await startSnowflake({
      procedures: (place) => ({
        [NAME]: (job, signal) => {
          asked.push((job as { readonly ask: string }).ask);
          return (answering ?? referenceProcedure(place)!)(job, signal);
        },
      }),
    });
    const heat = `SELECT ts AS "TS", meter AS "METER", load AS "LOAD",
      CASE WHEN extract('hour' FROM ts) = 3 AND meter = 2 AND extract('day' FROM ts) = 4 THEN NULL ELSE 10 + load / 7 END AS "HEAT"`;
    await server.sql.run(`CREATE TABLE "READINGS" AS ${heat} FROM (${READINGS(200, 0)})`);
    engine = await Engine.open({ directory });
    session = engine.openSession();
    const options = Object.entries({ ...siloOptions(server.url), training_procedure: NAME });
    const written = options.map(([name, value]) => `${name} '${value}'`).join(', ');
    for (const name of ['snow', 'snow2', 'snow3'])
      await sql(`CREATE SILO ${name} USING snowflake OPTIONS (${written})`);
    await sql('CREATE FEDERATED TABLE everywhere AS snow.readings, snow2.readings, snow3.readings');
    await sql("SET causeway.training_backend = 'reference'");
    await sql("SET causeway.speculation = 'off'");
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  test('is priced against reading the rows, and shown where it is dearer', async () => {
    const plan = await explained(TRAIN('m'));
    expect(plan).toContain('Train in snow, by its worker in this process');
    expect(plan).toMatch(/rejected: inside its own engine · .* of updates out ·\s+.* times the time of the run/);
    await sql(TRAIN('home'));
    expect(asked).toEqual([]);
  });

  test('is chosen where rows are dear to move, and makes the weights of the training here', async () => {
    await sql('ALTER SILO snow SET (price_per_gb => 1000000)');
    await sql("SET causeway.optimize_for = 'money'");
    expect(await explained(TRAIN('m'))).toContain('Train in snow, inside its own engine');
    const notices: Notice[] = [];
    await sql(TRAIN('inside'), notices);
    expect(notices.map(({ message }) => message).join('\n')).toContain('trains inside its own engine');
    expect(asked).toEqual(['describe', ...Array(3).fill(['train', 'evaluate']).flat(), 'evaluate', 'alone']);
    const [here, there] = [weights('home'), weights('inside')];
    expect(there).toHaveLength(here.length);
    // The update is a difference of float32: added again it may be off in the last bit.
    const apart = Math.max(...here.map((weight, k) => Math.abs(weight - there[k]!)));
    expect(apart).toBeLessThan(1e-6);
    const [atHome, inside] = [metrics('home'), metrics('inside')];
    expect(inside.silos[0]).toMatchObject({ rows: atHome.silos[0]!.rows, windows: atHome.silos[0]!.windows });
    const [a, b] = [atHome, inside].map(({ silos }) => silos[0]!.test[0]!) as unknown as Record<string, number>[];
    for (const name of ['rmse', 'persistenceRmse', 'seasonalRmse', 'localRmse'])
      expect(b![name]).toBeCloseTo(a![name]!, 4);
  });

  test('no row leaves: neither the table nor a part of it is selected', async () => {
    const before = server.log.length;
    await sql(TRAIN('again'));
    const texts = server.log.slice(before).flatMap(({ sql: text }) => (text === undefined ? [] : [text]));
    expect(texts.filter((text) => text.includes('"READINGS"')).every((text) => text.startsWith('CALL'))).toBe(true);
    const egress = await sql(
      `SELECT kind, bytes FROM causeway.egress WHERE statement LIKE '%MODEL again %' ORDER BY 1`,
    );
    expect(egress.find(([kind]) => kind === 'rows')).toEqual(['rows', '0']);
    expect(egress.find(([kind]) => kind === 'updates')?.[1]).toBe(String(3 * 4 * weights('again').length));
  });

  test.each([
    [
      'masks',
      { more: 'PRIVACY (secure => true)', query: 'SELECT ts, meter, load FROM everywhere' },
      'PRIVACY (secure)',
    ],
    ['noise inside', { more: "PRIVACY (epsilon => 4, unit => 'record')" }, 'noise for every record'],
    ['compression', { federate: ", compress => 'int8'" }, 'the compression int8'],
    ['heads of its own', { federate: ", personalize => 'head'" }, "a head of each silo's own"],
    ['a loss', { using: ", loss => 'quantile', quantiles => ARRAY[0.1, 0.9]" }, 'the loss quantile'],
    ['an optimizer', { using: ", optimizer => 'rmsprop'" }, 'the optimizer rmsprop'],
    ['scales by entity', { using: ", scale => 'entity'" }, 'scales by entity'],
    ['a network that no statement holds', { hidden: 300 }, '365101 weights: a statement of Snowflake holds'],
  ])('is not lawful with %s, by name', async (_, over, reason) => {
    const plan = (await explained(TRAIN('m', over))).replace(/\s+/g, ' ');
    expect(plan).toContain(`its engine cannot do this: ${reason}`);
    expect(plan).not.toContain('Train in snow, inside its own engine');
  });

  test('noise on the mean of whole silos is made here, so that it is lawful', async () => {
    const more = "PRIVACY (epsilon => 8, unit => 'silo', clip => 0.5)";
    expect(await explained(TRAIN('m', { more }))).toContain('Train in snow, inside its own engine');
  });

  test('is not lawful where a part of the query stays outside', async () => {
    const query =
      "SELECT ts, meter, load, CAST(regexp_replace(CAST(meter AS text), '1', '5') AS integer) AS heat FROM snow.readings";
    const plan = (await explained(TRAIN('m', { query }))).replace(/\s+/g, ' ');
    expect(plan).toContain('a part of the feature query can only be done outside its engine');
  });

  test('is not lawful where no update may leave', async () => {
    await sql('CREATE POLICY p ON snow.readings ALLOW ROWS (ts, meter, load, heat) TO mediator');
    try {
      const plan = (await explained(TRAIN('m'))).replace(/\s+/g, ' ');
      expect(plan).toContain('Train at the mediator on rows of snow');
      expect(plan).toMatch(
        /rejected: inside its own engine .* no policy of snow lets model updates from snow\.readings leave/,
      );
    } finally {
      await sql('DROP POLICY p');
    }
  });

  test.each([
    ['nonsense', { ask: 'what' }, 'did not answer "describe" as expected'],
    ['no windows', null, 'did not answer "describe" as expected'],
  ])('an answer of %s is an error that names the silo', async (_, answer, message) => {
    answering = async () => answer;
    try {
      await expect(sql(TRAIN('m'))).rejects.toMatchObject({
        sqlstate: 'CW002',
        message: expect.stringContaining(message),
      });
    } finally {
      answering = undefined;
    }
  });

  test('an update of another size is refused', async () => {
    answering = async (job, signal) => {
      const answer = await referenceProcedure(server.sql)!(job, signal);
      return (job as { readonly ask: string }).ask === 'train' ? { ...(answer as object), update: 'AAAAAA==' } : answer;
    };
    try {
      await expect(sql(TRAIN('m'))).rejects.toMatchObject({ message: expect.stringMatching(/snow/) });
    } finally {
      answering = undefined;
    }
  });

  test('a cancel ends the call at the service', async () => {
    const stop = new AbortController();
    answering = async (job, signal) => {
      if ((job as { readonly ask: string }).ask !== 'train') return referenceProcedure(server.sql)!(job, signal);
      setTimeout(() => stop.abort(), 20);
      await new Promise((_, fail) => signal.addEventListener('abort', () => fail(signal.reason)));
    };
    try {
      const trained = run(session, TRAIN('m'), { signal: stop.signal });
      await expect(trained).rejects.toMatchObject({ sqlstate: '57014' });
      await expect.poll(() => server.running()).toBe(0);
    } finally {
      answering = undefined;
    }
  });

  test('a procedure that is not there is said by the service', async () => {
    const options = Object.entries({ ...siloOptions(server.url), training_procedure: 'NOT_THERE' });
    await sql(`CREATE SILO other USING snowflake OPTIONS (${options.map(([k, v]) => `${k} '${v}'`).join(', ')})`);
    await sql('ALTER SILO other SET (price_per_gb => 1000000)');
    await expect(sql(TRAIN('m', { query: 'SELECT ts, meter, load FROM other.readings' }))).rejects.toMatchObject({
      message: expect.stringContaining('NOT_THERE'),
    });
  });

  test('the option is a name', async () => {
    const options = Object.entries({ ...siloOptions(server.url), training_procedure: 'a; DROP TABLE b' });
    await expect(
      sql(`CREATE SILO bad USING snowflake OPTIONS (${options.map(([k, v]) => `${k} '${v}'`).join(', ')})`),
    ).rejects.toMatchObject({
      sqlstate: '22023',
      message: expect.stringContaining('training_procedure is not a name'),
    });
  });
});
