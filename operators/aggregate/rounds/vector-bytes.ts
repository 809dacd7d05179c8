/** Vectors as the bytes in which the journal keeps them. */

export const bytesOf = (values: Float32Array | Float64Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

// Copies, because a blob's bytes need not be aligned.
export const float32Of = (bytes: Uint8Array): Float32Array => new Float32Array(new Uint8Array(bytes).buffer);
export const float64Of = (bytes: Uint8Array): Float64Array => new Float64Array(new Uint8Array(bytes).buffer);

/** Memory for one vector at a time. */
export class Scratch {
  #vector = new Float32Array(0);

  of(length: number): Float32Array {
    if (this.#vector.length !== length) this.#vector = new Float32Array(length);
    return this.#vector;
  }
}
