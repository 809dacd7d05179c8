import { expect, test } from 'vitest';
import { SQLSTATE } from '../../src/plan/errors.ts';
import { GrowingBuffer } from './growing-buffer.ts';

test('what has come stays when the buffer moves to a larger reservation', () => {
  const growing = new GrowingBuffer('numbers', [100, 1000]);
  growing.reserve(90);
  const first = growing.buffer;
  new Uint8Array(first).forEach((_, at, bytes) => {
    bytes[at] = at;
  });
  growing.reserve(100);
  expect(growing.buffer).toBe(first);
  growing.reserve(101);
  expect(growing.buffer).not.toBe(first);
  growing.reserve(5000);
  expect(growing.buffer.byteLength).toBe(5000);
  expect([...new Uint8Array(growing.buffer, 0, 90)]).toEqual(Array.from({ length: 90 }, (_, at) => at));
});

test('more than there can be is an error that says of what', () => {
  const growing = new GrowingBuffer('training rows');
  growing.reserve(8);
  expect(() => growing.reserve(2 ** 52)).toThrow(
    expect.objectContaining({ sqlstate: SQLSTATE.outOfMemory, message: expect.stringContaining('training rows') }),
  );
  expect(growing.buffer.byteLength).toBe(8);
});

test('as many owners as a process may keep before the collector comes leave addresses for others', () => {
  const kept = Array.from({ length: 2000 }, () => new GrowingBuffer('training rows'));
  const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  expect(buffer.byteLength).toBe(65_536);
  expect(kept.every((each) => each.buffer.maxByteLength === 2 ** 32)).toBe(true);
});
