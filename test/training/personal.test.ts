/** `personalize => 'head'`: every silo's own head on the federation's network, for silos whose series are nothing alike. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Federation, openFederation, run } from '../support/federation.ts';

/** The same hour means another load in every silo. */
const ROWS = `SELECT ts, meter, CASE silo WHEN 'berlin' THEN load WHEN 'oslo' THEN 2 * load - 90 ELSE 120 - load END AS load FROM readings`;
const TRAIN = (name: string, federate = `fedavg (rounds => 4, personalize => 'head')`, using = '', rest = ''): string =>
  `TRAIN OR REPLACE MODEL ${name} PREDICT load FORECAST BY ts PER meter WINDOW 8
   USING lstm (hidden => 6, batch => 16, learning_rate => 1e-2 ${using}) FEDERATE ${federate} ${rest} AS ${ROWS}`;

let federation: Federation;
beforeAll(async () => {
  federation = await openFederation(inject('postgres'));
  await sql(TRAIN('load'));
});
afterAll(() => federation[Symbol.asyncDispose]());

const sql = (text: string) => run(federation.session, text);
const model = (name: string) => federation.engine.catalog.models.get(name)!;

function weights(name: string): Uint8Array {
  const stored = model(name);
  return federation.engine.catalog.models.weights(stored).slice(-4 * stored.metrics.parameters);
}

test('both models are reported per silo and together, and the federation’s is that of a training without', async () => {
  const rows = await sql(`SELECT silo, rmse, personal_rmse, persistence_rmse, local_rmse FROM ml.evaluate('load')`);
  expect(rows.map(([silo]) => silo)).toEqual(['berlin', 'oslo', 'paris', null]);
  for (const row of rows) expect(row.slice(1).every((figure) => Number(figure) > 0)).toBe(true);
  const [whole] = rows.slice(-1);
  expect(Number(whole?.[2])).toBeLessThan(Number(whole?.[1]));
  await sql(TRAIN('plain', 'fedavg (rounds => 4)'));
  expect(weights('load')).toEqual(weights('plain'));
  expect(await sql(`SELECT rmse, personal_rmse FROM ml.evaluate('plain') WHERE silo IS NULL`)).toEqual([
    [whole?.[1], null],
  ]);
});

test('ml.predict takes the head of the row’s silo, and ml.evaluate of other rows tells both', async () => {
  const evaluated = await sql(
    `SELECT silo, rmse, personal_rmse FROM ml.evaluate('load', (${ROWS})) ORDER BY silo NULLS LAST`,
  );
  const predicted = await sql(
    `SELECT silo, sqrt(avg((load - predicted_load) ^ 2)) FROM ml.predict('load', (${ROWS})) GROUP BY silo ORDER BY silo`,
  );
  expect(predicted).toHaveLength(3);
  predicted.forEach(([silo, rmse], i) => {
    expect(evaluated[i]?.[0]).toBe(silo);
    expect(Number(rmse)).toBeCloseTo(Number(evaluated[i]?.[2]), 5);
    expect(Number(rmse)).toBeLessThan(Number(evaluated[i]?.[1]));
  });
  const [first] = await sql(`SELECT load FROM ml.forecast('load', horizon => 1) WHERE silo = 'oslo' AND meter = '1'`);
  await sql(TRAIN('plain', 'fedavg (rounds => 4)'));
  const [other] = await sql(`SELECT load FROM ml.forecast('plain', horizon => 1) WHERE silo = 'oslo' AND meter = '1'`);
  expect(first).not.toEqual(other);
});

test('the same seed gives the same heads, also after an interruption', async () => {
  const stop = new AbortController();
  const stopped = run(federation.session, TRAIN('stopped'), {
    signal: stop.signal,
    onNotice: ({ progress }) => progress?.round === 4 && stop.abort(),
  });
  await expect(stopped).rejects.toMatchObject({ sqlstate: '57014' });
  await federation.restart();
  await sql('RESUME TRAIN stopped');
  expect(model('stopped').signature.personal?.silos).toEqual(model('load').signature.personal?.silos);
  expect(Object.keys(model('load').signature.personal!.silos)).toEqual(['berlin', 'oslo', 'paris']);
});

test('a network of changes keeps of each head what the silo’s validation rows prove', async () => {
  await sql(TRAIN('changes', `auto (rounds => 4, trial_rounds => 6, personalize => 'head')`, ', season => 24'));
  const { difference, personal } = model('changes').signature;
  expect(difference).toBeDefined();
  for (const { share } of Object.values(personal!.silos)) expect(share).toBeGreaterThanOrEqual(0);
  const evaluated = await sql(`SELECT silo, personal_rmse FROM ml.evaluate('changes', (${ROWS})) ORDER BY 1`);
  const predicted = await sql(
    `SELECT silo, sqrt(avg((load - predicted_load) ^ 2)) FROM ml.predict('changes', (${ROWS})) GROUP BY silo ORDER BY 1`,
  );
  predicted.forEach(([, rmse], i) => {
    expect(Number(rmse)).toBeCloseTo(Number(evaluated[i]?.[1]), 5);
  });
});

test('a classifier’s heads are told by accuracy and loss', async () => {
  await sql(`TRAIN OR REPLACE MODEL high PREDICT high FORECAST BY ts PER meter WINDOW 8
    USING lstm (hidden => 6, loss => 'binary-cross-entropy') FEDERATE fedavg (rounds => 1, personalize => 'head')
    AS SELECT ts, meter, load, load > 60 AS high FROM (${ROWS}) AS r`);
  const rows = await sql(`SELECT personal_accuracy, personal_log_loss FROM ml.evaluate('high')`);
  for (const [accuracy, loss] of rows) {
    expect(Number(accuracy)).toBeGreaterThan(0);
    expect(Number(loss)).toBeGreaterThan(0);
  }
});

test('heads are not exported, and are refused with noise, by name', async () => {
  const path = join(federation.directory, 'load.safetensors');
  await sql(`EXPORT MODEL load TO '${path}'; IMPORT MODEL copy FROM '${path}'`);
  expect(model('copy').signature.personal).toBeUndefined();
  expect(weights('copy')).toEqual(weights('load'));
  rmSync(path);
  await expect(sql(TRAIN('noised', undefined, '', 'PRIVACY (epsilon => 4)'))).rejects.toMatchObject({
    sqlstate: '0A000',
    message: expect.stringContaining("personalize => 'head' trains without noise"),
  });
  await expect(sql(TRAIN('odd', `fedavg (personalize => 'heads')`))).rejects.toMatchObject({
    sqlstate: '22023',
    hint: expect.stringContaining('head'),
  });
});
