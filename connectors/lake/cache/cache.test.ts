import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localStore } from '../stores/local.ts';
import type { ByteRange, ObjectStore } from '../stores/store.ts';
import { ObjectCache } from './cache.ts';
import { byteCount, missing, requests, union } from './ranges.ts';

const signal = new AbortController().signal;
const range = fc.tuple(fc.nat(200), fc.nat(40)).map(([start, length]): ByteRange => ({ start, end: start + length }));
const bytesOf = (ranges: readonly ByteRange[]): Set<number> =>
  new Set(ranges.flatMap((r) => Array.from({ length: r.end - r.start }, (_, i) => r.start + i)));

describe('sets of ranges', () => {
  test('union and missing agree with sets of bytes', () => {
    fc.assert(
      fc.property(fc.array(range), fc.array(range), (a, b) => {
        expect(bytesOf(union(a))).toEqual(bytesOf(a));
        expect(byteCount(union(a))).toBe(bytesOf(a).size);
        const present = bytesOf(b);
        const expected = new Set([...bytesOf(a)].filter((byte) => !present.has(byte)));
        expect(bytesOf(missing(union(a), union(b)))).toEqual(expected);
      }),
    );
  });

  test('requests cover what is asked for, in few pieces with little waste', () => {
    const MB = 1024 * 1024;
    const apart = [
      { start: 0, end: MB },
      { start: MB + 1000, end: 2 * MB },
      { start: 50 * MB, end: 51 * MB },
    ];
    expect(requests(apart)).toEqual([
      { start: 0, end: 2 * MB },
      { start: 50 * MB, end: 51 * MB },
    ]);
    expect(requests([{ start: 3, end: 64 * MB }])).toHaveLength(4);
    expect(byteCount(requests([{ start: 3, end: 64 * MB }]))).toBe(64 * MB - 3);
  });
});

describe('the cache', () => {
  let folder: string;
  let store: ObjectStore;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lake-cache-'));
    // As if it were far away: without a local path everything is copied.
    const { localPath: _, ...remote } = await localStore(folder);
    store = remote;
    for (const key of ['a.bin', 'b.bin']) await store.write(key, Buffer.alloc(100_000, key), 'absent', signal);
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('asks for each byte once', async () => {
    await using cache = await ObjectCache.open(store, { limit: 1e9 });
    const object = cache.pin((await store.stat('a.bin', signal))!);
    const wanted = [{ start: 10, end: 500 }];
    await Promise.all([object.fetch(wanted, signal), object.fetch(wanted, signal)]);
    await object.fetch([{ start: 0, end: 20 }], signal);
    expect(cache.traffic).toEqual({ requests: 2, bytes: 500 });
    expect(Buffer.from(await object.bytes({ start: 0, end: 10 })).toString()).toBe('a.bina.bin');
    expect(object.has([{ start: 0, end: 500 }])).toBe(true);
    expect(object.has([{ start: 0, end: 501 }])).toBe(false);
  });

  test('a replaced object is another entry', async () => {
    await using cache = await ObjectCache.open(store, { limit: 1e9 });
    const before = cache.pin((await store.stat('b.bin', signal))!);
    await before.fetch([{ start: 0, end: 5 }], signal);
    await store.write('b.bin', Buffer.alloc(100_000, 'NEW'), 'any', signal);
    await expect(before.fetch([{ start: 5, end: 10 }], signal)).rejects.toThrow(/replaced/);
    const after = cache.pin((await store.stat('b.bin', signal))!);
    await after.fetch([{ start: 0, end: 3 }], signal);
    expect(Buffer.from(await after.bytes({ start: 0, end: 3 })).toString()).toBe('NEW');
  });

  test('keeps to its bound, sparing what is in use', async () => {
    await using cache = await ObjectCache.open(store, { limit: 150_000 });
    const all = [{ start: 0, end: 100_000 }];
    const a = cache.pin((await store.stat('a.bin', signal))!);
    const b = cache.pin((await store.stat('b.bin', signal))!);
    await a.fetch(all, signal);
    await b.fetch(all, signal);
    await cache.release([b]);
    expect(await readdir(cache.folder)).toEqual([a.path.slice(cache.folder.length + 1)]);
    await cache.release([a]);
    expect(await readdir(cache.folder)).toHaveLength(1);
    expect(() => cache.reserve(150_001)).toThrow(/cache holds 150000/);
  });

  test('encrypted, leaves nothing on the disk that could be read, and nothing in memory after a scan', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'lake-sealed-'));
    await using cache = await ObjectCache.open(store, { limit: 1e9, parent, encrypted: true });
    const object = cache.pin((await store.stat('a.bin', signal))!);
    await object.fetch([{ start: 7, end: 5003 }], signal);
    const whole = Buffer.alloc(100_000, 'a.bin');
    expect(Buffer.from(await object.bytes({ start: 35, end: 4001 }))).toEqual(whole.subarray(35, 4001));
    expect((await readFile(object.path)).subarray(7, 5003)).toEqual(whole.subarray(7, 5003));
    const atRest = async () => {
      const names = await readdir(parent, { recursive: true, withFileTypes: true });
      const files = names.filter((name) => name.isFile());
      return Buffer.concat(await Promise.all(files.map((name) => readFile(join(name.parentPath, name.name)))));
    };
    expect((await atRest()).length).toBe(100_000);
    expect((await atRest()).includes('a.bin')).toBe(false);
    await cache.release([object]);
    expect(await readdir(cache.folder)).toEqual([]);
    const again = cache.pin((await store.stat('a.bin', signal))!);
    await again.fetch([{ start: 100, end: 200 }], signal);
    expect((await readFile(again.path)).subarray(100, 200)).toEqual(whole.subarray(100, 200));
    expect(cache.traffic).toEqual({ requests: 1, bytes: 4996 });
    await rm(parent, { recursive: true });
  });
});
