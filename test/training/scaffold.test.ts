/** SCAFFOLD in TRAIN: silos whose series are nothing alike, many local steps, and a crash in between. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Federation, openFederation, run } from '../support/federation.ts';

/** Skewed labels: every silo knows another level of the load, and the same hour means another thing. */
const TRAIN = (name: string, federate: string): string =>
  `TRAIN OR REPLACE MODEL ${name} PREDICT load FORECAST BY ts PER meter WINDOW 8
   USING lstm (hidden => 6, batch => 16, optimizer => 'sgd', learning_rate => 0.05, epochs => 4)
   FEDERATE ${federate} AS
   SELECT ts, meter, CASE silo WHEN 'berlin' THEN load WHEN 'oslo' THEN 2 * load - 90 ELSE 120 - load END AS load FROM readings`;

let federation: Federation;
beforeAll(async () => {
  federation = await openFederation(inject('postgres'));
});
afterAll(() => federation[Symbol.asyncDispose]());

const sql = (text: string) => run(federation.session, text);
const model = (name: string) => federation.engine.catalog.models.get(name)!;

function weights(name: string): Uint8Array {
  const stored = model(name);
  return federation.engine.catalog.models.weights(stored).slice(-4 * stored.metrics.parameters);
}

test('is not worse than FedAvg where silos are unlike', async () => {
  await sql(`SET causeway.local_baseline = 'off'`);
  await sql(TRAIN('plain', 'fedavg (rounds => 15)'));
  await sql(TRAIN('corrected', 'scaffold (rounds => 15)'));
  const loss = (name: string): number => model(name).metrics.rounds.at(-1)!.validationLoss!;
  console.log(
    `validation loss after 15 rounds: fedavg ${loss('plain').toFixed(5)}, scaffold ${loss('corrected').toFixed(5)}`,
  );
  expect(loss('corrected')).toBeLessThanOrEqual(1.01 * loss('plain'));
});

test('goes on with the same control variates after an interruption', async () => {
  await sql(TRAIN('whole', 'scaffold (rounds => 5)'));
  const stop = new AbortController();
  const stopped = run(federation.session, TRAIN('stopped', 'scaffold (rounds => 5)'), {
    signal: stop.signal,
    onNotice: ({ progress }) => progress?.round === 3 && stop.abort(),
  });
  await expect(stopped).rejects.toMatchObject({ sqlstate: '57014' });
  await federation.restart();
  await sql('RESUME TRAIN stopped');
  expect(Buffer.compare(weights('stopped'), weights('whole'))).toBe(0);
});
