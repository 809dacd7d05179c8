import { Bool, Field, Int32, makeData, RecordBatch, Schema, Struct, Utf8, vectorFromArray } from 'apache-arrow';
import { expect, test } from 'vitest';
import { batchBytes } from './report.ts';

test('counts the rows, not the buffers they stand in', () => {
  const type = new Struct([new Field('i', new Int32()), new Field('t', new Utf8()), new Field('b', new Bool())]);
  const children = [
    makeData({ type: new Int32(), length: 3, data: new Int32Array(10_000) }),
    makeData({
      type: new Utf8(),
      length: 3,
      valueOffsets: new Int32Array([0, 1, 3, 6]),
      data: Buffer.alloc(1 << 20),
    }),
    vectorFromArray([true, false, true], new Bool()).data[0]!,
  ];
  const batch = new RecordBatch(new Schema(type.children), makeData({ type, length: 3, children }));
  const bytes = batchBytes(batch);
  expect(bytes).toBeGreaterThanOrEqual(3 * 4 + 6 + 4 * 4 + 1);
  expect(bytes).toBeLessThan(60);
});
