import { X509Certificate } from 'node:crypto';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatVerifier, makeVerifier, mockVerifier, parseVerifier, type Verifier } from '../../catalog/verifier.ts';
import type { EndpointBackend } from '../backend.ts';
import { Endpoint } from '../server.ts';
import { ECDSA, type KeyAlgorithm, selfSigned } from '../testing/self-signed.ts';
import { ScramExchange } from './scram.ts';
import { LoginThrottle } from './throttle.ts';

const backend: EndpointBackend = {
  openSession: () => ({
    execute: async function* () {},
    describe: async () => ({ columns: [], parameters: [] }),
    set: () => {},
    [Symbol.asyncDispose]: async () => {},
  }),
  catalog: { version: 1, snapshot: async () => ({ schemas: [], models: [], roles: [] }) },
};

const RSA: KeyAlgorithm = {
  name: 'RSASSA-PKCS1-v1_5',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: 'SHA-512',
};

let endpoint: Endpoint;
let verifier: Verifier;
beforeAll(async () => {
  verifier = await makeVerifier('geheim ü');
  endpoint = await Endpoint.listen({
    backend,
    port: 0,
    host: '0.0.0.0',
    tls: await selfSigned(),
    users: { exist: true, verifier: (user) => (user === 'eva' ? verifier : undefined) },
  });
});
afterAll(() => endpoint?.[Symbol.asyncDispose]());

const login = async (options: pg.ClientConfig): Promise<unknown> => {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: endpoint.port,
    user: 'eva',
    password: 'geheim ü',
    database: 'causeway',
    ...options,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query('SELECT current_user AS who')).rows[0].who;
  } catch (error) {
    return (error as { code?: string }).code;
  } finally {
    await client.end().catch(() => {});
  }
};

const ssl = { rejectUnauthorized: false };

test('the right password gets in: in the clear, over TLS, bound to the channel', async () => {
  expect(await login({})).toBe('eva');
  expect(await login({ ssl })).toBe('eva');
  expect(await login({ ssl, enableChannelBinding: true } as pg.ClientConfig)).toBe('eva');
});

test('wrong passwords, unknown users and databases do not', async () => {
  expect(await login({ password: 'geheim' })).toBe('28P01');
  expect(await login({ user: 'nobody' })).toBe('28P01');
  expect(await login({ database: 'other' })).toBe('3D000');
  expect(await login({})).toBe('eva');
});

test.each([
  ['RSA', RSA],
  ['ECDSA', ECDSA],
  ['Ed25519', { name: 'Ed25519' }],
])('a certificate with a key of %s takes the place of another while the server runs', async (_name, algorithm) => {
  const open = new pg.Client({ host: '127.0.0.1', port: endpoint.port, user: 'eva', password: 'geheim ü', ssl });
  await open.connect();
  const { certificate: text, key } = await selfSigned(algorithm);
  endpoint.renewCertificate({ certificate: text, key });
  let shown = '';
  const checkServerIdentity = (_host: string, seen: { raw: Buffer }) => {
    shown = seen.raw.toString('base64');
    return undefined;
  };
  const pinned = { ca: text, checkServerIdentity } as pg.ClientConfig['ssl'] & object;
  // PostgreSQL's clients know no channel binding for Ed25519, whose signatures have no hash of their own.
  expect(await login({ ssl: pinned, enableChannelBinding: algorithm.name !== 'Ed25519' })).toBe('eva');
  expect(shown).toBe(new X509Certificate(text).raw.toString('base64'));
  await open.query('SELECT 1');
  await open.end();
  expect(() => endpoint.renewCertificate({ certificate: text, key: 'no key' })).toThrow(/cannot be used/);
});

test('TLS is 1.3 or nothing', async () => {
  const offered = await new Promise<string>((resolve) => {
    const raw = new pg.Client({
      host: '127.0.0.1',
      port: endpoint.port,
      user: 'eva',
      password: 'geheim ü',
      database: 'causeway',
      ssl: { ...ssl, maxVersion: 'TLSv1.2' },
    });
    raw.on('error', () => {});
    raw.connect((error?: Error | null) => resolve(error === null || error === undefined ? 'connected' : 'refused'));
  });
  expect(offered).toBe('refused');
});

test('without users nobody but this machine may listen', async () => {
  await expect(Endpoint.listen({ backend, port: 0, host: '0.0.0.0' })).rejects.toMatchObject({ sqlstate: '28000' });
});

test("verifiers are PostgreSQL's own", async () => {
  expect(parseVerifier(formatVerifier(verifier))).toEqual(verifier);
  expect(parseVerifier('md5abc')).toBeUndefined();
  const postgres = await PGlite.create({ postgresqlconf: ['shared_buffers = 1MB'] });
  await postgres.exec("CREATE ROLE r PASSWORD 'geheim ü'");
  const { rows } = await postgres.query<{ rolpassword: string }>(
    "SELECT rolpassword FROM pg_authid WHERE rolname = 'r'",
  );
  const theirs = parseVerifier(rows[0]!.rolpassword)!;
  expect(await makeVerifier('geheim ü', theirs.salt)).toEqual(theirs);
  await postgres.close();
});

test('SCRAM refuses what an attacker in between would change', () => {
  const binding = Buffer.from('certificate');
  const first = (mechanism: string, message: string) => () =>
    new ScramExchange(verifier, mechanism, binding).first(message);
  expect(first('SCRAM-SHA-256', 'y,,n=,r=abc')).toThrow('channel binding negotiation');
  expect(first('SCRAM-SHA-256-PLUS', 'n,,n=,r=abc')).toThrow('does not fit');
  expect(first('SCRAM-SHA-256', 'p=tls-server-end-point,,n=,r=abc')).toThrow('does not fit');
  expect(first('SCRAM-SHA-256-PLUS', 'p=tls-unique,,n=,r=abc')).toThrow('tls-unique');
  expect(first('SCRAM-SHA-256', 'nonsense')).toThrow('malformed');
  expect(() => new ScramExchange(verifier, 'PLAIN', binding)).toThrow('invalid SASL');
  const exchange = new ScramExchange(verifier, 'SCRAM-SHA-256-PLUS', binding);
  const nonce = /r=([^,]+)/.exec(exchange.first('p=tls-server-end-point,,n=,r=abc'))![1]!;
  const c = Buffer.from('p=tls-server-end-point,,other').toString('base64');
  expect(() => exchange.final(`c=${c},r=${nonce},p=${Buffer.alloc(32).toString('base64')}`)).toThrow('binding check');
});

test('a user who does not exist has the same salt every time, and another one than his neighbour', () => {
  const secret = Buffer.from('secret');
  expect(mockVerifier('a', secret)).toEqual(mockVerifier('a', secret));
  expect(mockVerifier('a', secret).salt).not.toEqual(mockVerifier('b', secret).salt);
});

test('each failure makes the next answer wait longer, up to a limit', () => {
  const throttle = new LoginThrottle();
  const delays = Array.from({ length: 12 }, () => {
    const delay = throttle.delay('10.0.0.1');
    throttle.failed('10.0.0.1');
    return delay;
  });
  expect(delays.slice(0, 4)).toEqual([0, 50, 100, 200]);
  expect(delays.at(-1)).toBe(5000);
  expect(throttle.delay('10.0.0.2')).toBe(0);
  throttle.succeeded('10.0.0.1');
  expect(throttle.delay('10.0.0.1')).toBe(0);
});
