import { setTimeout as sleep } from 'node:timers/promises';
import { Int32, RecordBatch, Utf8, vectorFromArray } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Capabilities } from '../../../connectors/capabilities.ts';
import type { Fragment, Silo } from '../../../connectors/connector.ts';
import { duckdbCapabilities } from '../../../connectors/duckdb-engine/dialect.ts';
import { Mediator } from '../../../operators/mediator/mediator.ts';
import { cutIntoFragments } from '../../../optimizer/fragments/cut.ts';
import { deepestSites } from '../../../optimizer/fragments/sites.ts';
import { optimize } from '../../../optimizer/optimize.ts';
import type { PhysicalPlan, Progress } from '../../../optimizer/physical.ts';
import { filter, integer, join, limit, of, project, table, test, text } from '../../../test/support/plans.ts';
import { CausewayError } from '../../plan/errors.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import { Admission } from './admission.ts';
import { type ExecutionContext, execute } from './execute.ts';
import type { ExecutionMediator } from './mediator.ts';
import type { FragmentReport } from './report.ts';

type Answer = (fragment: Fragment, signal: AbortSignal) => AsyncIterable<RecordBatch>;

/** A silo that answers as the test says, and remembers what it was asked. */
function silo(answer: Answer): Silo & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    context: 'test',
    tables: async () => [],
    statistics: async () => undefined,
    run: async (fragment, signal) => {
      asked.push(fragment.kind === 'sql' ? fragment.text : fragment.table.table);
      return { kind: 'batches', columns: fragment.columns, batches: answer(fragment, signal) };
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function batch(columns: Readonly<Record<string, readonly (number | string | null)[]>>): RecordBatch {
  const vectors = Object.fromEntries(
    Object.entries(columns).map(([name, values]) => [
      name,
      vectorFromArray([...values], values.some((value) => typeof value === 'string') ? new Utf8() : new Int32()),
    ]),
  );
  return new RecordBatch(Object.fromEntries(Object.entries(vectors).map(([name, vector]) => [name, vector.data[0]!])));
}

async function* stream(...batches: readonly RecordBatch[]): AsyncGenerator<RecordBatch> {
  yield* batches;
}

/** Never answers, until it is told to stop. */
async function* hanging(signal: AbortSignal): AsyncGenerator<RecordBatch> {
  await sleep(60_000, undefined, { signal });
  yield batch({ id: [0] });
}

let mediator: Mediator;
beforeAll(async () => {
  mediator = await Mediator.open({ memoryLimit: '500MB' });
});
afterAll(() => mediator[Symbol.asyncDispose]());

const noMediator: ExecutionMediator = {
  session: () => Promise.reject(new Error('the mediator is not needed here')),
};

function run(
  plan: RelationalNode,
  silos: Readonly<Record<string, Silo>>,
  over: Partial<ExecutionContext> = {},
  signal = new AbortController().signal,
) {
  const facts = (capabilities: Capabilities) =>
    new Map(Object.keys(silos).map((name) => [name, { capabilities, context: name }]));
  const optimizer = { silos: facts(duckdbCapabilities), pushdown: 'on' } as const;
  const physical: PhysicalPlan = optimize(plan, optimizer);
  const reports: FragmentReport[] = [];
  const context: ExecutionContext = {
    silo: async (name) => silos[name]!,
    mediator,
    admission: new Admission(4),
    optimizer,
    onFragment: (report) => reports.push(report),
    ...over,
  };
  return { execution: execute(physical, context, signal), reports };
}

async function rows(batches: AsyncIterable<RecordBatch>): Promise<unknown[][]> {
  const found: unknown[][] = [];
  for await (const each of batches) {
    for (let i = 0; i < each.numRows; i++) {
      found.push(each.schema.fields.map((_, column) => each.getChildAt(column)?.get(i)));
    }
  }
  return found;
}

const people = table('north.people', { id: integer, name: text });
const visits = table('south.visits', { person: integer, place: text });
const joined = join('inner', people, visits, test('=', of(people, 'id'), of(visits, 'person')));
const byName = project(joined, { name: of(people, 'name'), place: of(visits, 'place') });

const north = () => silo(() => stream(batch({ id: [1, 2], name: ['ann', 'bob'] }), batch({ id: [3], name: ['cid'] })));
const south = () => silo(() => stream(batch({ person: [3, 1, 9], place: ['oslo', 'rome', 'bern'] })));

describe('execute', () => {
  it('streams one silo straight through, batch by batch', async () => {
    let sent = 0;
    const counting = silo(async function* () {
      for (const id of [1, 2, 3]) {
        sent++;
        yield batch({ id: [id], name: ['x'] });
      }
    });
    const { execution } = run(people, { north: counting }, { mediator: noMediator });
    expect(sent).toBe(0);
    const iterator = execution.batches[Symbol.asyncIterator]();
    await iterator.next();
    expect(sent).toBe(1);
    await iterator.return?.();
    expect(sent).toBe(1);
  });

  it('joins two silos at the mediator and reports what moved', async () => {
    const { execution, reports } = run(byName, { north: north(), south: south() });
    expect(execution.columns.map(({ name }) => name)).toEqual(['name', 'place']);
    expect((await rows(execution.batches)).sort()).toEqual([
      ['ann', 'rome'],
      ['cid', 'oslo'],
    ]);
    expect(reports.map(({ site, rows: count }) => [site, count]).sort()).toEqual([
      ['mediator', 2],
      ['north', 3],
      ['south', 3],
    ]);
  });

  it('names the silo that fails, and stops the others', async () => {
    let stopped = false;
    const started = Promise.withResolvers<void>();
    const slow = silo(async function* (_, signal) {
      signal.addEventListener('abort', () => {
        stopped = true;
      });
      started.resolve();
      yield* hanging(signal);
    });
    const broken = silo(async function* () {
      yield batch({ person: [1], place: ['rome'] });
      await started.promise;
      throw new Error('connection reset');
    });
    const { execution } = run(byName, { north: slow, south: broken });
    await expect(rows(execution.batches)).rejects.toMatchObject({
      silo: 'south',
      message: expect.stringContaining('connection reset'),
    });
    expect(stopped).toBe(true);
  });

  it('fails when one silo breaks off in the middle of a stream that goes straight through', async () => {
    const broken = silo(async function* () {
      yield batch({ id: [1], name: ['ann'] });
      throw new CausewayError('08006', 'server closed the connection');
    });
    const { execution } = run(people, { north: broken });
    await expect(rows(execution.batches)).rejects.toMatchObject({ silo: 'north', sqlstate: '08006' });
  });

  it('reaches every silo when it is cancelled, and ends as cancelled', async () => {
    const aborted: string[] = [];
    const both = Promise.withResolvers<void>();
    let working = 0;
    const waiting = (name: string) =>
      silo(async function* (_, signal) {
        signal.addEventListener('abort', () => aborted.push(name));
        if (++working === 2) both.resolve();
        yield* hanging(signal);
      });
    const user = new AbortController();
    const { execution } = run(byName, { north: waiting('north'), south: waiting('south') }, {}, user.signal);
    const result = rows(execution.batches);
    void both.promise.then(() => user.abort());
    await expect(result).rejects.toMatchObject({ sqlstate: '57014' });
    expect(aborted.sort()).toEqual(['north', 'south']);
  });

  it('does not pass off a stream that ends early on cancellation as complete', async () => {
    const user = new AbortController();
    const quiet = silo(async function* () {
      yield batch({ id: [1], name: ['ann'] });
      user.abort();
    });
    const { execution } = run(people, { north: quiet }, {}, user.signal);
    await expect(rows(execution.batches)).rejects.toMatchObject({ sqlstate: '57014' });
  });

  it('leaves nothing behind at the mediator, whether read to the end or not', async () => {
    let open = 0;
    const counted: ExecutionMediator = {
      session: async () => {
        const session = await mediator.session();
        open++;
        return {
          ingest: (...args) => session.ingest(...args),
          materialize: (...args) => session.materialize(...args),
          forget: (...args) => session.forget(...args),
          query: (...args) => session.query(...args),
          [Symbol.asyncDispose]: async () => {
            open--;
            await session[Symbol.asyncDispose]();
          },
        };
      },
    };
    const silos = { north: north(), south: south() };
    await rows(run(byName, silos, { mediator: counted }).execution.batches);
    const iterator = run(byName, silos, { mediator: counted }).execution.batches[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.return?.();
    expect(open).toBe(0);
  });

  it('makes the rows of the mediator first that are wanted so', async () => {
    const silos = { north: north(), south: south() };
    const facts = new Map(
      Object.keys(silos).map((name) => [name, { capabilities: duckdbCapabilities, context: name }]),
    );
    const optimizer = { silos: facts, pushdown: 'on' } as const;
    const physical = cutIntoFragments({ ...deepestSites(byName, optimizer), early: new Set([joined]) }, optimizer);
    expect(physical.fragments.map(({ site }) => site)).toEqual(['north', 'south', 'mediator', 'mediator']);
    const context = { silo: async (name: string) => silos[name as 'north'], mediator, admission: new Admission(4) };
    const { batches } = execute(physical, { ...context, optimizer }, new AbortController().signal);
    expect((await rows(batches)).sort()).toEqual([
      ['ann', 'rome'],
      ['cid', 'oslo'],
    ]);
  });

  describe('with a plan that is made anew while it runs', () => {
    const asksForKeys = (text: string): boolean => text.includes('IN (') || text.includes(' = ');
    /** Visits come in 40 batches of 100, unless they are asked for by person. */
    const many = () =>
      silo(async function* (fragment) {
        const keyed = asksForKeys(fragment.kind === 'sql' ? fragment.text : '');
        for (let page = 0; page < (keyed ? 1 : 40); page++) {
          await sleep(5);
          const person = Array.from({ length: 100 }, (_, i) => (keyed ? (i % 3) + 1 : 10 * page + i));
          yield batch({ person, place: person.map((each) => `place ${each}`) });
        }
      });
    /** @param expected rows of the visits; with more than four times as many they are asked for by the people's keys */
    const runRevised = async (expected: number) => {
      const silos = { north: north(), south: many() };
      const facts = new Map(
        ['north', 'south'].map((name) => [name, { capabilities: duckdbCapabilities, context: name }]),
      );
      const physical = optimize(byName, { silos: facts, pushdown: 'on' });
      const [first, second, root] = physical.fragments;
      const keys = { kind: 'keys', from: first!.id, fromColumn: 0, column: visits.columns[0]!.id } as const;
      const keyed = { ...second!, id: 8, inputs: [keys] };
      const text = JSON.stringify(root!.request).replaceAll(`exchange_${second!.id}`, 'exchange_8');
      const revised: PhysicalPlan = {
        ...physical,
        fragments: [
          first!,
          keyed,
          {
            ...root!,
            id: 9,
            request: JSON.parse(text),
            inputs: [first!, keyed].map(({ id }) => ({ kind: 'rows', from: id })),
          },
        ],
        root: 9,
      };
      const reports: FragmentReport[] = [];
      const seen: Progress[] = [];
      const { batches } = execute(
        physical,
        {
          silo: async (name) => silos[name as 'north' | 'south'],
          mediator,
          admission: new Admission(4),
          optimizer: { silos: facts, pushdown: 'on' },
          onFragment: (report) => reports.push(report),
          revision: {
            surprising: (fragment, { rows: shown }) => fragment === second!.id && shown > 4 * expected,
            revise(progress) {
              seen.push(progress);
              return revised;
            },
          },
        },
        new AbortController().signal,
      );
      const found = await rows(batches);
      return { asked: silos.south.asked, north: silos.north.asked, found, reports, seen };
    };

    it('stops what the new plan has no use for, begins what is new, and goes on with the rest', async () => {
      const { asked, north: askedNorth, found, reports, seen } = await runRevised(20);
      expect(seen).toHaveLength(1);
      expect(seen[0]!.get(1)).toEqual({ rows: 3, done: true });
      expect(seen[0]!.get(2)).toMatchObject({ done: false });
      expect(asked).toHaveLength(2);
      expect(asked[1]).toMatch(/IN \(/);
      expect(askedNorth).toHaveLength(1);
      expect(found).toHaveLength(100);
      // What had come before is counted: it has left the silo.
      const south = reports.filter(({ site }) => site === 'south');
      expect(south.map(({ fragment, stopped }) => [fragment, stopped === true]).sort()).toEqual([
        [2, true],
        [8, false],
      ]);
      expect(south.find(({ stopped }) => stopped)!.bytes).toBeGreaterThan(1000);
      expect(south.find(({ fragment }) => fragment === 8)).toMatchObject({ keys: 3, rows: 100 });
    });

    it('reads on when as much comes as was thought', async () => {
      const { asked, found, seen } = await runRevised(4000);
      expect(seen).toHaveLength(0);
      expect(asked).toHaveLength(1);
      expect(found).toHaveLength(3);
    });
  });

  it('asks a silo only for the keys the other side has, in batches', async () => {
    const asked = south();
    const plan = filter(limit(byName, 100), test('is_not_null', of(byName, 'place')));
    const capabilities: Capabilities = { ...duckdbCapabilities, maxListLength: 2 };
    const optimizer = {
      silos: new Map([
        ['north', { capabilities, context: 'north' }],
        ['south', { capabilities, context: 'south' }],
      ]),
      pushdown: 'on',
    } as const;
    const physical = optimize(plan, optimizer);
    const [first, second, ...rest] = physical.fragments;
    const keys = { kind: 'keys', from: first!.id, fromColumn: 0, column: visits.columns[0]!.id } as const;
    const reports: FragmentReport[] = [];
    const execution = execute(
      { ...physical, fragments: [first!, { ...second!, inputs: [keys] }, ...rest] },
      {
        silo: async (name) => (name === 'north' ? north() : asked),
        mediator,
        admission: new Admission(1),
        optimizer,
        onFragment: (report) => reports.push(report),
      },
      new AbortController().signal,
    );
    await rows(execution.batches);
    expect(asked.asked).toHaveLength(2);
    expect(asked.asked.join(' ')).toMatch(
      /"person" IN \(\d, \d\).*"person" = \d|"person" IN \(\d, \d\).*"person" IN \(\d\)/,
    );
    expect(reports.find(({ site }) => site === 'south')?.keys).toBe(3);
  });
});

describe('Admission', () => {
  it('lets statements in in the order in which they came', async () => {
    const admission = new Admission(1);
    const { signal } = new AbortController();
    const order: number[] = [];
    const leave = await admission.enter(signal);
    const later = [1, 2, 3].map(async (n) => {
      const done = await admission.enter(signal);
      order.push(n);
      done();
      done();
    });
    expect(admission.waiting).toBe(3);
    leave();
    await Promise.all(later);
    expect(order).toEqual([1, 2, 3]);
    expect(admission.running).toBe(0);
  });

  it('forgets who gave up waiting', async () => {
    const admission = new Admission(1);
    const leave = await admission.enter(new AbortController().signal);
    const impatient = new AbortController();
    const waiting = admission.enter(impatient.signal);
    impatient.abort();
    await expect(waiting).rejects.toMatchObject({ sqlstate: '57014' });
    leave();
    expect(admission.running).toBe(0);
  });
});
