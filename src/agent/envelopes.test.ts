/** Messages in pieces are protobuf's own bytes in another order of fields, whatever chunks they come in. */
import { create, equals, fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { EnvelopeReader, enveloped } from './envelopes.ts';
import { AgentMessageSchema, CoordinatorMessageSchema } from './protocol/agent_pb.ts';

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 251);
const payload = (length: number) => ({ digest: 'd'.repeat(64), size: BigInt(length), data: bytes(length) });

const call = create(CoordinatorMessageSchema, {
  content: { case: 'call', value: { id: 'i', method: 'm', body: '{"ü":1}', payloads: [payload(3), payload(70_000)] } },
});
const reply = create(AgentMessageSchema, {
  content: {
    case: 'reply',
    value: {
      id: 'i',
      outcome: {
        case: 'answer',
        value: {
          body: 'null',
          payloads: [{ ...payload(0), size: 9n }, payload(400)],
          entry: { sequence: 7n, previous: 'p', hash: 'h', digests: ['a', 'b'] },
        },
      },
    },
  },
});
const failure = create(AgentMessageSchema, {
  content: { case: 'reply', value: { id: 'i', outcome: { case: 'failure', value: { message: 'no', hint: 'why' } } } },
});
const taken = create(CoordinatorMessageSchema, { content: { case: 'taken', value: { id: 'i' } } });

describe.each([
  ['a call', CoordinatorMessageSchema, call],
  ['an answer', AgentMessageSchema, reply],
  ['a failure', AgentMessageSchema, failure],
  ['a receipt', CoordinatorMessageSchema, taken],
] as const)('%s', (_, schema, message) => {
  const whole = Buffer.concat(enveloped(message));

  test('is what protobuf reads', () => {
    expect(whole[0]).toBe(0);
    expect(whole.readUInt32BE(1)).toBe(whole.length - 5);
    expect(equals(schema, fromBinary(schema, whole.subarray(5)), message)).toBe(true);
  });

  test.each([1, 3, 16_384, 1_000_000])('is put together from chunks of %i bytes, twice', (size) => {
    const reader = new EnvelopeReader(schema as typeof AgentMessageSchema);
    const sent = Buffer.concat([whole, whole]);
    const read = [];
    for (let at = 0; at < sent.length; at += size) read.push(...reader.read(sent.subarray(at, at + size)));
    expect(read).toHaveLength(2);
    for (const each of read) expect(equals(schema, each, message)).toBe(true);
  });
});

test('the last payload lies where floats may, and is the memory it came in', () => {
  for (const body of ['', '1', '12', '123']) {
    const message = create(CoordinatorMessageSchema, {
      content: { case: 'call', value: { id: 'i', body, payloads: [payload(400)] } },
    });
    const reader = new EnvelopeReader(CoordinatorMessageSchema);
    const [read] = [...reader.read(Buffer.concat(enveloped(message)))];
    const { payloads } = read!.content.value as { payloads: { data: Uint8Array }[] };
    expect(payloads[0]!.data.byteOffset % 4).toBe(0);
    expect(payloads[0]!.data.buffer.byteLength).toBeGreaterThan(400);
  }
});

test('what is no message is refused before room is made for it', () => {
  const read = (header: number[]) => [...new EnvelopeReader(AgentMessageSchema).read(Uint8Array.from(header))];
  expect(() => read([1, 0, 0, 0, 1])).toThrow(/flags 1/);
  expect(() => read([0, 255, 255, 255, 255])).toThrow(/message of 4294967295 bytes/);
});
