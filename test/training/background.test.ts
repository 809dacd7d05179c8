import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Federation, openFederation, run } from '../support/federation.ts';

let federation: Federation;
beforeAll(async () => {
  federation = await openFederation(inject('postgres'), 120);
});
afterAll(() => federation[Symbol.asyncDispose]());

const sql = (text: string) => run(federation.session, text);

const TRAIN = (name: string, rounds: number): string =>
  `TRAIN MODEL ${name} PREDICT load FORECAST BY ts PER meter WINDOW 12
   USING lstm (hidden => 4) FEDERATE fedavg (rounds => ${rounds}) ASYNC AS SELECT ts, meter, load FROM readings`;

async function ended(job: string): Promise<string | null> {
  for (;;) {
    const [[state] = []] = await sql(`SELECT state FROM causeway.jobs WHERE id = ${job}`);
    if (state !== 'running') return state ?? null;
    await sleep(50);
  }
}

test('TRAIN … ASYNC answers the job at once; the session goes on, and the model is there when the job is done', async () => {
  const [[job] = []] = await sql(TRAIN('later', 3));
  expect(await sql('SELECT count(*) FROM readings')).toEqual([['720']]);
  expect(await ended(job!)).toBe('done');
  expect((await sql(`SELECT count(*) FROM ml.forecast('later')`))[0]).toEqual(['6']);
});

test('CANCEL JOB stops it; the model cannot be trained twice at a time', async () => {
  const [[job] = []] = await sql(TRAIN('endless', 100_000));
  await expect(sql(TRAIN('endless', 1))).rejects.toMatchObject({ sqlstate: '55006' });
  await sql(`CANCEL JOB ${job}`);
  expect(await ended(job!)).toBe('cancelled');
  await expect(sql(`CANCEL JOB ${job}`)).rejects.toMatchObject({ sqlstate: '42704' });
  expect(federation.engine.catalog.models.get('endless')).toBeUndefined();
});

test('closing the engine ends what runs in the background', async () => {
  const [[job] = []] = await sql(TRAIN('closing', 100_000));
  await federation.restart();
  expect(await ended(job!)).toBe('cancelled');
});

test('jobs that share silos take turns, the one of higher priority first', async () => {
  await federation.restart({ jobsPerSilo: 1 });
  const [[long] = []] = await sql(TRAIN('long', 100_000));
  await sql("SET causeway.job_priority = '5'");
  const [[urgent] = []] = await sql(TRAIN('urgent', 5));
  await sql('RESET causeway.job_priority');
  expect(await ended(urgent!)).toBe('done');
  const jobs = await sql(
    `SELECT model, state, priority FROM causeway.jobs WHERE id IN (${long}, ${urgent}) ORDER BY id`,
  );
  expect(jobs).toEqual([
    ['long', 'running', '0'],
    ['urgent', 'done', '5'],
  ]);
  await sql(`CANCEL JOB ${long}`);
});
