/** A run that is killed goes on to the same weights, bit for bit. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { resumeInterrupted } from '../../src/engine/training/resume-jobs.ts';
import { type Federation, openFederation, run } from '../support/federation.ts';

const TRAIN = (name: string): string =>
  `TRAIN OR REPLACE MODEL ${name} PREDICT load FORECAST BY ts PER meter WINDOW 12
   USING lstm (hidden => 8) FEDERATE fedadam (rounds => 12) AS SELECT ts, meter, load FROM readings`;

let federation: Federation;
beforeAll(async () => {
  federation = await openFederation(inject('postgres'));
  await sql(TRAIN('whole'));
});
afterAll(() => federation[Symbol.asyncDispose]());

const sql = (text: string, signal?: AbortSignal) =>
  run(federation.session, text, signal === undefined ? {} : { signal });

/** The tensors of the active version; the file's header has the model's name in it. */
function weights(name: string): Buffer {
  const { models } = federation.engine.catalog;
  const file = Buffer.from(models.weights(models.get(name)!));
  return file.subarray(8 + Number(file.readBigUInt64LE(0)));
}

/** Runs TRAIN in a process of its own, and kills it outright after its third round. */
function trainAndKill(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const args = ['src/cli/main.ts', 'sql', '--dir', join(federation.directory, 'catalog'), '-c', TRAIN(name)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let progress = '';
    child.stderr.on('data', (chunk) => {
      progress += String(chunk);
      if (progress.includes('round 3/')) child.kill('SIGKILL');
    });
    child.on('close', (_, signal) =>
      signal === 'SIGKILL' ? resolve() : reject(new Error(`it was not killed: ${progress}`)),
    );
  });
}

test('after kill -9 the job is known as failed, and RESUME TRAIN ends in the weights of a run that was left alone', async () => {
  await federation.engine[Symbol.asyncDispose]();
  await trainAndKill('killed');
  await federation.restart();
  expect(federation.engine.catalog.jobs.list().at(-1)).toMatchObject({ model: 'killed', state: 'failed' });
  expect(federation.engine.catalog.models.get('killed')).toBeUndefined();
  await sql('RESUME TRAIN killed');
  expect(weights('killed').equals(weights('whole'))).toBe(true);
  const { rounds } = federation.engine.catalog.models.get('killed')!.metrics;
  expect(rounds.map(({ round }) => round)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
});

test('what was killed goes on by itself when a server opens the catalog, with nobody asking', async () => {
  await federation.engine[Symbol.asyncDispose]();
  await trainAndKill('by_itself');
  await federation.restart();
  const { engine } = federation;
  expect(engine.catalog.jobs.list().at(-1)).toMatchObject({ model: 'by_itself', state: 'failed', interrupted: 1 });
  const events: string[] = [];
  await resumeInterrupted(
    engine,
    ({ model }) => events.push(`${model} goes on`),
    ({ error, model }) => events.push(`${model} ended ${error ?? 'well'}`),
  );
  expect(events).toEqual(['by_itself goes on', 'by_itself ended well']);
  expect(weights('by_itself').equals(weights('whole'))).toBe(true);
  await resumeInterrupted(engine, fail, fail);
});

test('a job in the background is stopped with its server, not cancelled, and goes on with the next', async () => {
  await sql("SET causeway.job_priority = '3'");
  await sql(TRAIN('stopped_with_server').replace(' AS SELECT', ' ASYNC AS SELECT'));
  await federation.restart();
  const { engine } = federation;
  expect(engine.catalog.jobs.list().at(-1)).toMatchObject({ state: 'cancelled', interrupted: 1, priority: 3 });
  await resumeInterrupted(
    engine,
    () => undefined,
    ({ error }) => expect(error).toBeUndefined(),
  );
  expect(weights('stopped_with_server').equals(weights('whole'))).toBe(true);
  const jobs = await sql(`SELECT state, priority, rounds_done, waits_for FROM causeway.jobs ORDER BY id DESC LIMIT 1`);
  expect(jobs).toEqual([['done', '3', '12', null]]);
});

test('a job that cannot go on ends with the reason, and is not tried for ever', async () => {
  await federation.engine[Symbol.asyncDispose]();
  await trainAndKill('homeless');
  await federation.restart();
  await sql('DROP FEDERATED TABLE readings');
  const errors: (string | undefined)[] = [];
  await resumeInterrupted(
    federation.engine,
    () => undefined,
    ({ error }) => errors.push(error),
  );
  expect(errors).toEqual([expect.stringContaining('readings')]);
  expect(federation.engine.catalog.jobs.list().at(-1)).toMatchObject({ state: 'failed', interrupted: 0 });
  await sql('CREATE FEDERATED TABLE readings AS berlin.readings, paris.readings, oslo.readings');
  await resumeInterrupted(federation.engine, fail, fail);
});

const fail = (): void => expect.unreachable();

test('a cancelled job goes on, too', async () => {
  const controller = new AbortController();
  const cancelled = run(federation.session, TRAIN('stopped'), {
    signal: controller.signal,
    onNotice: ({ progress }) => progress?.round === 5 && controller.abort(),
  });
  await expect(cancelled).rejects.toMatchObject({ sqlstate: '57014' });
  await sql('RESUME TRAIN stopped');
  expect(weights('stopped').equals(weights('whole'))).toBe(true);
});

test.each([
  ['a job that has ended', 'whole'],
  ['a model that was never trained', 'nobody'],
])('%s cannot be resumed', async (_, name) => {
  await expect(sql(`RESUME TRAIN ${name}`)).rejects.toMatchObject({ sqlstate: '42704' });
});
