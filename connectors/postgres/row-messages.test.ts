import { PassThrough } from 'node:stream';
import type { ClientBase } from 'pg';
import { describe, expect, test } from 'vitest';
import { scalar } from '../../src/plan/types.ts';
import { batchTexts } from '../row-text.ts';
import { CopyDecoder } from './copy-decode.ts';
import { copyOut } from './row-messages.ts';

const columns = [
  { name: 'id', type: scalar('integer') },
  { name: 'note', type: scalar('text') },
];
const ROWS = 40;

const message = (type: string, body: Buffer) => {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};

/** What a server sends: the header with the first row, a notice in the middle, then the end. */
function wire(): Buffer {
  const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
  const messages = [message('H', Buffer.from([1, 0, 2, 0, 1, 0, 1]))];
  for (let i = 0; i < ROWS; i++) {
    const note = Buffer.from(`ä note ${'x'.repeat(i)}`);
    const row = Buffer.alloc(14);
    row.writeInt16BE(2, 0);
    row.writeInt32BE(4, 2);
    row.writeInt32BE(i, 6);
    row.writeInt32BE(i % 7 === 0 ? -1 : note.length, 10);
    const fields = i % 7 === 0 ? row : Buffer.concat([row, note]);
    messages.push(message('d', i === 0 ? Buffer.concat([header, fields]) : fields));
    if (i === 20) messages.push(message('N', Buffer.from('SNOTICE\0\0')));
  }
  messages.push(message('d', Buffer.from([0xff, 0xff])), message('c', Buffer.alloc(0)));
  messages.push(message('C', Buffer.from('COPY 40\0')), message('Z', Buffer.from('I')));
  return Buffer.concat(messages);
}

/** A client whose socket gives `bytes` in pieces of `size`; what `pg` gets to see afterwards is in `handed`. */
function fakeClient(bytes: Buffer, size: number): { client: ClientBase; handed: Buffer[] } {
  const handed: Buffer[] = [];
  const stream = new PassThrough();
  const query = (submitted: { submit: (connection: unknown) => void; handleReadyForQuery: () => void }) => {
    stream.on('data', (rest: Buffer) => {
      handed.push(rest);
      const all = Buffer.concat(handed);
      // pg's own parser ends the query when it has read ReadyForQuery.
      if (all.length >= 6 && all.readUInt8(all.length - 6) === 0x5a) submitted.handleReadyForQuery();
    });
    submitted.submit({ stream, query: () => undefined });
    for (let at = 0; at < bytes.length; at += size) stream.write(bytes.subarray(at, at + size));
    return submitted;
  };
  return { client: { query } as unknown as ClientBase, handed };
}

describe('binary COPY in pieces of any size', () => {
  const bytes = wire();
  test.each([1, 2, 3, 4, 5, 6, 7, 11, 19, 20, 37, 64, 100, 333, 1000, bytes.length])('%i bytes', async (size) => {
    const { client, handed } = fakeClient(bytes, size);
    const decoder = new CopyDecoder(columns);
    const rows: (string | null)[][] = [];
    const collect = (batch: Parameters<typeof batchTexts>[0]) => {
      const texts = batchTexts(batch, columns);
      for (let row = 0; row < batch.numRows; row++) rows.push(texts.map((text) => text(row)));
    };
    for await (const messages of copyOut(client, 'COPY …')) for (const batch of decoder.push(messages)) collect(batch);
    const last = decoder.end();
    if (last !== undefined) collect(last);
    expect(rows).toEqual(
      Array.from({ length: ROWS }, (_, i) => [String(i), i % 7 === 0 ? null : `ä note ${'x'.repeat(i)}`]),
    );
    expect(Buffer.concat(handed).subarray(0, 1).toString()).toBe('c');
  });

  test('a stream that ends without its mark is an error', () => {
    const decoder = new CopyDecoder(columns);
    expect(() => decoder.end()).toThrow('stopped before its end mark');
  });
});
