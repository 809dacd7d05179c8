/** Shared access signatures: what they allow, and what is said when they do not. */
import { ContainerSASPermissions } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ACCOUNT, type Azurite, startAzurite } from '../../../test/servers/azurite.ts';
import { copyTo, rowsOf, scanOf, testDuck } from '../../../test/support/lake.ts';
import type { Silo } from '../../connector.ts';
import { adls } from '../kinds.ts';

const signal = new AbortController().signal;
let azurite: Azurite;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite[Symbol.asyncDispose]());

/** A silo that knows no key, only a signature with these permissions for so many minutes. */
async function open(permissions: string, minutes: number): Promise<Silo> {
  const container = await azurite.container('bucket');
  const sas = await container.generateSasUrl({
    permissions: ContainerSASPermissions.parse(permissions),
    expiresOn: new Date(Date.now() + minutes * 60_000),
  });
  const options = { url: 'az://bucket', account: ACCOUNT, endpoint: azurite.endpoint };
  return adls.connect({ ...options, sas_token: new URL(sas).search }, signal);
}

test('a signature to read and list is enough to read', async () => {
  const duck = await testDuck();
  const container = await azurite.container('bucket');
  const body = await copyTo(duck, 'SELECT i AS id FROM range(5) t(i)');
  await container.getBlockBlobClient('five.parquet').upload(body, body.length);
  await using silo = await open('rl', 10);
  expect(await rowsOf(silo, scanOf('five', ['id']), duck)).toHaveLength(5);
  await expect(silo.storeFile?.('new.parquet', body, signal)).rejects.toMatchObject({ sqlstate: '42501' });
});

test('an expired signature, and one that may not list, are refused by name', async () => {
  await expect(open('rl', -10)).rejects.toMatchObject({ sqlstate: '42501', hint: expect.stringMatching(/sas_token/) });
  await expect(open('r', 10)).rejects.toMatchObject({ sqlstate: '42501' });
});
