/** Compressed updates: fewer bytes leave, training still learns, and an interrupted run ends in the same weights. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Federation, openFederation, run } from '../support/federation.ts';

const TRAIN = (name: string, federate: string): string =>
  `TRAIN OR REPLACE MODEL ${name} PREDICT load FORECAST BY ts PER meter WINDOW 12
   USING lstm (hidden => 8, batch => 32, learning_rate => 1e-2)
   FEDERATE ${federate} AS SELECT ts, meter, load FROM readings`;

let federation: Federation;
beforeAll(async () => {
  federation = await openFederation(inject('postgres'));
  await sql(`SET causeway.local_baseline = 'off'`);
});
afterAll(() => federation[Symbol.asyncDispose]());

const sql = (text: string) => run(federation.session, text);
const model = (name: string) => federation.engine.catalog.models.get(name)!;

async function sent(name: string): Promise<number> {
  const [row] = await sql(
    `SELECT sum(bytes) FROM causeway.egress WHERE kind = 'updates' AND silo = 'oslo' AND statement LIKE '%MODEL ${name} %'`,
  );
  return Number(row![0]);
}

function weights(name: string): Uint8Array {
  const stored = model(name);
  return federation.engine.catalog.models.weights(stored).slice(-4 * stored.metrics.parameters);
}

test('int8 sends about a quarter, and the model hardly differs', async () => {
  await sql(TRAIN('plain', 'fedavg (rounds => 6)'));
  await sql(TRAIN('small', "fedavg (rounds => 6, compress => 'int8')"));
  expect(await sent('small')).toBeLessThan(0.27 * (await sent('plain')));
  const loss = (name: string): number => model(name).metrics.rounds.at(-1)!.validationLoss!;
  expect(loss('small')).toBeLessThan(1.1 * loss('plain'));
  expect(Buffer.compare(weights('small'), weights('plain'))).not.toBe(0);
});

test('top_k sends its share, and goes on after an interruption with what it had not sent', async () => {
  const federate = "fedavg (rounds => 6, compress => 'top_k', top_share => 0.1)";
  await sql(TRAIN('whole', federate));
  const { parameters, rounds } = model('whole').metrics;
  expect(await sent('whole')).toBe(6 * 8 * Math.ceil(parameters / 10));
  expect(rounds.at(-1)!.validationLoss!).toBeLessThan(rounds[0]!.validationLoss!);
  const stop = new AbortController();
  const stopped = run(federation.session, TRAIN('stopped', federate), {
    signal: stop.signal,
    onNotice: ({ progress }) => progress?.round === 3 && stop.abort(),
  });
  await expect(stopped).rejects.toMatchObject({ sqlstate: '57014' });
  await federation.restart();
  await sql('RESUME TRAIN stopped');
  expect(Buffer.compare(weights('stopped'), weights('whole'))).toBe(0);
});
