/** TRAIN inside BigQuery: the test server calls the generated function itself, in a V8 context of its own (test/servers/bigquery/functions.ts). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { weightLayout } from '../../operators/lstm/model.ts';
import { decodeSafetensors } from '../../operators/lstm/safetensors.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { Session } from '../../src/engine/session.ts';
import { trainingFunction } from '../servers/bigquery/functions.ts';
import { siloOptions } from '../servers/bigquery/place.ts';
import { type BigQueryTestServer, startBigQuery } from '../servers/bigquery/server.ts';
import { READINGS, run } from '../support/federation.ts';

const NAME = 'acme.test.causeway_lstm_step';

const TRAIN = (name: string, over: { using?: string; query?: string } = {}): string =>
  `TRAIN OR REPLACE MODEL ${name} PREDICT load FORECAST BY ts PER meter WINDOW 12 HORIZON 2
   USING lstm (hidden => 6, batch => 32, season => 24, learning_rate => 1e-2 ${over.using ?? ''})
   FEDERATE fedavg (rounds => 3) AS ${over.query ?? 'SELECT ts, meter, load, heat FROM big.readings'}`;

describe('training inside BigQuery', () => {
  const directory = mkdtempSync(join(tmpdir(), 'causeway-engine-step-'));
  const asked: string[] = [];
  let server: BigQueryTestServer;
  let engine: Engine;
  let session: Session;

  const sql = (text: string) => run(session, text);
  const weights = (name: string): Float32Array => {
    const { models } = engine.catalog;
    const model = models.get(name)!;
    return decodeSafetensors(models.weights(model), weightLayout(model.signature.spec)).weights;
  };
  const createSilo = (name: string, trainer: string) => {
    const options = Object.entries({ ...siloOptions(server.url), training_function: trainer });
    return sql(`CREATE SILO ${name} USING bigquery OPTIONS (${options.map(([k, v]) => `${k} '${v}'`).join(', ')})`);
  };

  beforeAll(async () => {
    server = await startBigQuery({
      functions: {
        [NAME]: (job, rows) => {
          asked.push((JSON.parse(job) as { readonly ask: string }).ask);
          return trainingFunction(job, rows);
        },
      },
    });
    // A NULL in the middle, a date as a feature, and a number of the service's own kind.
    await server.sql.run(`CREATE TABLE readings AS SELECT CAST(ts AS TIMESTAMPTZ) AS ts, CAST(meter AS BIGINT) AS meter, load,
      CAST(CASE WHEN extract('hour' FROM ts) = 3 AND meter = 2 AND extract('day' FROM ts) = 4 THEN NULL ELSE 10 + load / 7 END
        AS DECIMAL(38, 9)) AS heat FROM (${READINGS(200, 0)})`);
    engine = await Engine.open({ directory });
    session = engine.openSession();
    await createSilo('big', NAME);
    await sql("SET causeway.training_backend = 'reference'");
    await sql("SET causeway.speculation = 'off'");
  });
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  test('makes the weights of the training here', async () => {
    await sql(TRAIN('home'));
    expect(asked).toEqual([]);
    await sql('ALTER SILO big SET (price_per_gb => 1000000)');
    await sql("SET causeway.optimize_for = 'money'");
    expect((await sql(`EXPLAIN ${TRAIN('m')}`)).flat().join('\n')).toContain('Train in big, inside its own engine');
    await sql(TRAIN('inside'));
    expect(asked).toEqual(['describe', ...Array(3).fill(['train', 'evaluate']).flat(), 'evaluate', 'alone']);
    const [here, there] = [weights('home'), weights('inside')];
    expect(Math.max(...here.map((weight, k) => Math.abs(weight - there[k]!)))).toBeLessThan(1e-4);
    const [a, b] = ['home', 'inside'].map((name) => engine.catalog.models.get(name)!.metrics.silos[0]!);
    expect(b).toMatchObject({ rows: a!.rows, windows: a!.windows });
    const [first, second] = [a!.test[0]!, b!.test[0]!] as unknown as Record<string, number>[];
    for (const name of ['rmse', 'persistenceRmse', 'seasonalRmse', 'localRmse'])
      expect(second![name]).toBeCloseTo(first![name]!, 3);
  });

  test('no row leaves', async () => {
    await sql(TRAIN('again'));
    const egress = await sql(
      `SELECT kind, bytes FROM causeway.egress WHERE statement LIKE '%MODEL again %' ORDER BY 1`,
    );
    expect(egress.find(([kind]) => kind === 'rows')).toEqual(['rows', '0']);
  });

  test('does what the procedure of no other engine does', async () => {
    await sql(TRAIN('dropped', { using: ", layers => 2, dropout => 0.2, optimizer => 'rmsprop', min_window => 6" }));
    expect(asked.at(-1)).toBe('alone');
  });

  test.each([
    ['a loss', ", loss => 'quantile', quantiles => ARRAY[0.1, 0.9]", 'the loss quantile'],
    ['scales by entity', ", scale => 'entity'", 'scales by entity'],
  ])('is not lawful with %s, by name', async (_, using, reason) => {
    const plan = (await sql(`EXPLAIN ${TRAIN('m', { using })}`)).flat().join(' ').replace(/\s+/g, ' ');
    expect(plan).toContain(`its engine cannot do this: ${reason}`);
  });

  test('what the function says of the rows reaches the user', async () => {
    const query = 'SELECT ts, meter, load, CASE WHEN load < -1000 THEN load END AS heat FROM big.readings';
    await expect(sql(TRAIN('m', { query }))).rejects.toMatchObject({
      message: expect.stringContaining('column "heat" is NULL in every row'),
    });
  });

  test('a function that is not there is said by the service; the option is a name', async () => {
    await createSilo('other', 'acme.test.not_there');
    await sql('ALTER SILO other SET (price_per_gb => 1000000)');
    await expect(sql(TRAIN('m', { query: 'SELECT ts, meter, load FROM other.readings' }))).rejects.toMatchObject({
      sqlstate: '42883',
      message: expect.stringContaining('not_there'),
    });
    await expect(createSilo('bad', 'f(); DROP TABLE b')).rejects.toMatchObject({
      sqlstate: '22023',
      message: expect.stringContaining('training_function is no name'),
    });
  });
});
