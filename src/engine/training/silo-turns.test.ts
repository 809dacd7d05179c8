import { setImmediate as tick } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { SiloTurns } from './silo-turns.ts';

const never = new AbortController().signal;

/** Jobs that ask for a silo; each turn lasts until it is told to end. */
function desk(places: number) {
  const turns = new SiloTurns(places);
  const order: number[] = [];
  const ends: (() => void)[] = [];
  const ask = (job: number, priority = 0, signal = never): Promise<void> =>
    turns.run({ job, priority }, 'berlin', signal, () => {
      order.push(job);
      return new Promise<void>((resolve) => ends.push(resolve));
    });
  const endOne = async (): Promise<void> => {
    ends.shift()!();
    await tick();
  };
  return { turns, order, ask, endOne };
}

test('a silo works for as many jobs at a time as it has places', async () => {
  const { ask, endOne, order, turns } = desk(2);
  void ask(1);
  void ask(2);
  void ask(3);
  await tick();
  expect(order).toEqual([1, 2]);
  expect([turns.waitsFor(1), turns.waitsFor(3)]).toEqual([[], ['berlin']]);
  await endOne();
  expect(order).toEqual([1, 2, 3]);
  expect(turns.waitsFor(3)).toEqual([]);
});

test('the highest priority goes first, whoever came first', async () => {
  const { ask, endOne, order } = desk(1);
  void ask(1);
  void ask(2);
  void ask(3, 5);
  await tick();
  await endOne();
  await endOne();
  expect(order).toEqual([1, 3, 2]);
});

test('among equals the job that had least of the silo goes first', async () => {
  const { ask, endOne, order } = desk(1);
  void ask(1);
  await tick();
  void ask(2);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await endOne();
  // Both wait now: job 1 has had its round, job 2 is at its first.
  void ask(3);
  void ask(1);
  await tick();
  await endOne();
  await endOne();
  expect(order).toEqual([1, 2, 3, 1]);
});

test('a job that is cancelled while it waits leaves the queue', async () => {
  const { ask, endOne, order, turns } = desk(1);
  void ask(1);
  const abort = new AbortController();
  const cancelled = ask(2, 9, abort.signal);
  void ask(3);
  await tick();
  abort.abort(new Error('stop'));
  await expect(cancelled).rejects.toThrow('stop');
  expect(turns.waitsFor(2)).toEqual([]);
  await endOne();
  expect(order).toEqual([1, 3]);
});

test('what fails gives its place back', async () => {
  const turns = new SiloTurns(1);
  const failing = turns.run({ job: 1, priority: 0 }, 'oslo', never, () => Promise.reject(new Error('broken')));
  await expect(failing).rejects.toThrow('broken');
  expect(await turns.run({ job: 2, priority: 0 }, 'oslo', never, async () => 'done')).toBe('done');
});
