/**
 * Weights in the safetensors format: 8 bytes header length (little-endian), a JSON header, the tensors' bytes.
 * Files come from outside: every number of the header is checked against the file before memory is taken.
 */
import { CausewayError, messageOf, SQLSTATE } from '../../src/plan/errors.ts';
import type { WeightView } from './model.ts';

/** The format's own limit (safetensors' `MAX_HEADER_SIZE`). */
const MAX_HEADER_BYTES = 100_000_000;

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Writes float32 tensors. `weights` is the flat vector `layout` describes; `metadata` is kept as it is. */
export function encodeSafetensors(
  layout: readonly WeightView[],
  weights: Float32Array,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const entries = layout.map(({ name, shape, offset }) => [
    name,
    { dtype: 'F32', shape, data_offsets: [offset * 4, (offset + sizeOf(shape)) * 4] },
  ]);
  const header = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) });
  const length = Buffer.byteLength(header);
  // Spaces after the header align the data to 8 bytes.
  const padded = Math.ceil(length / 8) * 8;
  const file = new Uint8Array(8 + padded + weights.length * 4);
  const view = new DataView(file.buffer);
  view.setBigUint64(0, BigInt(padded), true);
  file.fill(0x20, 8, 8 + padded);
  new TextEncoder().encodeInto(header, file.subarray(8));
  weights.forEach((weight, i) => {
    view.setFloat32(8 + padded + i * 4, weight, true);
  });
  return file;
}

/** Metadata of a safetensors file, and its float32 tensors as one flat vector in the order of `layout`. */
export interface DecodedWeights {
  readonly metadata: Readonly<Record<string, string>>;
  readonly weights: Float32Array;
}

/** The metadata of a safetensors file, whose tensors are not looked at. Throws {@link CausewayError} when the header lies. */
export const readMetadata = (file: Uint8Array): Readonly<Record<string, string>> => openFile(file).metadata;

/** Checks the header's length against the file before anything is read by it. */
function openFile(file: Uint8Array) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.byteLength < 8) throw refused('it is shorter than its header');
  const headerBytes = view.getBigUint64(0, true);
  if (headerBytes > BigInt(Math.min(MAX_HEADER_BYTES, file.byteLength - 8))) {
    throw refused(`its header claims ${headerBytes} bytes of a file of ${file.byteLength}`);
  }
  const dataStart = 8 + Number(headerBytes);
  return { view, dataStart, ...readHeader(file.subarray(8, dataStart)) };
}

/**
 * Reads the tensors that `layout` names. Throws {@link CausewayError} when the file is truncated, its header lies about sizes, or it is not
 * of this architecture: a tensor missing, left over, of another shape or type, overlapping or out of bounds.
 */
export function decodeSafetensors(file: Uint8Array, layout: readonly WeightView[]): DecodedWeights {
  const { view, dataStart, metadata, tensors } = openFile(file);
  const total = layout.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (file.byteLength - dataStart !== total * 4) {
    throw refused(`it has ${file.byteLength - dataStart} bytes of tensors, the model ${total * 4}`);
  }
  const extra = [...tensors.keys()].find((name) => !layout.some((entry) => entry.name === name));
  if (extra !== undefined) throw refused(`the model has no tensor "${extra}"`);
  const offsets = layout.map((entry) => checkTensor(entry, tensors.get(entry.name), total * 4));
  checkDisjoint(offsets.map((offset, i) => [offset, offset + sizeOf(layout[i]!.shape) * 4] as const));
  const weights = new Float32Array(total);
  layout.forEach(({ offset, shape }, i) => {
    for (let k = 0; k < sizeOf(shape); k++) {
      weights[offset + k] = view.getFloat32(dataStart + offsets[i]! + k * 4, true);
    }
  });
  if (!weights.every(Number.isFinite)) throw refused('a weight is NaN or infinite');
  return { metadata, weights };
}

function readHeader(bytes: Uint8Array): { metadata: Record<string, string>; tensors: Map<string, unknown> } {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw refused(`its header is not JSON: ${messageOf(cause)}`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw refused('its header is not an object');
  const tensors = new Map<string, unknown>(Object.entries(header));
  const metadata = tensors.get('__metadata__') ?? {};
  tensors.delete('__metadata__');
  if (typeof metadata !== 'object' || Object.values(metadata).some((value) => typeof value !== 'string')) {
    throw refused('its metadata are not texts');
  }
  return { metadata: metadata as Record<string, string>, tensors };
}

/** Byte offset of a tensor in the data, after every claim of its header entry has been compared with what is expected. */
function checkTensor({ name, shape }: WeightView, claimed: unknown, dataBytes: number): number {
  if (typeof claimed !== 'object' || claimed === null) throw refused(`it has no tensor "${name}"`);
  const { data_offsets: range, dtype, shape: found } = claimed as Record<string, unknown>;
  if (dtype !== 'F32') throw refused(`tensor "${name}" is of type ${String(dtype)}, not F32`);
  if (!Array.isArray(found) || found.length !== shape.length || found.some((n, i) => n !== shape[i])) {
    throw refused(`tensor "${name}" has shape [${String(found)}], the model's is [${shape.join(', ')}]`);
  }
  const [start, end] = Array.isArray(range) ? range : [];
  if (!Number.isSafeInteger(start) || start < 0 || end !== start + sizeOf(shape) * 4 || end > dataBytes) {
    throw refused(`tensor "${name}" does not lie inside the file`);
  }
  return start;
}

function checkDisjoint(ranges: readonly (readonly [number, number])[]): void {
  const sorted = ranges.toSorted((a, b) => a[0] - b[0]);
  sorted.forEach(([start], i) => {
    if (i > 0 && start < sorted[i - 1]![1]) throw refused('two tensors overlap');
  });
}

const refused = (reason: string): CausewayError =>
  new CausewayError(SQLSTATE.dataCorrupted, `the weight file cannot be used: ${reason}`, {
    hint: 'Use a file that was exported from a model of the same architecture.',
  });
