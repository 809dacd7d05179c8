/** TRAIN without FEDERATE: what is open is tried out, the same way every time, and goes on after a crash. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Notice } from '../../src/engine/result.ts';
import { type Federation, openFederation, run } from '../support/federation.ts';

/** Readings that a season alone does not explain. */
const ROWS = `SELECT ts, meter, load + 2 * sin(5.3 * extract(doy FROM ts) + 7.1 * extract(hour FROM ts) + meter) AS load
  FROM readings`;

const TRAIN = (name: string, federate = '', using = ''): string =>
  `TRAIN OR REPLACE MODEL ${name} PREDICT load FORECAST BY ts PER meter WINDOW 30
   USING lstm (hidden => 6, batch => 32 ${using}) ${federate} AS ${ROWS}`;

let federation: Federation;
beforeAll(async () => {
  federation = await openFederation(inject('postgres'), 400);
});
afterAll(() => federation[Symbol.asyncDispose]());

const sql = (text: string, notices: Notice[] = []) =>
  run(federation.session, text, { onNotice: (notice) => notices.push(notice) });

/** The float32 weights at the end of the active version's file: what stands before them names the model. */
function weights(name: string): Uint8Array {
  const { models } = federation.engine.catalog;
  const model = models.get(name)!;
  return models.weights(model).slice(-4 * model.metrics.parameters);
}

const FEW = 'FEDERATE auto (rounds => 3, trial_rounds => 12)';

test('finds the season, says what it chose, and is repeatable', async () => {
  const notices: Notice[] = [];
  await sql(TRAIN('first', FEW), notices);
  const { metrics, signature } = federation.engine.catalog.models.get('first')!;
  expect(notices.map(({ message }) => message).join('\n')).toMatch(
    /TRAIN first: auto learns .* \(\d trials, 12 rounds\)/,
  );
  expect(signature.sequence.season).toBe(24);
  expect(signature.statistics).toHaveLength(signature.features.length);
  expect(metrics.rounds.map(({ round }) => round)).toEqual([1, 2, 3]);
  await sql(TRAIN('second', FEW));
  expect(Buffer.compare(weights('second'), weights('first'))).toBe(0);
});

test('beats persistence in three rounds, and every baseline stands beside it', async () => {
  const rows = await sql(
    `SELECT silo, rmse, persistence_rmse, seasonal_rmse, local_rmse FROM ml.evaluate('first') WHERE silo IS NOT NULL`,
  );
  expect(rows).toHaveLength(3);
  for (const [, rmse, persistence, seasonal, local] of rows) {
    expect(Number(seasonal)).toBeLessThan(Number(persistence));
    expect(Number(local)).toBeGreaterThan(0);
    expect(Number(rmse)).toBeLessThan(Number(persistence));
  }
});

test('predictions, forecasts and evaluation of other rows agree on what a change is', async () => {
  const [direct] = await sql(`SELECT sqrt(avg((predicted_load - load) ^ 2)) FROM ml.predict('first', (${ROWS}))`);
  const [pooled] = await sql(`SELECT rmse FROM ml.evaluate('first', (${ROWS})) WHERE silo IS NULL`);
  expect(Number(direct![0])).toBeCloseTo(Number(pooled![0]), 6);
  const forecast = await sql(`SELECT load FROM ml.forecast('first', horizon => 24)`);
  expect(forecast).toHaveLength(3 * 2 * 24);
  for (const [load] of forecast) expect(Math.abs(Number(load) - 65)).toBeLessThan(25);
});

test('takes up again after a cancel during the trials, and ends in the same weights', async () => {
  const stop = new AbortController();
  let rounds = 0;
  const cancelled = run(federation.session, TRAIN('stopped', FEW), {
    signal: stop.signal,
    onNotice({ message }) {
      if (message.includes(': tries ') && ++rounds === 5) stop.abort();
    },
  });
  await expect(cancelled).rejects.toMatchObject({ sqlstate: '57014' });
  const notices: Notice[] = [];
  await sql('RESUME TRAIN stopped', notices);
  expect(notices.filter(({ message }) => message.includes(': tries ')).length).toBeLessThan(12);
  expect(Buffer.compare(weights('stopped'), weights('first'))).toBe(0);
});

test('keeps what the statement says, and tries nothing without a budget', async () => {
  const notices: Notice[] = [];
  await sql(TRAIN('fixed', 'FEDERATE auto (rounds => 2, trial_rounds => 0)', ', epochs => 3'), notices);
  const { signature } = federation.engine.catalog.models.get('fixed')!;
  expect(signature.local.epochs).toBe(3);
  expect(signature.difference).toBeUndefined();
  expect(notices.some(({ message }) => message.includes('tries'))).toBe(false);
});

test('stops early and keeps the best weights when patience is asked for', async () => {
  await sql(TRAIN('patient', 'FEDERATE fedavg (rounds => 12, patience => 1)', ', learning_rate => 0.5'));
  expect(federation.engine.catalog.models.get('patient')!.metrics.rounds.length).toBeLessThan(12);
});

test('is refused with PRIVACY, by name', async () => {
  await expect(sql(TRAIN('x', 'FEDERATE auto PRIVACY (secure => true)'))).rejects.toThrow(/auto tries things out/);
});

test('tries SCAFFOLD where the silos’ targets are skewed, and there only', async () => {
  const skewed = `SELECT ts, meter, CASE silo WHEN 'berlin' THEN load WHEN 'oslo' THEN load + 60 ELSE load - 60 END AS load FROM readings`;
  const tried = async (rows: string, using: string): Promise<boolean> => {
    const notices: Notice[] = [];
    await sql(
      `TRAIN OR REPLACE MODEL skew PREDICT load FORECAST BY ts PER meter WINDOW 8
       USING lstm (hidden => 4, batch => 32 ${using}) FEDERATE auto (rounds => 1, trial_rounds => 8) AS ${rows}`,
      notices,
    );
    return notices.some(({ message }) => message.includes('tries values, scaffold'));
  };
  // Huber's loss learns values only; changes of a level that stays are skewed nowhere.
  expect(await tried(skewed, ", loss => 'huber'")).toBe(true);
  expect(await tried(skewed, ", loss => 'huber', scale => 'silo'")).toBe(false);
  expect(await tried(skewed, ", loss => 'huber', optimizer => 'adam'")).toBe(false);
  expect(await tried(ROWS, ", loss => 'huber'")).toBe(false);
});
