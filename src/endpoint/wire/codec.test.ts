import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CausewayError } from '../../plan/errors.ts';
import { negotiateProtocolVersion, rowDescription } from './backend.ts';
import { type Frame, MAX_MESSAGE_BYTES, MessageFramer } from './framing.ts';
import { decodeFrontend } from './frontend.ts';
import { MessageWriter } from './message-writer.ts';
import { decodeStartup } from './startup.ts';

const built = (build: (writer: MessageWriter) => unknown): Buffer => {
  const writer = new MessageWriter();
  build(writer);
  return writer.take();
};

const query = (text: string): Buffer => built((w) => w.begin('Q').cstring(text).end());

function framer(): MessageFramer {
  const framed = new MessageFramer();
  framed.typed = true;
  framed.limit = MAX_MESSAGE_BYTES;
  return framed;
}

function frames(chunks: readonly Buffer[]): Frame[] {
  const framed = framer();
  const found: Frame[] = [];
  for (const chunk of chunks) {
    framed.push(chunk);
    for (let frame = framed.next(); frame !== undefined; frame = framed.next()) found.push(frame);
  }
  return found;
}

test('messages come out whole, however the stream is cut', () => {
  const stream = Buffer.concat([
    query('select 1'),
    query(''),
    query('x'.repeat(300)),
    built((w) => w.begin('S').end()),
  ]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: stream.length }), { maxLength: 30 }), (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), stream.length];
      const chunks = places.slice(1).map((end, i) => stream.subarray(places[i], end));
      const messages = frames(chunks).map(decodeFrontend);
      expect(messages).toEqual([
        { kind: 'query', text: 'select 1' },
        { kind: 'query', text: '' },
        { kind: 'query', text: 'x'.repeat(300) },
        { kind: 'sync' },
      ]);
    }),
  );
});

const failure = (run: () => unknown): CausewayError => {
  try {
    run();
  } catch (error) {
    return error as CausewayError;
  }
  throw new Error('nothing was thrown');
};

test('lengths that lie are refused before their bytes are waited for', () => {
  const lie = (length: number) => {
    const bytes = Buffer.from('Q\0\0\0\0');
    bytes.writeInt32BE(length, 1);
    return failure(() => frames([bytes])).sqlstate;
  };
  expect(lie(3)).toBe('08P01');
  expect(lie(-1)).toBe('54000');
  expect(lie(MAX_MESSAGE_BYTES + 1)).toBe('54000');
  expect(frames([Buffer.from('Q\0\0\0\x7f')])).toEqual([]);
});

test('startup packets', () => {
  const body = (build: (writer: MessageWriter) => unknown) => decodeStartup(built(build));
  expect(body((w) => w.int32(80877103))).toEqual({ kind: 'ssl-request' });
  expect(body((w) => w.int32(80877104))).toEqual({ kind: 'gssenc-request' });
  expect(body((w) => w.int32(80877102).int32(7).int32(9))).toEqual({
    kind: 'cancel',
    pid: 7,
    secret: Buffer.from([0, 0, 0, 9]),
  });
  const startup = body((w) =>
    w
      .int32((3 << 16) | 2)
      .cstring('user')
      .cstring('eva')
      .cstring('_pq_.x')
      .cstring('1')
      .byte(0),
  );
  expect(startup).toEqual({
    kind: 'startup',
    minor: 2,
    parameters: new Map([['user', 'eva']]),
    extensions: ['_pq_.x'],
  });
  expect(failure(() => body((w) => w.int32(2 << 16))).message).toContain('2.0');
  expect(failure(() => body((w) => w.int32(3 << 16).cstring('user'))).sqlstate).toBe('08P01');
});

test('Bind keeps 65,535 parameters and the bytes after its names', () => {
  const frame = frames([
    built((w) => {
      w.begin('B').cstring('p').cstring('s').int16(1).int16(1).int16(65_535);
      for (let i = 0; i < 65_535; i++) w.int32(-1);
      w.int16(0).end();
    }),
  ])[0]!;
  const bind = decodeFrontend(frame);
  if (bind.kind !== 'bind') throw new Error(bind.kind);
  expect(bind.parameters).toHaveLength(65_535);
  expect(bind.parameterFormats).toEqual(['binary']);
  expect(bind.tail).toHaveLength(frame.body.length - 4);
});

test('text that is not UTF-8, unknown types and surplus bytes are protocol errors', () => {
  const sqlstate = (type: string, body: Buffer) => failure(() => decodeFrontend({ type, body })).sqlstate;
  expect(sqlstate('Q', Buffer.from([0xff, 0xfe, 0]))).toBe('22021');
  expect(sqlstate('Q', Buffer.from('select 1\0; drop\0'))).toBe('08P01');
  expect(sqlstate('?', Buffer.alloc(0))).toBe('08P01');
  expect(sqlstate('D', Buffer.from('X\0'))).toBe('08P01');
  expect(sqlstate('B', Buffer.from('\0\0\0\x01\0\x07\0\0\0\0', 'latin1'))).toBe('22023');
});

test('any bytes at all end in a message or a protocol error', () => {
  fc.assert(
    fc.property(fc.constantFrom(...'QPBDECHSXF?'), fc.uint8Array({ maxLength: 64 }), (type, body) => {
      try {
        decodeFrontend({ type, body: Buffer.from(body) });
      } catch (error) {
        expect((error as Error).name).toBe('ProtocolViolation');
      }
    }),
    { numRuns: 3000 },
  );
});

test('RowDescription and NegotiateProtocolVersion, byte for byte', () => {
  const field = { name: 'n', tableOid: 1, attribute: 2, typeOid: 23, typeSize: 4, typmod: -1 };
  expect(built((w) => rowDescription(w, [field], ['binary'])).toString('latin1')).toBe(
    'T\0\0\0\x1a\0\x01n\0\0\0\0\x01\0\x02\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x01',
  );
  expect(built((w) => negotiateProtocolVersion(w, 2, ['_pq_.x'])).toString('latin1')).toBe(
    'v\0\0\0\x13\0\x03\0\x02\0\0\0\x01_pq_.x\0',
  );
});
