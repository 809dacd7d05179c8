/** What goes wrong at a warehouse, one test each. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { numeric, type SqlType, scalar } from '../../src/plan/types.ts';
import { siloOptions } from '../../test/servers/snowflake/place.ts';
import { Refusal } from '../../test/servers/snowflake/refusal.ts';
import { type SnowflakeTestServer, startSnowflake } from '../../test/servers/snowflake/server.ts';
import type { Silo, SiloOptions } from '../connector.ts';
import { batchTexts } from '../row-text.ts';
import { snowflake } from './connector.ts';

const signal = new AbortController().signal;
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PASSPHRASE = 'open sesame';
const PEM = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const LOCKED = privateKey
  .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: PASSPHRASE })
  .toString();

let server: SnowflakeTestServer;
let silo: Silo;

beforeAll(async () => {
  server = await startSnowflake({
    users: {
      ann: { password: 'secret' },
      robot: {
        publicKey: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
        programmaticTokens: ['pat-0123'],
        oauthTokens: ['oauth-4567'],
      },
      guarded: { password: 'secret', passcode: '123456' },
    },
    sizes: { inline: 10, chunk: 1000 },
    hold: 30,
  });
  await server.sql.run('CREATE TABLE "MANY" AS SELECT CAST(range AS DECIMAL(9, 0)) AS "ID" FROM range(5000)');
  silo = await snowflake.connect(siloOptions(server.url), signal);
});
afterAll(async () => {
  await silo?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});
afterEach(() => {
  server.fault = () => undefined;
  server.renewable = true;
});

const connect = (options: SiloOptions) => snowflake.connect(options, signal);
const { user: _, password: __, ...anonymous } = siloOptions('');
const as = (login: SiloOptions): SiloOptions => ({ ...anonymous, url: server.url, ...login });

async function read(
  text: string,
  types: readonly SqlType[] = [scalar('integer')],
  stop = signal,
): Promise<(string | null)[][]> {
  const columns = types.map((type, i) => ({ name: `c${i}`, type }));
  const result = await silo.run({ kind: 'sql', text, columns }, stop);
  const rows: (string | null)[][] = [];
  if (result.kind !== 'batches') throw new Error('no batches');
  for await (const batch of result.batches) {
    const texts = batchTexts(batch, columns);
    for (let row = 0; row < batch.numRows; row++) rows.push(texts.map((text) => text(row)));
  }
  return rows;
}

/** A fault for the first `times` requests whose path matches. */
function first<T>(times: number, path: RegExp, fault: T): (method: string, at: string) => T | undefined {
  let left = times;
  return (_method, at) => (path.test(at) && left-- > 0 ? fault : undefined);
}

describe('logging in', () => {
  test.each<readonly [string, () => SiloOptions]>([
    ['a key pair', () => ({ user: 'robot', private_key: PEM })],
    [
      'a key pair with a passphrase',
      () => ({ user: 'robot', private_key: LOCKED, private_key_passphrase: PASSPHRASE }),
    ],
    [
      'a key in a file',
      () => {
        const path = join(mkdtempSync(join(tmpdir(), 'causeway-key-')), 'key.p8');
        writeFileSync(path, PEM, { mode: 0o600 });
        return { user: 'robot', private_key_path: path };
      },
    ],
    ['an OAuth token', () => ({ oauth_token: 'oauth-4567' })],
    ['a programmatic access token', () => ({ user: 'robot', token: 'pat-0123' })],
    ['a password and a second factor', () => ({ user: 'guarded', password: 'secret', passcode: '123456' })],
  ])('by %s', async (_title, login) => {
    await using opened = await connect(as(login()));
    expect((await opened.tables(signal)).map(({ table }) => table)).toContain('many');
  });

  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
    format: 'pem',
    type: 'pkcs8',
  });
  test.each<readonly [string, SiloOptions]>([
    ['a wrong password', { user: 'ann', password: 'wr0ng!' }],
    ['a key that is not the user’s', { user: 'robot', private_key: stranger.toString() }],
    ['an unknown OAuth token', { oauth_token: 'oauth-0000' }],
    ['an unknown programmatic token', { user: 'robot', token: 'pat-9999' }],
    ['no second factor', { user: 'guarded', password: 'secret' }],
  ])('%s is refused, and not repeated', async (_title, login) => {
    const failure = await connect(as(login)).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ sqlstate: '28P01', hint: expect.any(String) });
    const printed = JSON.stringify([failure, String((failure as Error).stack), (failure as Error).cause]);
    for (const secret of [login.password, login.token, login.oauth_token, login.private_key?.slice(30, 90)]) {
      if (secret !== undefined) expect(printed).not.toContain(secret);
    }
  });

  test('two ways to log in, or none, are an error', async () => {
    await expect(connect(as({ user: 'ann' }))).rejects.toMatchObject({ sqlstate: '22023' });
    await expect(connect(as({ user: 'ann', password: 'x', token: 'y' }))).rejects.toThrow('token and password');
    await expect(connect(as({ password: 'x' }))).rejects.toThrow('"user"');
  });

  test('a service that echoes a secret does not get it printed', async () => {
    server.fault = first(1, /login/, { refusal: new Refusal('390100', 'user ann with secret is unknown') });
    await expect(connect(siloOptions(server.url))).rejects.toThrow('user ann with *** is unknown');
  });

  test('an address where nothing listens is 08006', async () => {
    await expect(connect({ ...as({ user: 'ann', password: 'x' }), url: 'http://127.0.0.1:9' })).rejects.toMatchObject({
      sqlstate: '08006',
    });
  }, 60_000);
});

describe('sessions', () => {
  test('a token that expires in the middle of a statement is renewed', async () => {
    server.fault = (_method, path) => {
      if (!path.endsWith('/result')) return undefined;
      server.fault = () => undefined;
      server.expireTokens();
      return undefined;
    };
    const before = server.log.length;
    expect(await read('SELECT ID FROM MANY')).toHaveLength(5000);
    expect(server.log.slice(before).filter(({ path }) => path === '/session/token-request')).toHaveLength(1);
  });

  test('a token that cannot be renewed is a clear error, after one attempt', async () => {
    server.fault = (_method, path) => {
      if (!path.endsWith('/result')) return undefined;
      server.fault = () => undefined;
      server.renewable = false;
      server.expireTokens();
      return undefined;
    };
    const before = server.log.length;
    await expect(read('SELECT ID FROM MANY')).rejects.toMatchObject({
      sqlstate: '08000',
      message: expect.stringContaining('expired'),
      hint: expect.stringContaining('run the statement again'),
    });
    expect(server.log.slice(before).filter(({ path }) => path === '/session/token-request')).toHaveLength(1);
  });

  test('after that, and after a session that is gone, the next statement logs in anew', async () => {
    expect(await read('SELECT 7')).toEqual([['7']]);
    server.endSessions();
    expect(await read('SELECT 8')).toEqual([['8']]);
  });
});

describe('a service that says later', () => {
  test.each([
    ['429 with Retry-After', { status: 429, headers: { 'retry-after': '1' } }],
    ['503', { status: 503 }],
  ])('%s to a question for the result', async (_title, fault) => {
    server.fault = first(2, /result$/, fault);
    expect(await read('SELECT 1')).toEqual([['1']]);
  });

  test('503 to a statement', async () => {
    server.fault = first(1, /query-request/, { status: 503 });
    expect(await read('SELECT 1')).toEqual([['1']]);
  });

  test('503 to a part of the result', async () => {
    server.fault = first(3, /chunks/, { status: 503 });
    expect(await read('SELECT ID FROM MANY')).toHaveLength(5000);
  });

  test('for ever is 08006', async () => {
    server.fault = (_method, path) => (path.startsWith('/chunks') ? { status: 500 } : undefined);
    await expect(read('SELECT ID FROM MANY')).rejects.toMatchObject({ sqlstate: '08006' });
  });
});

describe('results', () => {
  test('addresses that are no longer good are asked for again', async () => {
    server.fault = first(1, /chunks/, { status: 403 });
    expect(await read('SELECT ID FROM MANY')).toHaveLength(5000);
  });

  test('a result that has expired is an error', async () => {
    server.fault = (_method, path) => (path.startsWith('/chunks') ? { status: 403 } : undefined);
    await expect(read('SELECT ID FROM MANY')).rejects.toMatchObject({
      sqlstate: '02000',
      message: expect.stringContaining('expired'),
    });
  });

  test('a statement that the service has forgotten is an error', async () => {
    server.fault = (_method, path) =>
      path.endsWith('/result') ? { refusal: new Refusal('000709', 'Statement 01 not found', '02000') } : undefined;
    await expect(read('SELECT 1')).rejects.toMatchObject({ sqlstate: '02000' });
  });

  test('a part that breaks off is read again', async () => {
    server.fault = first(1, /chunks/, { truncate: 100 });
    expect(await read('SELECT ID FROM MANY')).toHaveLength(5000);
  });

  test('parts that always break off are an error, never a short result', async () => {
    server.fault = (_method, path) => (path.startsWith('/chunks') ? { truncate: 100 } : undefined);
    await expect(read('SELECT ID FROM MANY')).rejects.toMatchObject({ sqlstate: '08006' });
  });

  test('a service error in the middle of the stream is an error', async () => {
    let parts = 0;
    server.fault = (_method, path) => (path.startsWith('/chunks') && ++parts > 2 ? { status: 400 } : undefined);
    await expect(read('SELECT ID FROM MANY')).rejects.toMatchObject({ sqlstate: '08006' });
  });

  test('decimals of 38 digits are exact, and what a column does not hold is 22003', async () => {
    const nines = '9'.repeat(38);
    expect(
      await read(`SELECT ${nines}::NUMBER(38, 0), -12345678901234567890123456.789012345678::NUMBER(38, 12)`, [
        numeric(38, 0),
        numeric(38, 12),
      ]),
    ).toEqual([[nines, '-12345678901234567890123456.789012345678']]);
    expect(await read('SELECT 9007199254740993', [scalar('bigint')])).toEqual([['9007199254740993']]);
    await expect(read(`SELECT ${nines}::NUMBER(38, 0)`, [scalar('bigint')])).rejects.toMatchObject({
      sqlstate: '22003',
    });
    await expect(read('SELECT 40000', [scalar('smallint')])).rejects.toMatchObject({ sqlstate: '22003' });
    await expect(read('SELECT 1234.5::NUMBER(5, 1)', [numeric(3, 1)])).rejects.toMatchObject({ sqlstate: '22003' });
  });

  test('a date where a text was planned is an error, not a number', async () => {
    await expect(read(`SELECT DATE '2024-01-01'`, [scalar('text')])).rejects.toMatchObject({ sqlstate: '42804' });
  });
});

describe('the warehouse', () => {
  test.each([
    [
      'none',
      new Refusal('000606', 'No active warehouse selected in the current session.', '57P03'),
      'option warehouse',
    ],
    ['suspended', new Refusal('000608', 'Warehouse WH is suspended', '57014'), 'AUTO_RESUME'],
    [
      'out of quota',
      new Refusal(
        '090073',
        "Warehouse 'WH' cannot be resumed because resource monitor 'M' has exceeded its quota.",
        '22000',
      ),
      'resource monitor',
    ],
  ])('%s: the error says what to do', async (_title, refusal, hint) => {
    server.fault = (_method, path) => (path.endsWith('/result') ? { refusal } : undefined);
    await expect(read('SELECT ID FROM MANY')).rejects.toMatchObject({
      sqlstate: '55000',
      message: expect.stringContaining(refusal.message),
      hint: expect.stringContaining(hint),
    });
  });
});

describe('statements', () => {
  test('a reader that stops early fetches no further parts', async () => {
    const before = server.log.length;
    const columns = [{ name: 'id', type: scalar('integer') }];
    const result = await silo.run({ kind: 'sql', text: 'SELECT ID FROM MANY', columns }, signal);
    if (result.kind === 'batches') for await (const _batch of result.batches) break;
    expect(server.log.slice(before).filter(({ path }) => path.startsWith('/chunks'))).toHaveLength(0);
  });

  test('PUT and GET are not run', async () => {
    await expect(silo.execute!('PUT file:///etc/passwd @stage', signal)).rejects.toMatchObject({ sqlstate: '0A000' });
  });

  test('columns of a native query are described without running it', async () => {
    const columns = await silo.describe!(
      `SELECT ID, 'x' AS "Mixed", 1.5::NUMBER(10, 2) AS price FROM MANY QUALIFY row_number() OVER (ORDER BY ID) = 1`,
      signal,
    );
    expect(columns.map(({ name, type }) => [name, type.kind])).toEqual([
      ['id', 'integer'],
      ['Mixed', 'text'],
      ['price', 'numeric'],
    ]);
  });
});
