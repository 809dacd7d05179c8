/** What every store must do, on every store: S3 and WebHDFS test servers, Azurite, a local folder. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACCOUNT, ACCOUNT_KEY, startAzurite } from '../../../test/servers/azurite.ts';
import { startS3 } from '../../../test/servers/s3-server.ts';
import { startWebHdfs, type WebHdfsTestServer } from '../../../test/servers/webhdfs-server.ts';
import { describeStore } from '../../../test/support/store-contract.ts';
import { azureStore } from './azure.ts';
import { localStore } from './local.ts';
import type { RetryPolicy } from './retry.ts';
import { s3Store } from './s3.ts';
import type { ObjectStore } from './store.ts';
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
  async gcs() {
    const server = await startS3({ region: 'auto' });
    running.push(server);
    server.put('bucket/.keep', '');
    const credentials = { accessKeyId: 'test-access', secretAccessKey: 'test-secret' };
    return s3Store({
      scheme: 'gs',
      bucket: 'bucket',
      prefix: '',
      region: 'auto',
      endpoint: server.endpoint,
      pathStyle: true,
      credentials,
      requesterPays: false,
      checksums: 'WHEN_REQUIRED',
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

for (const [name, open] of Object.entries(kinds)) describeStore(name, open);

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
