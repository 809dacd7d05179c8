/** What every object store must do, whoever serves it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collect, type ObjectStore, type StoreError } from '../../connectors/lake/stores/store.ts';

const signal = new AbortController().signal;

const failure = async (work: Promise<unknown>): Promise<StoreError['kind']> => {
  const error = await work.then(
    () => new Error('it succeeded'),
    (thrown: unknown) => thrown as StoreError,
  );
  return (error as StoreError).kind;
};

/** Registers the tests for one store. `open` gives an empty one. */
export function describeStore(name: string, open: () => Promise<ObjectStore>): void {
  describe(`the store ${name}`, () => {
    let store: ObjectStore;
    const keys = ['t/a=1/x y+z.bin', 't/a=1/é&%25.bin', 't/a=2/part-0.bin', 't/top.bin', 'u/other.bin'];
    const text = async (key: string, start: number, end: number): Promise<string> => {
      const object = (await store.stat(key, signal))!;
      return Buffer.from((await store.read(object, { start, end }, signal)).body).toString();
    };
    beforeAll(async () => {
      store = await open();
      for (const key of keys) await store.write(key, Buffer.from(`content of ${key}`), 'absent', signal);
    }, 240_000);
    afterAll(() => store?.[Symbol.asyncDispose]());

    test('lists what was written, in key order, from a key on', async () => {
      const found = await collect(store.list('t/', signal));
      expect(found.map((o) => o.key)).toEqual(keys.slice(0, 4));
      expect(found.map((o) => o.size)).toEqual(keys.slice(0, 4).map((k) => Buffer.byteLength(`content of ${k}`)));
      expect((await collect(store.list('t/', signal, 't/a=2/part-0.bin'))).map((o) => o.key)).toEqual(['t/top.bin']);
      expect(await collect(store.list('none/', signal))).toEqual([]);
      const level = await store.children('t/', signal);
      expect([level.folders, level.objects.map((o) => o.key)]).toEqual([['t/a=1/', 't/a=2/'], ['t/top.bin']]);
    });

    test('reads any range, by the version that the listing names', async () => {
      for (const object of await collect(store.list('', signal))) {
        if (object.size === 0) continue;
        const { body, etag } = await store.read(object, { start: 3, end: object.size }, signal);
        expect(Buffer.from(body).toString()).toBe(`content of ${object.key}`.slice(3));
        expect(etag).toBe(object.etag);
      }
      expect(await store.stat('t/nothing', signal)).toBeUndefined();
      expect(await store.stat('t', signal)).toBeUndefined();
    });

    test('notices replaced and removed objects', async () => {
      await store.write('r', Buffer.from('first'), 'any', signal);
      const before = (await store.stat('r', signal))!;
      await store.write('r', Buffer.from('other'), 'any', signal);
      expect(await failure(store.read(before, { start: 0, end: 5 }, signal))).toBe('changed');
      expect(await text('r', 0, 5)).toBe('other');
      await store.remove('r', signal);
      expect(await failure(store.read(before, { start: 0, end: 5 }, signal))).toBe('changed');
      expect(await failure(store.read({ ...before, etag: '' }, { start: 0, end: 5 }, signal))).toBe('missing');
    });

    test('writes on a condition', async () => {
      const first = await store.write('w/one', Buffer.from('1'), 'absent', signal);
      expect(await failure(store.write('w/one', Buffer.from('2'), 'absent', signal))).toBe('conflict');
      await store.write('w/one', Buffer.from('33'), { etag: first.etag }, signal);
      expect(await failure(store.write('w/one', Buffer.from('4'), { etag: first.etag }, signal))).toBe('conflict');
      expect(await text('w/one', 0, 2)).toBe('33');
      expect((await collect(store.list('w/', signal))).map((o) => o.key)).toEqual(['w/one']);
    });

    test('of writers that race for one key, one wins', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 5 }, (_, i) =>
          store.write('race', Buffer.from(`${i}`), 'absent', signal).then(
            () => 'won',
            (e: StoreError) => e.kind,
          ),
        ),
      );
      expect(outcomes.filter((outcome) => outcome === 'won')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === 'conflict')).toHaveLength(4);
    });

    test('knows its own URIs and no others', () => {
      expect(store.keyOf(store.uriOf('t/top.bin'))).toBe('t/top.bin');
      expect(store.keyOf('s3://elsewhere/t/top.bin')).toBeUndefined();
      expect(store.keyOf(`${store.location}/../x`)).toBeUndefined();
      expect(() => store.uriOf('../x')).toThrow(/outside/);
    });
  });
}
