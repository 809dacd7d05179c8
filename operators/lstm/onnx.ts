/**
 * A trained model as an ONNX file (opset 17, ai.onnx.ml 3): from rows in original units and categories as strings to predictions in
 * original units, scaling and vocabularies being part of the graph. Message and field numbers are those of onnx.proto3.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { DifferenceSpec, ModelSpec } from '../../src/plan/training.ts';
import { gateCount, layerInputs, targetOfOutput, weightLayout } from './model.ts';
import type { Scale } from './scales.ts';

export interface OnnxSource {
  readonly name: string;
  readonly model: ModelSpec;
  readonly weights: Float32Array;
  /** Rows per window. */
  readonly window: number;
  /** The features in their order: numbers with their scales, or categories with their names 1, 2 …. */
  readonly features: readonly OnnxFeature[];
  /** Rows are scaled by silo or entity: the caller may give other `means` and `deviations` than the federation's. */
  readonly localScales?: boolean;
  /** Positions of the targets among the features. */
  readonly targets: readonly number[];
  /** The network puts out changes from the values at step `from` of the window (readout `last` only). */
  readonly difference?: Pick<DifferenceSpec, 'scales' | 'share'> & { readonly from: number };
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface OnnxFeature {
  readonly name: string;
  readonly scale: Scale;
  readonly vocabulary?: readonly string[];
}

const IR_VERSION = 8;
const OPSETS = [
  { domain: '', version: 17 },
  { domain: 'ai.onnx.ml', version: 3 },
];
const FLOAT = 1;
const INT64 = 7;
const STRING = 8;

type Message = (writer: BinaryWriter) => void;

const nested = (writer: BinaryWriter, field: number, message: Message): void => {
  writer.tag(field, WireType.LengthDelimited).fork();
  message(writer);
  writer.join();
};
const text = (writer: BinaryWriter, field: number, value: string) =>
  writer.tag(field, WireType.LengthDelimited).string(value);
const integer = (writer: BinaryWriter, field: number, value: number) => writer.tag(field, WireType.Varint).int64(value);

/** Gate order of PyTorch → ONNX: LSTM i f g o → i o f c, GRU r z n → z r h. */
const GATES = { lstm: [0, 3, 1, 2], gru: [1, 0, 2] } as const;

/** Everything of a graph, collected node by node. */
class Graph {
  readonly #nodes: Message[] = [];
  readonly #tensors: Message[] = [];

  floats(name: string, shape: readonly number[], values: Iterable<number>): string {
    return this.#tensor(name, FLOAT, shape, new Uint8Array(Float32Array.from(values).buffer));
  }

  integers(name: string, values: readonly bigint[]): string {
    return this.#tensor(name, INT64, [values.length], new Uint8Array(BigInt64Array.from(values).buffer));
  }

  /** A single number, without a dimension. */
  integer(name: string, value: bigint): string {
    return this.#tensor(name, INT64, [], new Uint8Array(BigInt64Array.of(value).buffer));
  }

  /** Adds a node and returns its (last) output. */
  node(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: readonly Message[] = [],
    domain = '',
  ): string {
    this.#nodes.push((writer) => {
      for (const input of inputs) text(writer, 1, input);
      for (const output of outputs) text(writer, 2, output);
      text(writer, 4, type);
      for (const attribute of attributes) nested(writer, 5, attribute);
      if (domain !== '') text(writer, 7, domain);
    });
    return outputs.at(-1)!;
  }

  write(writer: BinaryWriter, name: string, inputs: readonly Message[], output: Message): void {
    for (const node of this.#nodes) nested(writer, 1, node);
    text(writer, 2, name);
    for (const tensor of this.#tensors) nested(writer, 5, tensor);
    for (const input of inputs) nested(writer, 11, input);
    nested(writer, 12, output);
  }

  #tensor(name: string, type: number, shape: readonly number[], bytes: Uint8Array): string {
    this.#tensors.push((writer) => {
      for (const n of shape) integer(writer, 1, n);
      integer(writer, 2, type);
      text(writer, 8, name);
      writer.tag(9, WireType.LengthDelimited).bytes(bytes);
    });
    return name;
  }
}

const intAttribute =
  (name: string, value: number): Message =>
  (writer) => {
    text(writer, 1, name);
    integer(writer, 3, value);
    integer(writer, 20, 2);
  };

const intsAttribute =
  (name: string, values: readonly number[]): Message =>
  (writer) => {
    text(writer, 1, name);
    for (const value of values) integer(writer, 8, value);
    integer(writer, 20, 7);
  };

const stringsAttribute =
  (name: string, values: readonly string[]): Message =>
  (writer) => {
    text(writer, 1, name);
    for (const value of values) text(writer, 9, value);
    integer(writer, 20, 8);
  };

/** A tensor's type; texts are dimensions of any length. */
const valueInfo =
  (name: string, shape: readonly (number | string)[], element = FLOAT): Message =>
  (writer) => {
    text(writer, 1, name);
    nested(writer, 2, (type) =>
      nested(type, 1, (tensor) => {
        integer(tensor, 1, element);
        nested(tensor, 2, (dimensions) => {
          for (const n of shape) {
            nested(dimensions, 1, (dimension) => {
              if (typeof n === 'number') integer(dimension, 1, n);
              else text(dimension, 2, n);
            });
          }
        });
      }),
    );
  };

/**
 * The file's bytes. Input `rows` is [windows, window, numeric features], and every category has an input `category_…` of strings,
 * [windows, window]; output `predictions` is [windows, outputs], or [windows, window, outputs].
 */
export function encodeOnnx(source: OnnxSource): Uint8Array {
  const { features, localScales = false, metadata, model, name, targets, window } = source;
  const graph = new Graph();
  const numbers = features.filter(({ vocabulary }) => vocabulary === undefined);
  const inputs = [valueInfo('rows', ['windows', window, numbers.length])];
  // An initializer that is an input too is its default.
  if (localScales) inputs.push(...['means', 'deviations'].map((each) => valueInfo(each, [numbers.length])));
  const means = graph.floats(
    'means',
    [numbers.length],
    numbers.map(({ scale }) => scale.mean),
  );
  const deviations = graph.floats(
    'deviations',
    [numbers.length],
    numbers.map(({ scale }) => scale.deviation),
  );
  const centred = graph.node('Sub', ['rows', means], ['centred']);
  const scaled = encoded(graph, source, graph.node('Div', [centred, deviations], ['scaled']), inputs);
  let steps = graph.node('Transpose', [scaled], ['steps'], [intsAttribute('perm', [1, 0, 2])]);
  let last = steps;
  const direction = graph.integers('direction', [1n]);
  for (let layer = 0; layer < model.layers; layer++) {
    const [w, r, b] = cellTensors(graph, source, layer);
    const attributes = [intAttribute('hidden_size', model.hidden)];
    // Causeway's GRU resets after the product, as PyTorch's does.
    if (model.cell === 'gru') attributes.push(intAttribute('linear_before_reset', 1));
    const [all, end] = [`all_${layer}`, `end_${layer}`];
    graph.node(model.cell.toUpperCase(), [steps, w, r, b], [all, end], attributes);
    steps = graph.node('Squeeze', [all, direction], [`steps_${layer}`]);
    last = end;
  }
  const hidden =
    model.readout === 'every'
      ? graph.node('Transpose', [steps], ['hidden'], [intsAttribute('perm', [1, 0, 2])])
      : graph.node('Squeeze', [last, graph.integers('first', [0n])], ['hidden']);
  const outputs = head(graph, source, hidden, targets);

  const writer = new BinaryWriter();
  integer(writer, 1, IR_VERSION);
  text(writer, 2, 'causeway');
  const shape = model.readout === 'every' ? ['windows', window, model.outputs] : ['windows', model.outputs];
  nested(writer, 7, (inner) => {
    graph.write(inner, name, inputs, valueInfo(outputs, shape));
  });
  for (const { domain, version } of OPSETS) {
    nested(writer, 8, (opset) => {
      text(opset, 1, domain);
      integer(opset, 2, version);
    });
  }
  const properties = { features: JSON.stringify(features.map((feature) => feature.name)), ...metadata };
  for (const [key, value] of Object.entries(properties)) {
    nested(writer, 14, (entry) => {
      text(entry, 1, key);
      text(entry, 2, value);
    });
  }
  return writer.finish();
}

/** Numbers and what categories are spread to, side by side in the order of the features. Adds the categories' inputs. */
function encoded(graph: Graph, source: OnnxSource, scaled: string, inputs: Message[]): string {
  const { features, model, window } = source;
  const { categories = [] } = model;
  if (categories.length === 0) return scaled;
  let number = 0n;
  let table = 0;
  const parts = features.map(({ name, vocabulary }, column) => {
    if (vocabulary === undefined) {
      const at = graph.integers(`column_${column}`, [number++]);
      return graph.node('Gather', [scaled, at], [`values_${column}`], [intAttribute('axis', 2)]);
    }
    const { dimension, size } = categories.find((category) => category.column === column)!;
    inputs.push(valueInfo(`category_${name}`, ['windows', window], STRING));
    const attributes = [
      stringsAttribute('keys_strings', vocabulary),
      intsAttribute(
        'values_int64s',
        vocabulary.map((_, i) => i + 1),
      ),
      intAttribute('default_int64', 0),
    ];
    const codes = graph.node('LabelEncoder', [`category_${name}`], [`codes_${column}`], attributes, 'ai.onnx.ml');
    const rows = dimension === undefined ? identity(size) : tensorOf(source, `embedding.${table++}.weight`)!;
    const spread = graph.floats(`table_${column}`, [size, dimension ?? size], rows);
    return graph.node('Gather', [spread, codes], [`values_${column}`]);
  });
  return graph.node('Concat', parts, ['encoded'], [intAttribute('axis', 2)]);
}

const identity = (size: number): Float32Array =>
  Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));

/** The tensor of that name in the flat weights. */
function tensorOf({ model, weights }: OnnxSource, name: string): Float32Array | undefined {
  const view = weightLayout(model).find((entry) => entry.name === name);
  return view && weights.subarray(view.offset, view.offset + view.shape.reduce((product, n) => product * n, 1));
}

/** W [1, gates·hidden, inputs], R [1, gates·hidden, hidden] and B [1, 2·gates·hidden] with ONNX's order of gates. */
function cellTensors(graph: Graph, source: OnnxSource, layer: number): readonly [string, string, string] {
  const { model } = source;
  const rows = gateCount(model) * model.hidden;
  const ordered = (name: string, width: number) => {
    const tensor = tensorOf(source, `${model.cell}.${name}_l${layer}`) ?? new Float32Array(rows * width);
    const gate = model.hidden * width;
    return GATES[model.cell].flatMap((g) => [...tensor.subarray(g * gate, (g + 1) * gate)]);
  };
  const inputs = layerInputs(model, layer);
  return [
    graph.floats(`w_${layer}`, [1, rows, inputs], ordered('weight_ih', inputs)),
    graph.floats(`r_${layer}`, [1, rows, model.hidden], ordered('weight_hh', model.hidden)),
    graph.floats(`b_${layer}`, [1, 2 * rows], [...ordered('bias_ih', 1), ...ordered('bias_hh', 1)]),
  ];
}

/** Dense head and what follows it: back to original units, or from logits to probabilities. */
function head(graph: Graph, source: OnnxSource, hidden: string, targets: readonly number[]): string {
  const { features, model } = source;
  const weight = tensorOf(source, 'head.weight')!;
  const transposed = Array.from(
    { length: weight.length },
    (_, i) => weight[(i % model.outputs) * model.hidden + Math.floor(i / model.outputs)]!,
  );
  const product = graph.node(
    'MatMul',
    [hidden, graph.floats('head', [model.hidden, model.outputs], transposed)],
    ['product'],
  );
  const bias = graph.floats('head_bias', [model.outputs], tensorOf(source, 'head.bias')!);
  const outputs = graph.node('Add', [product, bias], ['outputs']);
  if (model.loss === 'binary-cross-entropy') return graph.node('Sigmoid', [outputs], ['predictions']);
  if (model.loss === 'softmax-cross-entropy') return graph.node('Softmax', [outputs], ['predictions']);
  // Positions of the outputs' targets among the numbers.
  const columns = Array.from({ length: model.outputs }, (_, o) => {
    const target = targets[targetOfOutput(model, targets.length, o)]!;
    return BigInt(features.slice(0, target).filter(({ vocabulary }) => vocabulary === undefined).length);
  });
  const at = graph.integers('target_columns', columns);
  const deviations = graph.node('Gather', ['deviations', at], ['target_deviations']);
  const { difference } = source;
  if (difference !== undefined) {
    const { from, scales, share = 1 } = difference;
    const steps = Array.from(columns, (_, o) => scales[targetOfOutput(model, targets.length, o)]! * share);
    const change = graph.node('Mul', [deviations, graph.floats('change_scales', [model.outputs], steps)], ['changes']);
    // With every step read the lag is the horizon: each step's own row is the base.
    const every = model.readout === 'every';
    const row = every
      ? 'rows'
      : graph.node(
          'Gather',
          ['rows', graph.integer('base_step', BigInt(from))],
          ['base_row'],
          [intAttribute('axis', 1)],
        );
    const base = graph.node('Gather', [row, at], ['base'], [intAttribute('axis', every ? 2 : 1)]);
    return graph.node('Add', [graph.node('Mul', [outputs, change], ['stretched']), base], ['predictions']);
  }
  const means = graph.node('Gather', ['means', at], ['target_means']);
  return graph.node('Add', [graph.node('Mul', [outputs, deviations], ['stretched']), means], ['predictions']);
}
