import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type S3TestServer, startS3 } from '../../../test/servers/s3-server.ts';
import type { RetryPolicy } from './retry.ts';
import { type S3Options, s3Store } from './s3.ts';
import { collect, type ObjectInfo, type ObjectStore, type StoreError } from './store.ts';

const signal = new AbortController().signal;
const retry: RetryPolicy = { attempts: 4, base: 2, cap: 10, timeout: 5_000 };
let server: S3TestServer;

const open = (more: Partial<S3Options> = {}): ObjectStore =>
  s3Store({
    scheme: 's3',
    bucket: 'lake',
    prefix: 'root/',
    region: 'eu-test-1',
    endpoint: server.endpoint,
    pathStyle: true,
    credentials: { accessKeyId: 'test-access', secretAccessKey: 'test-secret' },
    requesterPays: false,
    checksums: 'WHEN_SUPPORTED',
    retry,
    ...more,
  });

const text = async (store: ObjectStore, object: ObjectInfo, start: number, end: number): Promise<string> =>
  Buffer.from((await store.read(object, { start, end }, signal)).body).toString();

const failure = async (work: Promise<unknown>): Promise<StoreError> => {
  const outcome = await work.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  );
  return outcome as StoreError;
};

beforeAll(async () => {
  server = await startS3({ pageSize: 3 });
  for (let i = 0; i < 10; i++) server.put(`lake/root/t/part-${i}.bin`, `content of ${i}`);
  server.put('lake/root/odd key+ä/a=1&b.bin', 'odd');
  server.put('lake/elsewhere/x', 'not ours');
});
beforeEach(() => {
  server.fault = () => undefined;
  server.log.length = 0;
});
afterAll(() => server[Symbol.asyncDispose]());

describe('an S3 bucket', () => {
  test('lists all pages, in key order, from a key on', async () => {
    const store = open();
    const all = await collect(store.list('t/', signal));
    expect(all.map((o) => o.key)).toEqual(Array.from({ length: 10 }, (_, i) => `t/part-${i}.bin`));
    const rest = await collect(store.list('t/', signal, 't/part-7.bin'));
    expect(rest.map((o) => o.key)).toEqual(['t/part-8.bin', 't/part-9.bin']);
    expect(await store.children('', signal)).toEqual({ folders: ['odd key+ä/', 't/'], objects: [] });
  });

  test('reads ranges of keys that need escaping', async () => {
    const store = open();
    const object = await store.stat('odd key+ä/a=1&b.bin', signal);
    expect(object?.size).toBe(3);
    expect(await text(store, object!, 1, 3)).toBe('dd');
    expect(await store.stat('t/none', signal)).toBeUndefined();
  });

  test('reads to the end in spite of 503s, resets and truncated bodies', async () => {
    const store = open();
    const object = (await store.stat('t/part-1.bin', signal))!;
    for (const fault of [
      { status: 503, code: 'SlowDown' },
      'reset',
      { truncate: 3 },
      { status: 500, code: 'X' },
    ] as const) {
      let left = 2;
      server.fault = () => (left-- > 0 ? fault : undefined);
      expect(await text(store, object, 0, 12)).toBe('content of 1');
    }
    server.fault = () => ({ status: 503, code: 'SlowDown' });
    server.log.length = 0;
    expect((await failure(store.read(object, { start: 0, end: 12 }, signal))).kind).toBe('throttled');
    expect(server.log.length).toBe(retry.attempts);
  });

  test('gives a slow answer up and asks again', async () => {
    const store = open({ retry: { ...retry, timeout: 150 } });
    const object = (await store.stat('t/part-1.bin', signal))!;
    let left = 1;
    server.fault = () => (left-- > 0 ? { delay: 5_000 } : undefined);
    expect(await text(store, object, 0, 2)).toBe('co');
  });

  test('notices that an object was replaced', async () => {
    const store = open();
    server.put('lake/root/r', 'first');
    const object = (await store.stat('r', signal))!;
    server.put('lake/root/r', 'other');
    expect((await failure(store.read(object, { start: 0, end: 5 }, signal))).kind).toBe('changed');
    server.objects.delete('lake/root/r');
    expect((await failure(store.read(object, { start: 0, end: 5 }, signal))).kind).toBe('changed');
  });

  test('writes on a condition', async () => {
    const store = open();
    const body = Buffer.from('new');
    const first = await store.write('w/one', body, 'absent', signal);
    expect((await failure(store.write('w/one', body, 'absent', signal))).kind).toBe('conflict');
    await store.write('w/one', Buffer.from('newer'), { etag: first.etag }, signal);
    expect((await failure(store.write('w/one', body, { etag: first.etag }, signal))).kind).toBe('conflict');
    expect(server.objects.get('lake/root/w/one')?.toString()).toBe('newer');
    await store.remove('w/one', signal);
    expect(await store.stat('w/one', signal)).toBeUndefined();
  });

  test('says what is wrong with credentials, bucket, region and clock', async () => {
    const wrongSecret = open({ credentials: { accessKeyId: 'test-access', secretAccessKey: 'guess' } });
    expect((await failure(wrongSecret.children('', signal))).hint).toBe('Check secret_key.');
    const wrongKey = open({ credentials: { accessKeyId: 'nobody', secretAccessKey: 'guess' } });
    expect((await failure(wrongKey.children('', signal))).hint).toBe('Check access_key.');
    const bucket = await failure(open({ bucket: 'nowhere' }).children('', signal));
    expect([bucket.kind, bucket.hint]).toEqual(['missing', 'Check the bucket name and the region.']);
    expect((await failure(open({ region: 'mars-1' }).children('', signal))).hint).toContain('region');
    await using late = await startS3({ now: () => Date.now() + 3_600_000 });
    late.put('lake/root/a', 'a');
    expect((await failure(open({ endpoint: late.endpoint }).children('', signal))).hint).toContain('clock');
  });

  test('stays inside its root', async () => {
    const store = open();
    expect(store.keyOf('s3://lake/root/t/a.parquet')).toBe('t/a.parquet');
    expect(store.keyOf('s3a://lake/root/t/a.parquet')).toBe('t/a.parquet');
    expect(store.keyOf('s3://lake/root/../elsewhere/x')).toBeUndefined();
    expect(store.keyOf('s3://other/root/t')).toBeUndefined();
    expect(() => store.uriOf('../elsewhere/x')).toThrow(/outside/);
  });
});
