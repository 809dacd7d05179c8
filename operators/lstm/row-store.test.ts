import {
  Bool,
  DateDay,
  Decimal,
  Field,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  makeData,
  makeVector,
  RecordBatch,
  Schema,
  Struct,
  TimeMicrosecond,
  TimestampMicrosecond,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { RowStore } from './row-store.ts';

const columns = { time: 't', features: ['x', 'y'] };

function batch(vectors: readonly Vector[]): RecordBatch {
  const children = vectors.map((vector) => vector.data[0]!);
  const fields = vectors.map((vector, i) => Field.new(`c${i}`, vector.type, true));
  const length = vectors[0]!.length;
  return new RecordBatch(new Schema(fields), makeData({ type: new Struct(fields), length, nullCount: 0, children }));
}

const doubles = (...values: (number | null)[]) => vectorFromArray(values, new Float64());
const days = (...values: number[]) => makeVector(makeData({ type: new DateDay(), data: Int32Array.from(values) }));

/** Values as they came in: the origin added back. */
const restored = (store: RowStore) =>
  [...store.values].map((value, i) => value + store.origin[i % store.origin.length]!);

describe('RowStore', () => {
  it('reads every numeric, boolean and time layout', () => {
    const features: readonly (readonly [Vector, number[]])[] = [
      [vectorFromArray([1, -2], new Int16()), [1, -2]],
      [vectorFromArray([70_000, -2], new Int32()), [70_000, -2]],
      [vectorFromArray([3n, -4n], new Int64()), [3, -4]],
      [vectorFromArray([0.5, 0.25], new Float32()), [0.5, 0.25]],
      [doubles(0.5, 1.25), [0.5, 1.25]],
      [vectorFromArray([true, false], new Bool()), [1, 0]],
      [days(0, 2), [0, 2 * 86_400_000_000]],
      [makeVector(makeData({ type: new TimestampMicrosecond(), data: BigInt64Array.of(5n, 9n) })), [5, 9]],
      [makeVector(makeData({ type: new TimeMicrosecond(), data: BigInt64Array.of(7n, 8n) })), [7, 8]],
      [
        makeVector(
          makeData({
            type: new Decimal(2, 10, 128),
            data: Uint32Array.of(12_345, 0, 0, 0, 0xfffffff6, ...Array(3).fill(0xffffffff)),
          }),
        ),
        [123.45, -0.1],
      ],
    ];
    const store = new RowStore({ time: 't', features: features.map((_, i) => `f${i}`) });
    store.append(batch([days(0, 1), ...features.map(([vector]) => vector)]));
    store.finish();
    const width = features.length;
    features.forEach(([, [first, second]], f) => {
      const rounding = Math.abs(second! - first!) * 2 ** -23;
      expect(restored(store)[f]).toBe(first);
      expect(Math.abs(restored(store)[width + f]! - second!)).toBeLessThanOrEqual(rounding);
    });
    expect([...store.times]).toEqual([0, 86_400_000_000]);
  });

  it('keeps the spread of large values', () => {
    const store = new RowStore({ time: 't', features: ['x'] });
    store.append(batch([days(0, 1), doubles(1e12, 1e12 + 1)]));
    expect([...store.values]).toEqual([0, 1]);
  });

  it('leaves rows with a NULL out and breaks the sequence there', () => {
    const store = new RowStore(columns);
    store.append(batch([days(0, 1, 2, 3), doubles(1, null, 3, 4), doubles(1, 2, 3, 4)]));
    expect(store.rows).toBe(3);
    expect(store.incompleteRows).toBe(1);
    expect([...store.breaks]).toEqual([1]);
    expect(restored(store)).toEqual([1, 1, 3, 3, 4, 4]);
  });

  it('remembers where entities begin, across batches', () => {
    const store = new RowStore({ ...columns, entity: 'k' });
    const names = (...values: string[]) => vectorFromArray(values, new Utf8());
    store.append(batch([days(0, 1, 0), names('a', 'a', 'b'), doubles(1, 2, 3), doubles(1, 2, 3)]));
    store.append(batch([days(1, 0), names('b', 'c'), doubles(4, 5), doubles(4, 5)]));
    expect(store.entities).toEqual([
      { name: 'a', start: 0 },
      { name: 'b', start: 2 },
      { name: 'c', start: 4 },
    ]);
    const again = batch([days(0), names('a'), doubles(1), doubles(1)]);
    expect(() => store.append(again)).toThrow('rows of "a" do not come in one piece');
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses %d with column and row', (value) => {
    const store = new RowStore(columns);
    store.append(batch([days(0), doubles(1), doubles(1)]));
    const bad = batch([days(1, 2), doubles(1, 1), doubles(1, value)]);
    expect(() => store.append(bad)).toThrow(`column "y" is ${value} in row 3`);
  });

  it('refuses rows that go back in time', () => {
    const store = new RowStore(columns);
    expect(() => store.append(batch([days(1, 0), doubles(1, 1), doubles(1, 1)]))).toThrow(
      'column "t" goes back in row 2',
    );
  });

  it('refuses a column that is NULL throughout', () => {
    const store = new RowStore(columns);
    store.append(batch([days(0, 1), doubles(null, null), doubles(1, 2)]));
    expect(() => store.finish()).toThrow('column "x" is NULL in every row');
  });

  it('refuses a column that is not a number', () => {
    const store = new RowStore(columns);
    const text = batch([days(0), vectorFromArray(['a'], new Utf8()), doubles(1)]);
    expect(() => store.append(text)).toThrow('column "x" is not a number');
  });
});
