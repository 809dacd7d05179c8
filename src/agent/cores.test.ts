import { expect, test } from 'vitest';
import { Cores } from './cores.ts';

const { signal } = new AbortController();

/** Work that counts itself, and ends when it is told to. */
function counted(cores: Cores) {
  const ends: (() => void)[] = [];
  const state = { working: 0, most: 0 };
  const start = (stop = signal) =>
    cores.run(stop, async () => {
      state.most = Math.max(state.most, ++state.working);
      await new Promise<void>((resolve) => ends.push(resolve));
      state.working--;
    });
  return { ends, start, state };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

test('as many jobs train at once as there are cores, one thread each; the next when one is done', async () => {
  const cores = new Cores(2);
  const { ends, start, state } = counted(cores);
  const all = [start(), start(), start(), start()];
  for (let done = 0; done < 4; done++) {
    await settled();
    expect(state.working).toBe(Math.min(2, 4 - done));
    ends.shift()!();
  }
  await Promise.all(all);
  expect(state).toEqual({ working: 0, most: 2 });
  expect(cores.threads).toBe(1);
});

test('one who waits and is cancelled gives its place up, and one that fails gives its core back', async () => {
  const cores = new Cores(1);
  const { ends, start } = counted(cores);
  const first = start();
  const stop = new AbortController();
  const waiting = start(stop.signal);
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ sqlstate: '57014' });
  await settled();
  ends.shift()!();
  await first;
  await expect(cores.run(signal, () => Promise.reject(new Error('diverged')))).rejects.toThrow('diverged');
  expect(await cores.run(signal, async () => 'free again')).toBe('free again');
});

test('without a quota nobody waits', async () => {
  const cores = new Cores(undefined);
  const { ends, start, state } = counted(cores);
  const all = [start(), start(), start()];
  await settled();
  expect(state.working).toBe(3);
  for (const end of ends) end();
  await Promise.all(all);
  expect(cores.threads).toBeUndefined();
});

test.each([0, 1, 2, 3, 4, 5, 6, 7])(
  'one who is cancelled %i ticks after a core is free takes nobody else’s place',
  async (ticks) => {
    const cores = new Cores(1);
    const { ends, start } = counted(cores);
    const first = start();
    const stop = new AbortController();
    const cancelled = cores.run(stop.signal, async () => undefined).catch(() => undefined);
    const last = cores.run(signal, async () => 'had its turn');
    await settled();
    ends.shift()!();
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
    stop.abort();
    await Promise.all([first, cancelled]);
    expect(await Promise.race([last, settled().then(() => 'lost its place')])).toBe('had its turn');
  },
);
