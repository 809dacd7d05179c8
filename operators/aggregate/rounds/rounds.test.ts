import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { resolveOptions } from '../options.ts';
import { strategyNamed } from '../strategies.ts';
import { deadlineSeconds } from './deadline.ts';
import { type RoundReport, type RunPlan, runRounds } from './driver.ts';
import { openJournal, RoundJournal } from './journal.ts';
import type { LocalResult, RoundParticipant, RoundTask } from './participant.ts';

/** A silo whose training is a fixed function of its name, the round and the weights. */
function silo(name: string, over: Partial<RoundParticipant> = {}): RoundParticipant & { asked: number[] } {
  const asked: number[] = [];
  return {
    silo: name,
    asked,
    train: async ({ round, weights }: RoundTask): Promise<LocalResult> => {
      asked.push(round);
      const pull = name.charCodeAt(0) / 100;
      const delta = weights.map((value, i) => (pull - value) / (round + i + 1));
      return { delta, count: name.charCodeAt(0), loss: 1 / round, seconds: 0.01 };
    },
    validate: async (weights) => ({
      lossSum: weights.reduce((sum, value) => sum + (value - 1) ** 2, 0),
      lossWeight: 1,
    }),
    ...over,
  };
}

const plan = (over: Partial<RunPlan> = {}): RunPlan => {
  const strategy = over.strategy ?? strategyNamed('fedavgm');
  return {
    run: 'run',
    strategy,
    options: resolveOptions(strategy, {}),
    rounds: 4,
    minSilos: 2,
    initial: Float32Array.of(0, 0.5, -1),
    ...over,
  };
};

const memory = (): RoundJournal => new RoundJournal(new DatabaseSync(':memory:'));

async function finish(
  plan: RunPlan,
  silos: readonly RoundParticipant[],
  journal: RoundJournal,
  signal = new AbortController().signal,
): Promise<{ weights: Float32Array; round: number; reports: RoundReport[] }> {
  const rounds = runRounds(plan, silos, journal, signal);
  const reports: RoundReport[] = [];
  for (;;) {
    const next = await rounds.next();
    if (next.done === true) return { ...next.value, reports };
    reports.push(next.value);
  }
}

const trio = () => [silo('a'), silo('b'), silo('c')];

test.each(['fedavg', 'multi_krum'])(
  '%s: a refused update that a round needs is asked for again when the run goes on',
  async (name) => {
    const strategy = strategyNamed(name);
    const run = plan({ strategy, options: resolveOptions(strategy, {}), minSilos: 3 });
    const names = ['a', 'b', 'c', 'd', 'e'].slice(0, name === 'fedavg' ? 3 : 5);
    const whole = await finish(
      run,
      names.map((each) => silo(each)),
      memory(),
    );
    const journal = memory();
    let sick = true;
    const odd = silo('c');
    const train: RoundParticipant['train'] = async (task, signal) => {
      const result = await odd.train(task, signal);
      return sick && task.round === 2 ? { ...result, delta: result.delta.map(() => Number.NaN) } : result;
    };
    const silos = names.map((each) => (each === 'c' ? { ...odd, train } : silo(each)));
    await expect(finish(run, silos, journal)).rejects.toMatchObject({ sqlstate: 'CW002' });
    sick = false;
    const { weights } = await finish(run, silos, journal);
    expect(weights).toEqual(whole.weights);
  },
);

describe('crashes', () => {
  /** Every public write of the journal. */
  const writes = ['open', 'result', 'seal', 'aggregated', 'publish'] as const;
  /** A journal that dies before or after its n-th write. */
  function mortal(
    db: DatabaseSync,
    dieAt: number,
    when: 'before' | 'after',
  ): { journal: RoundJournal; died: () => boolean } {
    const journal = new RoundJournal(db);
    let count = 0;
    let dead = false;
    for (const name of writes) {
      const write = journal[name].bind(journal) as (...args: unknown[]) => unknown;
      Object.assign(journal, {
        [name]: (...args: unknown[]) => {
          const fatal = ++count === dieAt;
          dead ||= fatal;
          if (fatal && when === 'before') throw new Error('killed');
          const value = write(...args);
          if (fatal) throw new Error('killed');
          return value;
        },
      });
    }
    return { journal, died: () => dead };
  }

  test.each(['fedavgm', 'fedadam', 'median'])(
    '%s: killed at any write, the weights are the same bit for bit',
    async (name) => {
      const directory = mkdtempSync(join(tmpdir(), 'journal-'));
      onTestFinished(() => rmSync(directory, { recursive: true }));
      const run = plan({ strategy: strategyNamed(name), minSilos: 3, rounds: 2 });
      const expected = await finish(run, trio(), memory());
      let kills = 0;
      for (const when of ['before', 'after'] as const) {
        for (let dieAt = 1; ; dieAt++) {
          const file = join(directory, `${when}-${dieAt}.db`);
          const first = openJournal(file);
          const { journal, died } = mortal(first, dieAt, when);
          const crash = await finish(run, trio(), journal).catch((thrown: Error) => thrown);
          first.close();
          if (!died()) break;
          expect(crash).toMatchObject({ message: 'killed' });
          kills++;
          const second = openJournal(file);
          const silos = trio();
          const resumed = await finish(run, silos, new RoundJournal(second));
          expect(Buffer.from(resumed.weights.buffer)).toEqual(Buffer.from(expected.weights.buffer));
          const reports = new RoundJournal(second).reports<RoundReport>('run');
          expect(reports.map(({ round, loss, silos }) => ({ round, loss, silos }))).toEqual(
            expected.reports.map(({ round, loss, silos }) => ({ round, loss, silos })),
          );
          second.close();
        }
      }
      // Two rounds of open, three results, seal, aggregated, publish.
      expect(kills).toBe(2 * 2 * 7);
    },
  );

  test('silos that have answered are not asked again', async () => {
    const db = new DatabaseSync(':memory:');
    // open, result, result, then death.
    const { journal } = mortal(db, 3, 'after');
    await finish(plan({ minSilos: 3 }), trio(), journal).catch(() => undefined);
    const answered = [...new RoundJournal(db).results('run', 1).keys()];
    expect(answered).toHaveLength(2);
    const silos = trio();
    await finish(plan({ minSilos: 3 }), silos, new RoundJournal(db));
    for (const { silo: name, asked } of silos) expect(asked.includes(1)).toBe(!answered.includes(name));
  });

  test.each(['open', 'sealed'])(
    'updates that a power cut took from a round that was %s are asked for again',
    async (at) => {
      const directory = mkdtempSync(join(tmpdir(), 'journal-'));
      onTestFinished(() => rmSync(directory, { recursive: true }));
      const file = join(directory, 'rounds.db');
      const first = openJournal(file);
      // open, three results, seal.
      const { journal } = mortal(first, at === 'open' ? 4 : 5, 'after');
      await finish(plan({ minSilos: 3 }), trio(), journal).catch(() => undefined);
      first.close();
      const [updates] = readdirSync(`${file}-updates`);
      // Of three updates of three numbers.
      truncateSync(join(`${file}-updates`, updates!), 12 + 6);
      const second = openJournal(file);
      const silos = trio();
      const { weights } = await finish(plan({ minSilos: 3 }), silos, new RoundJournal(second));
      second.close();
      expect(silos.map(({ asked }) => asked.includes(1))).toEqual([false, true, true]);
      expect(weights).toEqual((await finish(plan({ minSilos: 3 }), trio(), memory())).weights);
    },
  );

  test('the noise of a round that is resumed is the noise it was opened with', async () => {
    const shares = new Map(trio().map(({ silo: name }) => [name, 1 / 3]));
    const noisy = plan({
      strategy: strategyNamed('fedavg'),
      privacy: { clip: 1, noiseMultiplier: 1, shares },
      rounds: 1,
    });
    const db = new DatabaseSync(':memory:');
    const { journal } = mortal(db, 6, 'before');
    await finish(noisy, trio(), journal).catch(() => undefined);
    const { seed } = new RoundJournal(db).position('run', noisy.initial);
    expect(seed).toHaveLength(32);
    const { weights } = await finish(noisy, trio(), new RoundJournal(db));
    const again = memory();
    Object.assign(again, {
      open: (run: string, round: number) => RoundJournal.prototype.open.call(again, run, round, seed),
    });
    // The same seed by hand gives the same weights; a run of its own does not.
    again.position('run', noisy.initial);
    again.open('run', 1);
    expect((await finish(noisy, trio(), again)).weights).toEqual(weights);
    expect((await finish(noisy, trio(), memory())).weights).not.toEqual(weights);
  });
});

describe('results', () => {
  const result = { delta: Float32Array.of(1), count: 1, loss: 1, seconds: 0, staleness: 0 };

  test('count once, and not after the round is sealed', () => {
    const journal = memory();
    journal.position('run', Float32Array.of(0));
    expect(journal.result('run', 1, 'a', result)).toBe('late');
    journal.open('run', 1);
    expect(journal.result('run', 1, 'a', result)).toBe('accepted');
    expect(journal.result('run', 1, 'a', { ...result, seconds: 9 })).toBe('duplicate');
    expect(() => journal.result('run', 1, 'a', { ...result, delta: Float32Array.of(2) })).toThrow(
      /two different updates/,
    );
    journal.seal('run', 1, ['a']);
    expect(journal.result('run', 1, 'b', result)).toBe('late');
    expect([...journal.results('run', 1).keys()]).toEqual(['a']);
  });

  test('of an ended run nothing is left', () => {
    const journal = memory();
    journal.position('run', Float32Array.of(7));
    journal.forget('run');
    expect(journal.position('run', Float32Array.of(8)).weights[0]).toBe(8);
  });

  test('wait in a file of their run, and go with it', () => {
    const directory = mkdtempSync(join(tmpdir(), 'journal-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const db = openJournal(join(directory, 'rounds.db'));
    const journal = new RoundJournal(db);
    const control = Float32Array.of(5, 6);
    for (const run of ['run', 'run/trial', 'running']) {
      journal.position(run, Float32Array.of(0, 0));
      journal.open(run, 1);
      journal.result(run, 1, 'a', { ...result, delta: Float32Array.of(1, 2), control });
      journal.result(run, 1, 'b', { ...result, delta: Float32Array.of(3, 4) });
    }
    const read = [...journal.results('run', 1).values()].map(({ delta, silo, control }) => [silo, [...delta], control]);
    expect(read).toEqual([
      ['a', [1, 2], control],
      ['b', [3, 4], undefined],
    ]);
    const files = () => readdirSync(join(directory, 'rounds.db-updates'));
    expect(files()).toHaveLength(3);
    journal.forget('run');
    expect(files()).toHaveLength(1);
    expect([...journal.results('running', 1).values()].map(({ delta }) => delta[0])).toEqual([1, 3]);
    db.close();
  });
});

describe('lost silos', () => {
  const broken = (name: string): RoundParticipant =>
    silo(name, { train: () => Promise.reject(new Error('connection refused')) });

  test('the round goes on with min_silos and reports who is missing', async () => {
    const { reports } = await finish(plan(), [silo('a'), broken('b'), silo('c')], memory());
    expect(reports.map((report) => report.missing)).toEqual(Array(4).fill({ b: 'connection refused' }));
    expect(reports[0]?.silos).toEqual(['a', 'c']);
  });

  test('below min_silos it stops, says whom it lost, and goes on when they are back', async () => {
    const journal = memory();
    await expect(finish(plan({ minSilos: 3 }), [silo('a'), broken('b'), silo('c')], journal)).rejects.toMatchObject({
      message: 'round 1 has updates of 2 silos, it needs 3; lost: b',
      detail: 'b: connection refused',
    });
    const resumed = await finish(plan({ minSilos: 3 }), trio(), journal);
    expect(resumed.weights).toEqual((await finish(plan({ minSilos: 3 }), trio(), memory())).weights);
  });

  test('a refused update counts as missing', async () => {
    const poisoned = silo('b', {
      train: async ({ weights }) => ({ delta: weights.map(() => Number.NaN), count: 1, loss: 1, seconds: 0 }),
    });
    const { reports } = await finish(plan({ rounds: 1 }), [silo('a'), poisoned, silo('c')], memory());
    expect(reports[0]?.missing.b).toMatch(/NaN/);
    expect(reports[0]?.silos).toEqual(['a', 'c']);
  });

  test('a cancelled run stops and can be resumed', async () => {
    const journal = memory();
    const abort = new AbortController();
    const slow = silo('c', {
      train: (_, signal) => {
        const { promise, reject } = Promise.withResolvers<LocalResult>();
        signal.addEventListener('abort', () => reject(new Error('aborted')));
        abort.abort();
        return promise;
      },
    });
    await expect(finish(plan({ minSilos: 3 }), [silo('a'), silo('b'), slow], journal, abort.signal)).rejects.toThrow();
    expect((await finish(plan(), trio(), journal)).reports).toHaveLength(4);
  });
});

test('early stopping keeps the best weights', async () => {
  const losses = [5, 3, 4, 4, 4, 1];
  const judge = {
    validate: async (weights: Float32Array) => ({ lossSum: losses[Math.round(weights[0]!) - 1]!, lossWeight: 1 }),
  };
  const stepper = (name: string) =>
    silo(name, {
      train: async ({ weights }) => ({ delta: weights.map(() => 1), count: 1, loss: 1, seconds: 0 }),
      ...judge,
    });
  const run = plan({ strategy: strategyNamed('fedavg'), initial: Float32Array.of(0), rounds: 6, patience: 3 });
  const { reports, round, weights } = await finish(run, [stepper('a'), stepper('b')], memory());
  expect(reports).toHaveLength(5);
  expect([round, weights[0]]).toEqual([2, 2]);
});

test('FedBuff closes rounds early and takes what comes late with its staleness', async () => {
  const gate = Promise.withResolvers<void>();
  const slow = silo('z', {
    train: async ({ round, weights }) => {
      if (round === 1) await gate.promise;
      return { delta: weights.map(() => 1), count: 1, loss: 1, seconds: 0 };
    },
  });
  const strategy = strategyNamed('fedbuff');
  const run = plan({ strategy, options: resolveOptions(strategy, { buffer: 2 }), rounds: 3 });
  const journal = memory();
  const staleness: number[] = [];
  const take = journal.result.bind(journal);
  Object.assign(journal, {
    result: (...args: Parameters<RoundJournal['result']>) => {
      if (args[2] === 'z') staleness.push(args[3].staleness);
      return take(...args);
    },
  });
  const rounds = runRounds(run, [silo('a'), silo('b'), slow], journal, new AbortController().signal);
  expect((await rounds.next()).value).toMatchObject({ round: 1, silos: ['a', 'b'] });
  gate.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  expect((await rounds.next()).value).toMatchObject({ round: 2, silos: expect.arrayContaining(['z']) });
  expect(staleness).toEqual([1]);
  await rounds.return({ weights: run.initial, round: 0 });
});

test('SCAFFOLD silos get the server’s control variate and their own, which counts the rounds they were in', async () => {
  const seen: unknown[] = [];
  const corrected = (name: string, change: number) =>
    silo(name, {
      train: async ({ control, round, weights }) => {
        seen.push([round, name, control?.server[0], control?.own[0]]);
        if (name === 'b' && round === 2) throw new Error('away');
        return { delta: weights.map(() => 1), control: weights.map(() => change), count: 1, loss: 1, seconds: 0 };
      },
    });
  const run = plan({ strategy: strategyNamed('scaffold'), rounds: 3, minSilos: 1 });
  await finish(run, [corrected('a', 2), corrected('b', 4)], memory());
  expect(seen).toEqual([
    [1, 'a', 0, 0],
    [1, 'b', 0, 0],
    [2, 'a', 3, 2],
    [2, 'b', 3, 4],
    // One of two silos moves c by half of its change.
    [3, 'a', 4, 4],
    [3, 'b', 4, 4],
  ]);
});

test('the deadline follows the silos’ times', () => {
  expect(deadlineSeconds([])).toBeUndefined();
  expect(deadlineSeconds([0.1, 0.1])).toBe(5);
  expect(deadlineSeconds([100, 100, 100])).toBe(200);
  expect(deadlineSeconds([10, 100, 200])).toBe(640);
});
