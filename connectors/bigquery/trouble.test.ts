/** What goes wrong at BigQuery, one test each. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { numeric, type SqlType, scalar } from '../../src/plan/types.ts';
import { siloOptions } from '../../test/servers/bigquery/place.ts';
import { Refusal } from '../../test/servers/bigquery/refusal.ts';
import { type BigQueryTestServer, type Fault, startBigQuery } from '../../test/servers/bigquery/server.ts';
import type { Silo, SiloOptions } from '../connector.ts';
import { batchTexts } from '../row-text.ts';
import { bigquery } from './connector.ts';
import { signIn } from './login.ts';

const signal = new AbortController().signal;
const directory = mkdtempSync(join(tmpdir(), 'causeway-bigquery-'));
const SUBJECT = 'subject-token-0123456789';

let server: BigQueryTestServer;
let silo: Silo;
let login: SiloOptions;

beforeAll(async () => {
  server = await startBigQuery({ guarded: true, pageRows: 1000, hold: 30 });
  await server.sql.run('CREATE TABLE many AS SELECT range AS id FROM range(5000)');
  // A workload identity federation: the library sends a subject's token to a token service, and gets one for the service.
  const subject = join(directory, 'subject');
  writeFileSync(subject, SUBJECT);
  const file = join(directory, 'key.json');
  writeFileSync(file, JSON.stringify(federation(subject)));
  login = { ...siloOptions(server.url), key_file: file };
  silo = await bigquery.connect(login, signal);
});
afterAll(async () => {
  await silo?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(() => {
  server.fault = () => undefined;
  server.renewable = true;
});

const federation = (file: string) => ({
  type: 'external_account',
  audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q',
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  token_url: `${server.url}/token`,
  credential_source: { file },
});

async function read(
  text: string,
  types: readonly SqlType[] = [scalar('bigint')],
  stop = signal,
  from = silo,
): Promise<(string | null)[][]> {
  const columns = types.map((type, i) => ({ name: `c${i}`, type }));
  const result = await from.run({ kind: 'sql', text, columns }, stop);
  const rows: (string | null)[][] = [];
  if (result.kind !== 'batches') throw new Error('no batches');
  for await (const batch of result.batches) {
    const texts = batchTexts(batch, columns);
    for (let row = 0; row < batch.numRows; row++) rows.push(texts.map((text) => text(row)));
  }
  return rows;
}

/** A fault for the first `times` requests whose path matches. */
function first(times: number, path: RegExp, fault: Fault): (method: string, at: string) => Fault | undefined {
  let left = times;
  return (_method, at) => (path.test(at) && left-- > 0 ? fault : undefined);
}
const refused = (status: number, reason: string, message: string): Fault => ({
  refusal: new Refusal(status, reason, message),
});
const tokensAsked = () => server.log.filter(({ path }) => path === '/token').length;
const printed = (failure: unknown) =>
  JSON.stringify([failure, String((failure as Error).stack), String((failure as Error).cause)]);

describe('signing in', () => {
  test('with a key as text', async () => {
    const { key_file: _, ...rest } = login;
    const key = JSON.stringify(federation(join(directory, 'subject')));
    await using opened = await bigquery.connect({ ...rest, key }, signal);
    expect((await opened.tables(signal)).map(({ table }) => table)).toContain('many');
  });

  test('with an access token that the service refuses: said once, and never printed', async () => {
    const token = 'ya29.no-such-token-at-all';
    const { key_file: _, ...rest } = login;
    const failure = await bigquery.connect({ ...rest, access_token: token }, signal).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ sqlstate: '28P01', hint: expect.any(String) });
    expect(printed(failure)).not.toContain(token);
  });

  test('a token service that gives none is 28P01', async () => {
    server.renewable = false;
    const failure = await bigquery.connect(login, signal).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ sqlstate: '28P01', hint: expect.stringContaining('key_file') });
    expect(printed(failure)).not.toContain(SUBJECT);
  });

  test('as another service account', async () => {
    const account = 'reader@acme.iam.gserviceaccount.com';
    const { token } = await signIn({ ...login, impersonate: account }, server.url);
    const before = server.log.length;
    const made = await token(signal);
    expect(await token(signal)).toBe(made);
    expect(await token(signal, made)).not.toBe(made);
    const asked = server.log.slice(before).filter(({ path }) => path.endsWith(':generateAccessToken'));
    expect(asked.map(({ path }) => decodeURIComponent(path))).toEqual(
      Array(2).fill(`/v1/projects/-/serviceAccounts/${account}:generateAccessToken`),
    );
  });

  test('two ways to sign in, or a key that is none, are an error without the key', async () => {
    await expect(bigquery.connect({ ...login, access_token: 'x' }, signal)).rejects.toThrow(
      'key_file and access_token',
    );
    const { key_file: _, ...rest } = login;
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    const failure = await bigquery.connect({ ...rest, key }, signal).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ sqlstate: '22023' });
    expect(printed(failure)).not.toContain(key.slice(30, 90));
  });

  test('an address where nothing listens is 08006', async () => {
    await expect(bigquery.connect({ ...siloOptions('http://127.0.0.1:9') }, signal)).rejects.toMatchObject({
      sqlstate: '08006',
    });
  }, 60_000);
});

describe('places', () => {
  test('a dataset that is not there', async () => {
    await expect(bigquery.connect({ ...login, dataset: 'nowhere' }, signal)).rejects.toMatchObject({
      sqlstate: '42P01',
      message: expect.stringContaining('nowhere'),
    });
  });

  test('another location than the dataset’s is said before any statement', async () => {
    await expect(bigquery.connect({ ...login, location: 'US' }, signal)).rejects.toMatchObject({
      sqlstate: '22023',
      message: 'the dataset acme.test stands in EU, and jobs in US cannot read it',
      hint: expect.stringContaining("'EU'"),
    });
  });

  test('a table of another location, at the service', async () => {
    server.fault = first(
      9,
      /jobs$/,
      refused(404, 'notFound', 'Not found: Dataset acme:far was not found in location EU'),
    );
    await expect(read('SELECT id FROM far.away')).rejects.toMatchObject({
      sqlstate: '42P01',
      hint: 'Check the option location.',
    });
  });

  test.each([
    ['labels', 'Team=Energy'],
    ['max_bytes_billed', '1 GB'],
    ['price_per_tib', 'free'],
  ])('a wrong %s is named', async (name, value) => {
    await expect(bigquery.connect({ ...login, [name]: value }, signal)).rejects.toMatchObject({
      sqlstate: '22023',
      message: expect.stringContaining(name),
    });
  });
});

describe('tokens', () => {
  test('one that expires in the middle of a statement is renewed once', async () => {
    server.fault = (_method, path) => {
      if (!path.includes('/queries/')) return undefined;
      server.fault = () => undefined;
      server.expireTokens();
      return undefined;
    };
    const before = tokensAsked();
    expect(await read('SELECT id FROM many')).toHaveLength(5000);
    expect(tokensAsked()).toBe(before + 1);
  });

  test('one that is refused again after that is a clear error, without the token', async () => {
    server.fault = (_method, path) => {
      if (path.includes('/queries/')) server.expireTokens();
      return undefined;
    };
    const before = tokensAsked();
    const failure = await read('SELECT id FROM many').catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ sqlstate: '28P01', hint: expect.stringContaining('access token') });
    expect(tokensAsked()).toBe(before + 2);
    expect(printed(failure)).not.toMatch(/ya29\.\w/);
    server.fault = () => undefined;
    expect(await read('SELECT 7')).toEqual([['7']]);
  });
});

describe('a service that says later', () => {
  test.each<readonly [string, RegExp, Fault]>([
    ['429 with Retry-After', /queries/, { status: 429, headers: { 'retry-after': '1' } }],
    ['503 to a statement', /jobs$/, { status: 503 }],
    ['503 to a question for the result', /queries/, { status: 503 }],
    ['403 with the reason rateLimitExceeded', /jobs$/, refused(403, 'rateLimitExceeded', 'Exceeded rate limits')],
  ])('%s is asked again', async (_title, path, fault) => {
    server.fault = first(2, path, fault);
    expect(await read('SELECT 1')).toEqual([['1']]);
  });

  test('a statement whose answer is lost is not run twice', async () => {
    server.fault = first(1, /jobs$/, { truncate: 10 });
    const before = server.log.length;
    expect(await read('SELECT count(*) FROM many')).toEqual([['5000']]);
    const names = server.log.slice(before).filter(({ path }) => path.includes('/queries/'));
    expect(new Set(names.map(({ path }) => path)).size).toBe(1);
  });

  test('for ever is an error', async () => {
    server.fault = (_method, path) => (path.includes('/queries/') ? { status: 503 } : undefined);
    await expect(read('SELECT 1')).rejects.toMatchObject({ sqlstate: expect.stringMatching(/^08/) });
  }, 60_000);

  test('a quota that is used up is said at once', async () => {
    server.fault = first(
      1,
      /jobs$/,
      refused(403, 'quotaExceeded', 'Quota exceeded: your project exceeded quota for bytes'),
    );
    await expect(read('SELECT 1')).rejects.toMatchObject({ sqlstate: '53400', hint: expect.stringContaining('quota') });
  });
});

describe('results', () => {
  test('pages in order', async () => {
    const rows = await read('SELECT id FROM many ORDER BY id');
    expect(rows.map(([id]) => id)).toEqual(Array.from({ length: 5000 }, (_, i) => String(i)));
  });

  test('a result that expires between two pages is an error', async () => {
    server.fault = () =>
      server.log.at(-1)!.query.pageToken === undefined
        ? undefined
        : refused(404, 'notFound', 'Not found: Table acme:_results.anon1');
    await expect(read('SELECT id FROM many')).rejects.toMatchObject({
      sqlstate: '02000',
      message: expect.stringContaining('expired'),
      hint: expect.stringContaining('again'),
    });
  });

  test('a page that breaks off is read again; one that always does is an error, never a short result', async () => {
    let pages = 0;
    server.fault = (_method, path) => (path.includes('/queries/') && ++pages === 2 ? { truncate: 100 } : undefined);
    expect(await read('SELECT id FROM many')).toHaveLength(5000);
    server.fault = (_method, path) => (path.includes('/queries/') ? { truncate: 100 } : undefined);
    await expect(read('SELECT id FROM many')).rejects.toMatchObject({ sqlstate: '08006' });
  }, 60_000);

  test('a service error in the middle of the pages is an error', async () => {
    let pages = 0;
    server.fault = (_method, path) =>
      path.includes('/queries/') && ++pages > 2 ? refused(400, 'resourcesExceeded', 'Resources exceeded') : undefined;
    await expect(read('SELECT id FROM many')).rejects.toMatchObject({ sqlstate: '53200' });
  });

  test('decimals are exact, and what a column does not hold is 22003', async () => {
    const wide = `${'9'.repeat(28)}.123456789`;
    expect(
      await read(`SELECT CAST('${wide}' AS NUMERIC), 9007199254740993`, [numeric(38, 9), scalar('bigint')]),
    ).toEqual([[wide, '9007199254740993']]);
    await expect(read('SELECT 40000', [scalar('smallint')])).rejects.toMatchObject({ sqlstate: '22003' });
    await expect(read("SELECT NUMERIC '1234.5'", [numeric(3, 1)])).rejects.toMatchObject({ sqlstate: '22003' });
    await expect(read("SELECT CAST('99999999999999999999' AS INT64)")).rejects.toMatchObject({ sqlstate: '22P02' });
  });

  test('a date where a text was planned is an error', async () => {
    await expect(read(`SELECT DATE '2024-01-01'`, [scalar('text')])).rejects.toMatchObject({ sqlstate: '42804' });
  });

  test('a reader that stops early fetches no further pages than the next', async () => {
    const before = server.log.length;
    const columns = [{ name: 'id', type: scalar('bigint') }];
    const result = await silo.run({ kind: 'sql', text: 'SELECT id FROM many', columns }, signal);
    if (result.kind === 'batches') for await (const _batch of result.batches) break;
    const pages = server.log.slice(before).filter(({ path }) => path.includes('/queries/'));
    expect(pages.length).toBeLessThanOrEqual(5);
  });
});

describe('statements', () => {
  test.each([
    ['SELEC 1', '42601'],
    ['SELECT no_such FROM many', '42703'],
    ['SELECT 1 FROM no_such', '42P01'],
    ['SELECT no_such(1)', '42883'],
    ['SELECT MOD(1, 0)', '22012'],
    ["SELECT CAST('x' AS INT64)", '22P02'],
    ['SELECT 9223372036854775807 + id FROM many', '22003'],
  ])('%s is %s', async (text, sqlstate) => {
    await expect(read(text)).rejects.toMatchObject({ sqlstate, message: expect.stringContaining('acme.test') });
  });

  test('an abort cancels the job', async () => {
    const controller = new AbortController();
    const running = read(
      'SELECT count(*) FROM range(100000000) AS a(x), range(100000) AS b(y)',
      undefined,
      controller.signal,
    );
    const outcome = expect(running).rejects.toMatchObject({ sqlstate: '57014' });
    while (server.running() === 0) await new Promise((done) => setTimeout(done, 10));
    controller.abort();
    await outcome;
    expect(server.log.at(-1)?.path).toMatch(/\/jobs\/causeway_[^/]+\/cancel$/);
  });

  test('columns of a native query are described without running it', async () => {
    const columns = await silo.describe!("SELECT id, 'x' AS Mixed, NUMERIC '1.5' AS price FROM many", signal);
    expect(columns.map(({ name, type }) => [name, type.kind])).toEqual([
      ['id', 'bigint'],
      ['Mixed', 'text'],
      ['price', 'numeric'],
    ]);
    expect(server.log.at(-1)?.configuration?.dryRun).toBe(true);
  });
});

describe('writing', () => {
  const columns = [{ name: 'n', type: { kind: 'numeric' } as const }];
  const write = (table: string, texts: readonly string[]) =>
    silo.write!({ table: { table }, columns, batches: batches(texts), mode: 'create' }, signal);
  async function* batches(texts: readonly string[]) {
    const { rowBatches } = await import('../row-batches.ts');
    yield* rowBatches(
      columns,
      texts.map((text) => [text]),
    );
  }

  test('503 to a part of an upload is sent again', async () => {
    server.fault = (method) => {
      if (method !== 'PUT') return undefined;
      server.fault = () => undefined;
      return { status: 503 };
    };
    expect(await write('uploaded', ['1.5', '2.25'])).toEqual({ rows: 2 });
    expect(await read('SELECT count(*) FROM uploaded')).toEqual([['2']]);
  });

  test('a decimal finer than any that BigQuery keeps is 22003, and nothing is left', async () => {
    await expect(write('fine', ['1', `0.${'1'.repeat(39)}`])).rejects.toMatchObject({ sqlstate: '22003' });
    expect((await silo.tables(signal)).map(({ table }) => table)).not.toContain('fine');
  });
});

describe('tokens of the Storage API', () => {
  const streamed = () => bigquery.connect({ ...login, storage_endpoint: server.storage.endpoint }, signal);
  afterEach(() => {
    server.storage.fault = () => undefined;
  });

  test.each(['CreateReadSession', 'ReadRows'] as const)('one that expires before %s is renewed', async (method) => {
    await using opened = await streamed();
    let left = 1;
    server.storage.fault = (call) => {
      if (call.method === method && left-- > 0) server.expireTokens();
      return undefined;
    };
    const rows = await read('SELECT id FROM many', undefined, signal, opened);
    expect(new Set(rows.map(([id]) => id)).size).toBe(5000);
    expect(left).toBeLessThan(1);
  });

  test('one that is refused again is 28P01, and never printed', async () => {
    await using opened = await streamed();
    const seen: string[] = [];
    server.storage.fault = ({ authorization = '' }) => {
      seen.push(authorization.replace('Bearer ', ''));
      return { code: 16, details: `Request had invalid authentication credentials. ${authorization}` };
    };
    const failure = await read('SELECT id FROM many', undefined, signal, opened).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ sqlstate: '28P01', hint: expect.any(String) });
    expect(new Set(seen).size).toBe(2);
    for (const token of seen) expect(printed(failure)).not.toContain(token);
  });
});
