/** The file's structure; test/engines/onnx.test.ts runs it in ONNX Runtime. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { expect, it } from 'vitest';
import type { ModelSpec } from '../../src/plan/training.ts';
import { initialWeights, weightLayout } from './model.ts';
import { encodeOnnx } from './onnx.ts';

type Fields = ReadonlyMap<number, readonly (Uint8Array | number)[]>;

/** Fields of a message by number; nested messages as bytes. */
function decode(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, (Uint8Array | number)[]>();
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const value = type === WireType.LengthDelimited ? reader.bytes() : Number(reader.int64());
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}

const bytesOf = (fields: Fields, field: number) => (fields.get(field) ?? []) as readonly Uint8Array[];
const textOf = (fields: Fields, field: number) => new TextDecoder().decode(bytesOf(fields, field)[0]);

const model: ModelSpec = {
  cell: 'lstm',
  inputs: 2,
  hidden: 3,
  layers: 2,
  outputs: 1,
  dropout: 0,
  readout: 'last',
  biases: 2,
  loss: 'mse',
};
const features = [
  { name: 'load', scale: { mean: 10, deviation: 4 } },
  { name: 'sine', scale: { mean: 0, deviation: 1 } },
];

function graphOf(spec: ModelSpec) {
  const weights = initialWeights(spec, 1);
  const file = decode(encodeOnnx({ name: 'm', model: spec, weights, window: 5, features, targets: [0] }));
  const graph = decode(bytesOf(file, 7)[0]!);
  const tensors = new Map(
    bytesOf(graph, 5)
      .map(decode)
      .map((tensor) => {
        const raw = bytesOf(tensor, 9)[0]!.slice();
        return [textOf(tensor, 8), { shape: tensor.get(1), values: [...new Float32Array(raw.buffer)] }];
      }),
  );
  const nodes = bytesOf(graph, 1)
    .map(decode)
    .map((node) => textOf(node, 4));
  return { tensors, nodes, weights };
}

it('is a graph from rows in original units to predictions in original units', () => {
  const { nodes, tensors } = graphOf(model);
  expect(nodes).toEqual([
    'Sub',
    'Div',
    'Transpose',
    'LSTM',
    'Squeeze',
    'LSTM',
    'Squeeze',
    'Squeeze',
    'MatMul',
    'Add',
    'Gather',
    'Gather',
    'Mul',
    'Add',
  ]);
  expect(tensors.get('means')!.values).toEqual([10, 0]);
  expect(tensors.get('deviations')!.values).toEqual([4, 1]);
  expect(tensors.get('w_1')!.shape).toEqual([1, 12, 3]);
  expect(tensors.get('b_0')!.shape).toEqual([1, 24]);
});

it.each([
  ['lstm', [0, 3, 1, 2]],
  ['gru', [1, 0, 2]],
] as const)("puts the gates of an %s in ONNX's order", (cell, order) => {
  const spec = { ...model, cell };
  const { tensors, weights } = graphOf(spec);
  const { offset } = weightLayout(spec).find(({ name }) => name === `${cell}.weight_hh_l0`)!;
  const gate = (g: number) => [...weights.subarray(offset + g * 9, offset + (g + 1) * 9)];
  expect(tensors.get('r_0')!.values).toEqual(order.flatMap(gate));
});

it.each([
  ['binary-cross-entropy', 'Sigmoid'],
  ['softmax-cross-entropy', 'Softmax'],
] as const)('ends a classifier with %s in %s', (loss, last) => {
  expect(graphOf({ ...model, loss }).nodes.at(-1)).toBe(last);
});
