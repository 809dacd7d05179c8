/** What every store must do, on every store: S3 and WebHDFS test servers, Azurite, a local folder. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACCOUNT, ACCOUNT_KEY, startAzurite } from '../../../test/azurite.ts';
import { startS3 } from '../../../test/s3-server.ts';
import { startWebHdfs, type WebHdfsTestServer } from '../../../test/webhdfs-server.ts';
import { azureStore } from './azure.ts';
import { localStore } from './local.ts';
import type { RetryPolicy } from './retry.ts';
import { s3Store } from './s3.ts';
import { collect, type ObjectStore, type StoreError } from './store.ts';
import { webHdfsStore } from './webhdfs.ts';

const signal = new AbortController().signal;
const retry: RetryPolicy = { attempts: 4, base: 2, cap: 10, timeout: 10_000 };
const running: AsyncDisposable[] = [];
afterAll(async () => {
  for (const server of running) await server[Symbol.asyncDispose]();
});

const kinds: Record<string, () => Promise<ObjectStore>> = {
  async local() {
    const folder = await mkdtemp(join(tmpdir(), 'lake-store-'));
    running.push({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) });
    return localStore(folder);
  },
  async s3() {
    const server = await startS3({ pageSize: 2 });
    running.push(server);
    server.put('bucket/beside', 'the root');
    const credentials = { accessKeyId: 'test-access', secretAccessKey: 'test-secret' };
    const { endpoint } = server;
    return s3Store({
      scheme: 's3',
      bucket: 'bucket',
      prefix: 'a root/',
      region: 'eu-test-1',
      endpoint,
      pathStyle: true,
      credentials,
      requesterPays: false,
      checksums: 'WHEN_SUPPORTED',
      retry,
    });
  },
  async azure() {
    const azurite = await startAzurite();
    running.push(azurite);
    await azurite.container('bucket');
    return azureStore({
      account: ACCOUNT,
      container: 'bucket',
      prefix: 'a root/',
      endpoint: azurite.endpoint,
      auth: { key: ACCOUNT_KEY },
      retry,
    });
  },
  async webhdfs() {
    const server = await startWebHdfs();
    running.push(server);
    server.put('/a root/.keep', '');
    return webHdfsStore({ endpoint: server.endpoint, root: '/a root/', user: 'ann', retry });
  },
};

const failure = async (work: Promise<unknown>): Promise<StoreError['kind']> => {
  const error = await work.then(
    () => new Error('it succeeded'),
    (thrown: unknown) => thrown as StoreError,
  );
  return (error as StoreError).kind;
};

describe.each(Object.keys(kinds))('the store %s', (kind) => {
  let store: ObjectStore;
  const keys = ['t/a=1/x y+z.bin', 't/a=1/é&%25.bin', 't/a=2/part-0.bin', 't/top.bin', 'u/other.bin'];
  const text = async (key: string, start: number, end: number): Promise<string> => {
    const object = (await store.stat(key, signal))!;
    return Buffer.from((await store.read(object, { start, end }, signal)).body).toString();
  };
  beforeAll(async () => {
    store = await kinds[kind]!();
    for (const key of keys) await store.write(key, Buffer.from(`content of ${key}`), 'absent', signal);
  });
  afterAll(() => store[Symbol.asyncDispose]());

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

describe('WebHDFS', () => {
  let server: WebHdfsTestServer;
  beforeAll(async () => {
    server = await startWebHdfs();
    running.push(server);
    server.put('/d/file', 'content');
  });
  const open = (more = {}): ObjectStore =>
    webHdfsStore({ endpoint: server.endpoint, root: '/d/', user: 'ann', retry, ...more });

  test('reads in spite of busy name nodes and truncated bodies', async () => {
    const store = open();
    const object = (await store.stat('file', signal))!;
    for (const [at, fault] of [
      ['OPEN', { status: 503 }],
      ['DATA', { truncate: 2 }],
    ] as const) {
      let left = 2;
      server.fault = (op) => (op === at && left-- > 0 ? fault : undefined);
      expect(Buffer.from((await store.read(object, { start: 0, end: 7 }, signal)).body).toString()).toBe('content');
    }
    server.fault = () => undefined;
  });

  test('goes only where it may be redirected to', async () => {
    const object = (await open().stat('file', signal))!;
    server.redirectHost = 'localhost';
    await expect(open().read(object, { start: 0, end: 7 }, signal)).rejects.toMatchObject({
      kind: 'denied',
      hint: expect.stringContaining('datanode_hosts'),
    });
    const { body } = await open({ dataNodes: ['localhost'] }).read(object, { start: 0, end: 7 }, signal);
    expect(Buffer.from(body).toString()).toBe('content');
    server.redirectHost = '127.0.0.1';
  });

  test('says what is wrong with the user and the folder', async () => {
    await expect(open({ user: 'bob' }).children('', signal)).rejects.toMatchObject({ kind: 'denied' });
    await expect(open({ root: '/none/' }).children('', signal)).rejects.toMatchObject({ kind: 'missing' });
  });
});
