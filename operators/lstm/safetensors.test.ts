import { describe, expect, it } from 'vitest';
import type { ModelSpec } from '../../src/plan/training.ts';
import { initialWeights, weightLayout } from './model.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';

const spec: ModelSpec = {
  cell: 'gru',
  inputs: 2,
  hidden: 3,
  layers: 2,
  outputs: 1,
  dropout: 0,
  readout: 'last',
  biases: 2,
  loss: 'mse',
};
const layout = weightLayout(spec);
const weights = initialWeights(spec, 4);

/** A file with this header and so many bytes of zeros behind it. */
function file(header: unknown, dataBytes: number, headerBytes?: bigint): Uint8Array {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, headerBytes ?? BigInt(text.length), true);
  bytes.set(new TextEncoder().encode(text), 8);
  return bytes;
}

const entries = () =>
  Object.fromEntries(
    layout.map(({ name, offset, shape }) => [
      name,
      { dtype: 'F32', shape, data_offsets: [offset * 4, (offset + shape.reduce((a, b) => a * b, 1)) * 4] },
    ]),
  );
const bytes = weights.length * 4;

it('reads what it wrote', () => {
  const encoded = encodeSafetensors(layout, weights, { model: 'load24' });
  expect(decodeSafetensors(encoded, layout)).toEqual({ metadata: { model: 'load24' }, weights });
});

it('reads tensors in any order', () => {
  const [first, second] = layout;
  const swapped = { ...entries() };
  const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1) * 4;
  swapped[second!.name] = { dtype: 'F32', shape: second!.shape, data_offsets: [0, size(second!.shape)] };
  swapped[first!.name] = {
    dtype: 'F32',
    shape: first!.shape,
    data_offsets: [size(second!.shape), size(second!.shape) + size(first!.shape)],
  };
  const found = file(swapped, bytes);
  new DataView(found.buffer).setFloat32(found.length - bytes, 5, true);
  expect(decodeSafetensors(found, layout).weights[second!.offset]).toBe(5);
});

describe('refuses', () => {
  const head = 'head.bias';
  const changed = (change: object) => file({ ...entries(), [head]: { ...entries()[head], ...change } }, bytes);
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['an empty file', new Uint8Array(0), 'shorter than its header'],
    ['a header that claims the whole address space', file({}, 0, 2n ** 63n), 'its header claims'],
    ['a truncated file', encodeSafetensors(layout, weights).subarray(0, -1), 'bytes of tensors'],
    ['a header that is not JSON', file('{"a":', 0), 'not JSON'],
    ['a header that is a list', file('[]', 0), 'not an object'],
    ['a missing tensor', file(Object.fromEntries(Object.entries(entries()).slice(1)), bytes), 'no tensor'],
    ['a tensor too many', file({ ...entries(), extra: entries()[head] }, bytes), 'no tensor "extra"'],
    ['another shape', changed({ shape: [2] }), 'has shape [2]'],
    ['a shape that is no list', changed({ shape: 'x' }), 'has shape'],
    ['another type', changed({ dtype: 'F64' }), 'of type F64'],
    ['offsets outside the file', changed({ data_offsets: [bytes, bytes + 4] }), 'does not lie inside'],
    ['negative offsets', changed({ data_offsets: [-4, 0] }), 'does not lie inside'],
    ['fractional offsets', changed({ data_offsets: [0.5, 4.5] }), 'does not lie inside'],
    ['tensors that overlap', changed({ data_offsets: [0, 4] }), 'overlap'],
    ['metadata that are no texts', file({ ...entries(), __metadata__: { a: 1 } }, bytes), 'metadata'],
  ];
  it.each(cases)('%s', (_, hostile, reason) => {
    expect(() => decodeSafetensors(hostile, layout)).toThrow(reason);
  });

  it('weights that are not finite', () => {
    const encoded = encodeSafetensors(
      layout,
      weights.map(() => Number.NaN),
    );
    expect(() => decodeSafetensors(encoded, layout)).toThrow('NaN or infinite');
  });
});
