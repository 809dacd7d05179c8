/** `topology => 'tree'`: updates are added by partial sums, to the flat model within the rounding of float64. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Federation, openFederation, run } from '../support/federation.ts';

const TRAIN = (name: string, federate: string, privacy = ''): string =>
  `TRAIN OR REPLACE MODEL ${name} PREDICT load FORECAST BY ts PER meter WINDOW 8
   USING lstm (hidden => 6, batch => 32, optimizer => 'sgd', learning_rate => 0.05) FEDERATE ${federate} ${privacy}
   AS SELECT ts, meter, load FROM readings`;

let federation: Federation;
beforeAll(async () => {
  federation = await openFederation(inject('postgres'));
  await sql(`SET causeway.local_baseline = 'off'`);
});
afterAll(() => federation[Symbol.asyncDispose]());

const sql = (text: string) => run(federation.session, text);

function weights(name: string): Float32Array {
  const { models } = federation.engine.catalog;
  const stored = models.get(name)!;
  return new Float32Array(Uint8Array.from(models.weights(stored)).slice(-4 * stored.metrics.parameters).buffer);
}

test.each(['fedavg', 'scaffold'])(
  '%s by a tree is the flat one to rounding, and repeats bit for bit',
  async (strategy) => {
    await sql(TRAIN('flat', `${strategy} (rounds => 3)`));
    await sql(TRAIN('wide', `${strategy} (rounds => 3, topology => 'tree')`));
    await sql(TRAIN('tree', `${strategy} (rounds => 3, topology => 'tree', fan_in => 2)`));
    await sql(TRAIN('again', `${strategy} (rounds => 3, topology => 'tree', fan_in => 2)`));
    // Three silos fit below one node of sixteen branches.
    expect(weights('wide')).toEqual(weights('flat'));
    expect(weights('again')).toEqual(weights('tree'));
    weights('tree').forEach((weight, k) => {
      expect(weight).toBeCloseTo(weights('flat')[k]!, 5);
    });
  },
);

test('EXPLAIN TRAIN shows the tree', async () => {
  const lines = await sql(
    `EXPLAIN ${TRAIN('m', "fedavg (rounds => 3, topology => 'tree', fan_in => 2, personalize => 'head')")}`,
  );
  const text = lines.map(([line]) => line);
  expect(text).toContain('  updates are added by a tree: 3 silos, 2 branches per node, 2 levels');
  expect(text).toContain('  afterwards each silo fine-tunes its own head, which stays where the silo trains');
});

test.each([
  ["fedavg (topology => 'tree')", 'PRIVACY (secure => true)', '0A000', 'the sum of each branch'],
  ["median (topology => 'tree')", '', '0A000', 'strategy median compares single updates'],
  ["fedavg (topology => 'tree')", 'PRIVACY (epsilon => 4)', '0A000', 'not by a tree'],
  ['fedavg (fan_in => 4)', '', '22023', 'fan_in is of a tree'],
  ["fedavg (topology => 'tree', fan_in => 1)", '', '22023', 'option "fan_in"'],
  ['krum', 'PRIVACY (secure => true)', '0A000', 'strategy krum must see each silo’s update'],
])('%s %s is refused before any row is read', async (federate, privacy, sqlstate, words) => {
  const jobs = federation.engine.catalog.jobs.list().length;
  for (const before of ['', 'EXPLAIN ']) {
    await expect(sql(before + TRAIN('refused', federate, privacy))).rejects.toMatchObject({
      sqlstate,
      message: expect.stringContaining(words),
    });
  }
  expect(federation.engine.catalog.jobs.list()).toHaveLength(jobs);
});
