/** Builds messages one after another in one buffer, which is handed to the socket whole. */

const FIRST_BYTES = 8 * 1024;
/** Buffers kept for reuse: one is filled while others are on their way. */
const MOST_SPARE = 2;

export class MessageWriter {
  /** Encoders of rows write here directly, after {@link reserve}. Never a part of Node's pool, since it is used again. */
  buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  offset = 0;
  #start = 0;
  #spare: Buffer[] = [];

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    const needed = this.offset + bytes;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.offset);
    this.buffer = grown;
  }

  /** Opens a message; its length is written by {@link end}. */
  begin(type: string): this {
    this.reserve(5);
    this.buffer[this.offset] = type.charCodeAt(0);
    this.#start = this.offset + 1;
    this.offset += 5;
    return this;
  }

  end(): this {
    this.buffer.writeInt32BE(this.offset - this.#start, this.#start);
    return this;
  }

  byte(value: number): this {
    this.reserve(1);
    this.buffer[this.offset++] = value;
    return this;
  }

  int16(value: number): this {
    this.reserve(2);
    this.buffer.writeUInt16BE(value & 0xffff, this.offset);
    this.offset += 2;
    return this;
  }

  int32(value: number): this {
    this.reserve(4);
    this.buffer.writeInt32BE(value | 0, this.offset);
    this.offset += 4;
    return this;
  }

  cstring(text: string): this {
    // A zero inside would end the string early and shift everything after it.
    const clean = text.includes('\0') ? text.replaceAll('\0', '') : text;
    const length = Buffer.byteLength(clean);
    this.reserve(length + 1);
    this.buffer.write(clean, this.offset);
    this.offset += length;
    this.buffer[this.offset++] = 0;
    return this;
  }

  bytes(bytes: Uint8Array): this {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.offset);
    this.offset += bytes.length;
    return this;
  }

  /** What has been written since the last call. The caller owns it, and may give it back to {@link reuse}. */
  take(): Buffer {
    const taken = this.buffer.subarray(0, this.offset);
    // The next buffer is as large as the last one was used: results of many rows settle at their own size.
    this.buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, this.offset));
    this.offset = 0;
    return taken;
  }

  /** Bytes that were taken and have been sent: their buffer is written to again. */
  reuse(taken: Buffer): void {
    if (this.#spare.length < MOST_SPARE) this.#spare.push(Buffer.from(taken.buffer));
  }

  /** Lets go of large buffers: a session at rest should cost little. */
  shrink(): void {
    this.#spare = this.#spare.filter(({ length }) => length <= FIRST_BYTES);
    if (this.offset === 0 && this.buffer.length > FIRST_BYTES) this.buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  }
}
