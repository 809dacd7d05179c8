/** PRIVACY is kept or refused, never ignored. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Federation, openFederation, run } from '../support/federation.ts';

const TRAIN = (privacy: string, federate = 'fedavg (rounds => 2)', from = 'readings'): string =>
  `TRAIN OR REPLACE MODEL load PREDICT load FORECAST BY ts PER meter WINDOW 12 HORIZON 1
   USING lstm (hidden => 8, batch => 32, season => 24, learning_rate => 1e-2)
   FEDERATE ${federate} ${privacy} AS SELECT ts, meter, load FROM ${from}`;

let federation: Federation;
beforeAll(async () => {
  federation = await openFederation(inject('postgres'));
});
afterAll(() => federation[Symbol.asyncDispose]());

const sql = (text: string) => run(federation.session, text);

/** The float32 weights at the end of the active version's file. */
function weights(): Float32Array {
  const { models } = federation.engine.catalog;
  const model = models.get('load')!;
  return new Float32Array(Uint8Array.from(models.weights(model)).slice(-4 * model.metrics.parameters).buffer);
}

const distance = (a: Float32Array, b: Float32Array): number =>
  Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0));

test('secure aggregation gives the plain model to rounding', async () => {
  await sql(TRAIN(''));
  const plain = weights();
  await sql(TRAIN('PRIVACY (secure => true)'));
  expect(distance(weights(), plain)).toBeGreaterThan(0);
  expect(distance(weights(), plain)).toBeLessThan(1e-3);
});

test('noise on the mean is as large as its budget says, with and without secure aggregation', async () => {
  await sql(TRAIN('PRIVACY (epsilon => 1e6)'));
  const almost = weights();
  for (const secure of [false, true]) {
    await sql(TRAIN(`PRIVACY (epsilon => 5, secure => ${secure})`));
    const moved = distance(weights(), almost);
    await sql(TRAIN(`PRIVACY (epsilon => 50, secure => ${secure})`));
    expect(moved).toBeGreaterThan(distance(weights(), almost));
  }
});

test('a policy with a WHERE lets a model learn from those rows only', async () => {
  const select = `TRAIN OR REPLACE MODEL load PREDICT load FORECAST BY ts PER meter WINDOW 12 HORIZON 1
    USING lstm (hidden => 8) FEDERATE fedavg (rounds => 2) AS SELECT ts, meter, load FROM readings`;
  await sql(`${select} WHERE silo <> 'oslo' OR meter = 2`);
  const some = weights();
  await sql('CREATE POLICY half ON oslo.readings ALLOW UPDATES (secure => false) TO mediator WHERE meter = 2');
  try {
    const notices: string[] = [];
    await run(federation.session, select, {
      onNotice: ({ message, severity }) => severity === 'NOTICE' && notices.push(message),
    });
    expect(weights()).toEqual(some);
    expect(notices).toContain('oslo.readings: rows outside policy half (WHERE meter = 2) are left out');
    const windows = (where: string) =>
      sql(
        `SELECT windows FROM ml.evaluate('load', (SELECT ts, meter, load FROM oslo.readings ${where})) WHERE silo = 'oslo'`,
      );
    expect(await windows('')).toEqual(await windows('WHERE meter = 2'));
  } finally {
    await sql('DROP POLICY half');
  }
});

test('the ledger counts what trainings cost a table, and refuses when its budget is spent', async () => {
  await sql('CREATE POLICY budget ON oslo.readings ALLOW UPDATES (max_epsilon => 3) TO mediator');
  try {
    const train = TRAIN("PRIVACY (epsilon => 3, unit => 'record')");
    await sql(train);
    const line = `SELECT epsilon, spent, remaining FROM causeway.privacy_ledger WHERE "table" = 'oslo.readings' AND unit = 'record'`;
    const [first] = await sql(line);
    expect(Number(first![0])).toBe(3);
    expect(Number(first![1])).toBeGreaterThan(2.9);
    expect(Number(first![1]) + Number(first![2])).toBeCloseTo(3, 9);
    await expect(sql(train)).rejects.toMatchObject({
      sqlstate: 'CW001',
      message: expect.stringMatching(/budget of oslo.readings per record is ε = 3/),
    });
    expect(await sql(line)).toEqual([first]);
  } finally {
    await sql('DROP POLICY budget');
  }
});

test('where only updates may leave, ml.evaluate and ml.explain give the same figures, and their sums are all that leaves', async () => {
  await sql(TRAIN(''));
  const evaluate = `SELECT silo, windows, rmse, mae FROM ml.evaluate('load', (SELECT ts, meter, load FROM readings)) ORDER BY silo`;
  const explain = `SELECT * FROM ml.explain('load') ORDER BY silo, feature, lag`;
  const open = [await sql(evaluate), await sql(explain)];
  await sql('CREATE POLICY keep ON oslo.readings ALLOW UPDATES TO mediator');
  try {
    expect([await sql(evaluate), await sql(explain)]).toEqual(open);
    const egress = await sql(
      `SELECT statement LIKE '%evaluate%', kind, bytes > 0 FROM causeway.egress WHERE silo = 'oslo' ORDER BY at DESC, 1 DESC, kind LIMIT 4`,
    );
    expect(egress.map(([, kind, some]) => [kind, some])).toEqual([
      ['rows', 'f'],
      ['statistics', 't'],
      ['rows', 'f'],
      ['statistics', 't'],
    ]);
    await expect(
      sql(
        `SELECT * FROM ml.evaluate('load', (SELECT ts, meter, load FROM oslo.readings WHERE ts < '2024-01-01 14:00'))`,
      ),
    ).rejects.toMatchObject({ sqlstate: 'CW001', message: 'sums over fewer than 10 windows may not leave silo oslo' });
    await expect(sql("SELECT * FROM ml.forecast('load')")).rejects.toMatchObject({
      sqlstate: 'CW001',
      message: expect.stringContaining('policy "keep" lets only model updates from oslo.readings leave'),
    });
  } finally {
    await sql('DROP POLICY keep');
  }
});

test.each(['record', 'entity'])('noise in the silo protects each %s, and grows as ε falls', async (unit) => {
  // Plain steps are as long as the noise in them; Adam's are not.
  const train = (epsilon: number): Promise<unknown> =>
    sql(TRAIN(`PRIVACY (epsilon => ${epsilon}, unit => '${unit}')`).replace('lstm (', "lstm (optimizer => 'sgd', "));
  await train(1e5);
  const almost = weights();
  await train(50);
  const little = distance(weights(), almost);
  await train(1);
  const much = distance(weights(), almost);
  expect(little).toBeGreaterThan(0);
  expect(much).toBeGreaterThan(little);
  // Nothing of a model without noise leaves beside it.
  expect(await sql("SELECT local_rmse FROM ml.evaluate('load') WHERE silo IS NULL")).toEqual([[null]]);
});

test.each([
  ["PRIVACY (epsilon => 4, unit => 'record')", 'scaffold (rounds => 2)', undefined, /scaffold corrects plain steps/],
  [
    'PRIVACY (epsilon => 4, adaptive => true, secure => true)',
    undefined,
    undefined,
    /adaptive => true\) counts clipped silos/,
  ],
  ['PRIVACY (secure => true)', "fedavg (rounds => 2, compress => 'top_k')", undefined, /top_k compression/],
  ['PRIVACY (clip => 1)', undefined, undefined, /means nothing without epsilon/],
  ['PRIVACY (secure => true)', 'krum (rounds => 2, byzantine => 0)', undefined, /krum must see each silo’s update/],
  ['PRIVACY (secure => true)', undefined, 'berlin.readings', /at least 3 silos, this statement has 1/],
  ['', 'scaffold (rounds => 2)', undefined, /scaffold corrects steps of plain SGD/],
  ['PRIVACY (secure => true)', 'scaffold (rounds => 2)', undefined, /scaffold follows each silo’s control variate/],
])('%s %s is refused', async (privacy, federate, from, message) => {
  await expect(sql(TRAIN(privacy, federate, from))).rejects.toThrow(message);
});
