/** An update as the bytes that leave a silo, and back. Both ends of an agent's link, and silos in this process, use the same. */
import { createHash } from 'node:crypto';
import type { CompressionSpec } from '../../../src/plan/training.ts';
import type { Vector } from '../strategy.ts';
import { decodeInt8, encodeInt8, int8Bytes } from './int8.ts';
import type { Residuals } from './residuals.ts';
import { densify, sparsify } from './top-k.ts';

/** Which update it is: everything random and everything remembered follows from it. */
export interface UpdateName {
  readonly run: string;
  readonly silo: string;
  /** From 1. */
  readonly round: number;
}

const kept = ({ share }: { share: number }, length: number): number => Math.max(1, Math.ceil(share * length));

/** Bytes of an update of so many weights. */
export const compressedBytes = (spec: CompressionSpec, length: number): number =>
  spec.kind === 'int8' ? int8Bytes(length) : 8 * kept(spec, length);

/** The same update gives the same bytes. Top-k's error is remembered until the next round of the run, and no longer. */
export function encodeUpdate(
  delta: Vector,
  spec: CompressionSpec,
  { round, run, silo }: UpdateName,
  residuals: Residuals,
): Uint8Array {
  if (spec.kind === 'int8') {
    return encodeInt8(
      delta,
      createHash('sha256')
        .update(JSON.stringify([run, silo, round]))
        .digest(),
    );
  }
  const before = residuals.get(run, silo, round - 1) ?? new Float32Array(delta.length);
  const { error, sent } = sparsify(delta, before, kept(spec, delta.length));
  residuals.put(run, silo, round, error);
  const bytes = new Uint8Array(8 * sent.indices.length);
  new Uint32Array(bytes.buffer, 0, sent.indices.length).set(sent.indices);
  new Float32Array(bytes.buffer, 4 * sent.indices.length).set(sent.values);
  return bytes;
}

/** @throws RangeError when the bytes are no update of so many weights */
export function decodeUpdate(bytes: Uint8Array, spec: CompressionSpec, length: number): Float32Array {
  if (spec.kind === 'int8') return decodeInt8(bytes, length);
  if (bytes.length !== compressedBytes(spec, length)) {
    throw new RangeError(`${bytes.length} bytes are no top_k update of ${length} weights`);
  }
  const { buffer } = Uint8Array.from(bytes);
  const count = bytes.length / 8;
  const sent = { indices: new Uint32Array(buffer, 0, count), values: new Float32Array(buffer, 4 * count) };
  return densify(sent, length);
}
