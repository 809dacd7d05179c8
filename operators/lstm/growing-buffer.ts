/** A shared buffer that grows in place as bytes come. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';

/**
 * Address space reserved in turn. Memory is taken only as bytes come, but a reservation stands until the collector finds its owner gone,
 * and a process has 128 TiB of addresses: some 250 of the last size, after which not even a thread starts. Most owners stay in the first.
 */
const RESERVED_BYTES: readonly number[] = [2 ** 32, 2 ** 35, 2 ** 38];

export class GrowingBuffer {
  readonly #what: string;
  readonly #reserved: readonly number[];
  #buffer: SharedArrayBuffer;

  /**
   * @param what is kept in it, for messages: "training rows"
   * @param reserved sizes to reserve, ascending
   */
  constructor(what: string, reserved: readonly number[] = RESERVED_BYTES) {
    this.#what = what;
    this.#reserved = reserved;
    this.#buffer = new SharedArrayBuffer(0, { maxByteLength: reserved[0]! });
  }

  /** The bytes so far; another object once they have outgrown their reservation. */
  get buffer(): SharedArrayBuffer {
    return this.#buffer;
  }

  /**
   * Makes room for so many bytes, and for some more to come.
   * @throws CausewayError 53200 when there is no memory for them
   */
  reserve(bytes: number): void {
    const { byteLength, maxByteLength } = this.#buffer;
    if (byteLength >= bytes) return;
    try {
      if (maxByteLength < bytes) this.#move(bytes);
      const generous = Math.ceil((byteLength * 1.25) / 65_536) * 65_536;
      this.#buffer.grow(Math.min(Math.max(bytes, generous), this.#buffer.maxByteLength));
    } catch (cause) {
      throw new CausewayError(SQLSTATE.outOfMemory, `no memory for ${bytes} bytes of ${this.#what}`, {
        hint: 'Select fewer columns or a shorter time, or give the process more memory.',
        cause,
      });
    }
  }

  #move(bytes: number): void {
    const maxByteLength = this.#reserved.find((size) => size >= bytes) ?? bytes;
    const larger = new SharedArrayBuffer(this.#buffer.byteLength, { maxByteLength });
    new Uint8Array(larger).set(new Uint8Array(this.#buffer));
    this.#buffer = larger;
  }
}
