/** The protocol byte by byte: what well-behaved clients use rarely, and what bad ones send. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scalar } from '../plan/types.ts';
import { readDataRow, readErrorFields } from './oracle/messages.ts';
import { Endpoint } from './server.ts';
import { PgliteBackend } from './testing/pglite-backend.ts';
import { RawClient, sqlstateOf, typesOf } from './testing/raw-client.ts';
import { MessageWriter } from './wire/message-writer.ts';

let backend: PgliteBackend;
let endpoint: Endpoint;
const defects: string[] = [];
beforeAll(async () => {
  backend = await PgliteBackend.start(
    'CREATE SCHEMA s; CREATE TABLE s.t (n integer); INSERT INTO s.t SELECT generate_series(1, 10); CREATE TABLE s.endless (n integer)',
    {
      schemas: [
        {
          name: 's',
          tables: ['t', 'endless'].map((name) => ({
            name,
            kind: 'table',
            columns: [{ name: 'n', type: scalar('integer'), nullable: true }],
          })),
        },
      ],
      models: [],
      roles: [],
    },
  );
  endpoint = await Endpoint.listen({
    backend,
    port: 0,
    limits: { startupTimeout: 400, halfOpen: 20, messageBytes: 20_000_000 },
    onDefect: (error) => defects.push(error.message),
  });
});
afterAll(async () => {
  await endpoint?.[Symbol.asyncDispose]();
  await backend?.[Symbol.asyncDispose]();
  expect(defects).toEqual([]);
});

const query = (text: string) => (w: MessageWriter) => w.begin('Q').cstring(text).end();
const sync = (w: MessageWriter) => w.begin('S').end();

function extended(text: string, options: { portal?: string; maxRows?: number; parameters?: number } = {}) {
  const { portal = '', maxRows = 0, parameters = 0 } = options;
  return (w: MessageWriter) => {
    w.begin('P').cstring('').cstring(text).int16(0).end();
    w.begin('B').cstring(portal).cstring('').int16(0).int16(parameters);
    for (let i = 0; i < parameters; i++) w.int32(1).byte(0x31);
    w.int16(0).end();
    execute(w, portal, maxRows);
  };
}
const execute = (w: MessageWriter, portal: string, maxRows: number) =>
  w.begin('E').cstring(portal).int32(maxRows).end();

async function works(): Promise<void> {
  await using client = await RawClient.session(endpoint.port);
  client.send(query('SELECT n FROM s.t WHERE n = 7'));
  expect(typesOf(await client.until('Z'))).toBe('TDCZ');
}

test('encryption that is not offered is declined, and startup goes on', async () => {
  await using client = await RawClient.connect(endpoint.port);
  for (const code of [80877103, 80877104]) {
    client.send((w) => w.int32(8).int32(code));
    expect(String(await client.bytes(1))).toBe('N');
  }
  client.startup(0, { user: 'eva' });
  expect(typesOf(await client.until('Z'))).toMatch(/^RS+KZ$/);
});

test('protocol 3.2 has longer cancel keys; newer versions and extensions are negotiated down', async () => {
  const key = async (minor: number, parameters: Record<string, string> = {}) => {
    await using client = await RawClient.connect(endpoint.port);
    client.startup(minor, { user: 'eva', ...parameters });
    const messages = await client.until('Z');
    return [typesOf(messages).replace(/S+/, 'S'), messages.find(({ type }) => type === 'K')!.body.length - 4];
  };
  expect(await key(0)).toEqual(['RSKZ', 4]);
  expect(await key(2)).toEqual(['RSKZ', 32]);
  expect(await key(9)).toEqual(['vRSKZ', 32]);
  expect(await key(0, { '_pq_.nosuch': '1' })).toEqual(['vRSKZ', 4]);
});

test('a portal pauses after its rows and goes on; Flush brings what there is', async () => {
  await using client = await RawClient.session(endpoint.port);
  client.send((w) => {
    extended('SELECT n FROM s.t ORDER BY n', { portal: 'p', maxRows: 4 })(w);
    execute(w, 'p', 4);
    w.begin('H').end();
  });
  expect(typesOf(await client.until('s'))).toBe('12DDDDs');
  expect(typesOf(await client.until('s'))).toBe('DDDDs');
  client.send((w) => {
    execute(w, 'p', 4);
    sync(w);
  });
  const last = await client.until('Z');
  expect(typesOf(last)).toBe('DDCZ');
  expect(readDataRow(last[1]!.body)).toEqual(['10']);
});

test('after an error everything up to Sync is passed over', async () => {
  await using client = await RawClient.session(endpoint.port);
  client.send((w) => {
    extended('SELECT nosuch FROM s.t')(w);
    extended('SELECT 1')(w);
    sync(w);
    extended('SELECT 2')(w);
    sync(w);
  });
  expect(typesOf(await client.until('Z'))).toBe('EZ');
  expect(typesOf(await client.until('Z'))).toBe('12DCZ');
});

test.each([
  ['SELECT n FROM s.t WHERE n < 3', ['PGCOPY1', '1', 'end']],
  ['SELECT n FROM s.t WHERE n < 0', ['PGCOPYend']],
])('a binary COPY of %s has its signature in one message with what follows', async (text, expected) => {
  await using client = await RawClient.session(endpoint.port);
  client.send(query(`COPY (${text}) TO STDOUT (FORMAT binary)`));
  const pieces = (await client.until('Z')).filter(({ type }) => type === 'd').map(({ body }) => body);
  const told = pieces.map((body) => {
    const signed = body.subarray(0, 6).toString('latin1') === 'PGCOPY';
    const rest = signed ? body.subarray(19) : body;
    return `${signed ? 'PGCOPY' : ''}${rest.readInt16BE(0) === -1 ? 'end' : rest.readInt16BE(0)}`;
  });
  expect(told).toEqual(expected);
});

test('a CancelRequest needs the secret', async () => {
  await using client = await RawClient.connect(endpoint.port);
  client.startup(2, { user: 'eva' });
  const key = (await client.until('Z')).find(({ type }) => type === 'K')!.body;
  const cancel = async (secret: Buffer) => {
    await using other = await RawClient.connect(endpoint.port);
    const body = Buffer.concat([key.subarray(0, 4), secret]);
    other.send((w) =>
      w
        .int32(body.length + 8)
        .int32(80877102)
        .bytes(body),
    );
    expect(await other.until('?')).toEqual([]);
  };
  client.send(query('SELECT n FROM s.endless'));
  await cancel(Buffer.alloc(32));
  await cancel(Buffer.alloc(4));
  client.socket.pause();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(backend.running).toBe(1);
  await cancel(key.subarray(4));
  client.socket.resume();
  const messages = await client.until('Z');
  expect(sqlstateOf(messages)).toBe('57014');
  client.send(query('SELECT 1'));
  expect(typesOf(await client.until('Z'))).toBe('TDCZ');
});

test('a client that does not read stops its query, and its memory', async () => {
  await using client = await RawClient.session(endpoint.port);
  client.socket.pause();
  client.send(query('SELECT n FROM s.endless'));
  await new Promise((resolve) => setTimeout(resolve, 300));
  client.socket.destroy();
  await expect.poll(() => backend.running).toBe(0);
});

test('65,535 parameters, SQL of 10 MB', async () => {
  await using client = await RawClient.session(endpoint.port);
  const list = Array.from({ length: 65_535 }, (_, i) => `$${i + 1}`);
  client.send((w) => {
    w.begin('P')
      .cstring('')
      .cstring(`SELECT count(*) FROM (VALUES (${list.join('::int),(')}::int)) AS v`)
      .int16(0)
      .end();
    sync(w);
  });
  expect(typesOf(await client.until('Z'))).toMatch(/^(1|E)Z$/);
  client.send(query(`SELECT n FROM s.t WHERE n = 1 /* ${'x'.repeat(10_000_000)} */`));
  expect(typesOf(await client.until('Z'))).toBe('TDCZ');
  client.send((w) => w.byte(0x51).int32(2 ** 31 - 1));
  const messages = await client.until('?');
  expect(sqlstateOf(messages)).toBe('54000');
  expect(readErrorFields(messages[0]!.body).get('S')).toBe('FATAL');
});

test.each([
  ['garbage instead of startup', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ['a startup packet of another protocol', Buffer.from([0, 0, 0, 8, 0, 2, 0, 0])],
  ['a length that lies', Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0])],
  ['a startup packet without its end', Buffer.from([0, 0, 0, 12, 0, 3, 0, 0, 0x75, 0x73, 0x65, 0x72])],
  ['no user', Buffer.from([0, 0, 0, 9, 0, 3, 0, 0, 0])],
  ['half a packet, and then nothing', Buffer.from([0, 0, 0, 50, 0, 3])],
])('%s ends the connection', async (_, bytes) => {
  await using client = await RawClient.connect(endpoint.port);
  client.socket.write(bytes);
  const messages = await client.until('?');
  for (const message of messages) expect(readErrorFields(message.body).get('S')).toBe('FATAL');
  await works();
});

test('10,000 connections that never start are closed, and do not keep others out', async () => {
  const memory = process.memoryUsage().rss;
  for (let opened = 0; opened < 10_000; opened += 500) {
    const idle = await Promise.all(Array.from({ length: 500 }, () => RawClient.connect(endpoint.port)));
    // Among them somebody gets in.
    if (opened % 2000 === 0) await works();
    if (opened < 9500) for (const client of idle) client.socket.destroy();
    else await Promise.all(idle.map((client) => client.until('?')));
  }
  await works();
  expect(process.memoryUsage().rss - memory).toBeLessThan(500e6);
}, 120_000);

test('a startup that comes byte by byte is cut off at the deadline', async () => {
  await using client = await RawClient.connect(endpoint.port);
  const packet = new MessageWriter().int32(50).int32(3 << 16);
  packet.cstring('user').cstring('e'.repeat(36));
  const bytes = packet.take();
  let sent = 0;
  const drip = setInterval(() => client.socket.write(bytes.subarray(sent, ++sent)), 20);
  await client.until('?').finally(() => clearInterval(drip));
  expect(sent).toBeLessThan(bytes.length);
  await works();
});

test.each([
  [
    'bytes that are not UTF-8',
    (w: MessageWriter) =>
      w
        .begin('Q')
        .bytes(Buffer.from([0xff, 0xfe, 0]))
        .end(),
    '22021',
  ],
  ['a zero inside the text', (w: MessageWriter) => w.begin('Q').bytes(Buffer.from('SELECT 1\0 + 1\0')).end(), '08P01'],
  ['an unknown message type', (w: MessageWriter) => w.begin('?').end(), '08P01'],
  ['a message too short for its fields', (w: MessageWriter) => w.begin('B').byte(0).end(), '08P01'],
])('%s: told, and closed', async (_, build, sqlstate) => {
  await using client = await RawClient.session(endpoint.port);
  client.send(build);
  expect(sqlstateOf(await client.until('?'))).toBe(sqlstate);
  await works();
});

test('recorded sessions with bytes changed, cut and repeated never break the endpoint', async () => {
  const writer = new MessageWriter();
  query('SELECT n FROM s.t; SELECT relname FROM pg_class LIMIT 1')(writer);
  extended('SELECT n FROM s.t WHERE n > $1', { parameters: 1, maxRows: 3 })(writer);
  sync(writer);
  query('BEGIN; DECLARE c CURSOR FOR SELECT n FROM s.t; FETCH 2 FROM c; COPY (SELECT n FROM s.t) TO STDOUT; COMMIT')(
    writer,
  );
  const recorded = writer.take();
  const change = fc.tuple(fc.nat(recorded.length - 1), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 6 }), fc.nat(recorded.length), async (changes, cut) => {
      const bytes = Buffer.from(recorded);
      for (const [at, value] of changes) bytes[at] = value;
      await using client = await RawClient.session(endpoint.port);
      client.socket.write(bytes.subarray(0, cut));
      // A message that says it is longer than it is: the server waits for the rest, rightly.
      client.send(sync);
      client.socket.end();
      for (const message of await client.until('?')) expect(message.raw.length).toBeGreaterThanOrEqual(5);
    }),
    { numRuns: 120, seed: 3 },
  );
  await works();
});
