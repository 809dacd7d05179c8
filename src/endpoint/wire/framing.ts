/** Cuts the byte stream of a connection into messages: incrementally, with a limit on each message's length. */
import { ProtocolViolation } from './conditions.ts';

export interface Frame {
  /** The type byte as a character; empty for the untyped packets at startup. */
  readonly type: string;
  readonly body: Buffer;
}

/** As PostgreSQL's MAX_STARTUP_PACKET_LENGTH. */
export const MAX_STARTUP_BYTES = 10_000;
/** Password and SASL messages, before the client is known. */
export const MAX_AUTHENTICATION_BYTES = 65_535;
/** Everything after: a statement, its parameters. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

export class MessageFramer {
  /** Startup packets carry no type byte. */
  typed = false;
  /** The longest message accepted now, length word included. */
  limit = MAX_STARTUP_BYTES;
  #pending: Buffer[] = [];
  #length = 0;

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#pending.push(chunk);
    this.#length += chunk.length;
  }

  /** Bytes that have come but belong to no message yet. */
  get buffered(): number {
    return this.#length;
  }

  /**
   * The next complete message; undefined while it is incomplete.
   * @throws ProtocolViolation on a length that is impossible or over the limit: the stream cannot be trusted after it.
   */
  next(): Frame | undefined {
    const head = this.typed ? 5 : 4;
    if (this.#length < head) return undefined;
    const start = this.#peek(head);
    const declared = start.readUInt32BE(head - 4);
    if (declared < (this.typed ? 4 : 8)) throw new ProtocolViolation('invalid message length');
    if (declared > this.limit) {
      throw new ProtocolViolation(
        `a message of ${declared} bytes is longer than the ${this.limit} accepted here`,
        '54000',
      );
    }
    const total = declared + head - 4;
    if (this.#length < total) return undefined;
    const message = this.#peek(total).subarray(0, total);
    this.#drop(total);
    return { type: this.typed ? String.fromCharCode(message[0]!) : '', body: message.subarray(head) };
  }

  /** What came after the last message: where TLS begins there must be nothing (CVE-2021-23214). */
  takeRest(): Buffer {
    const rest = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#length = 0;
    return rest;
  }

  /** A buffer that holds at least the first `count` bytes; joins chunks only when a message is complete. */
  #peek(count: number): Buffer {
    if (this.#pending[0]!.length < count) {
      if (count <= 5) return Buffer.concat(this.#pending.slice(0, 5), Math.min(count, this.#length));
      this.#pending = [Buffer.concat(this.#pending, this.#length)];
    }
    return this.#pending[0]!;
  }

  #drop(count: number): void {
    const first = this.#pending[0]!;
    this.#length -= count;
    if (first.length === count) this.#pending.shift();
    else this.#pending[0] = first.subarray(count);
  }
}
