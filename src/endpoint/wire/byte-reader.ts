/** Reads one message's body; every read is bounds-checked, because the bytes come from strangers. */
import { CONDITION, ProtocolViolation } from './conditions.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws ProtocolViolation (22021) when `bytes` are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new ProtocolViolation('invalid byte sequence for encoding "UTF8"', CONDITION.characterNotInRepertoire, {
      cause,
    });
  }
}

export class ByteReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#advance(1));
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#advance(2));
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#advance(4));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#advance(4));
  }

  /** A zero-terminated string. */
  cstring(): string {
    const end = this.#bytes.indexOf(0, this.#offset);
    if (end < 0) throw new ProtocolViolation('invalid string in message: no terminator');
    const text = decodeUtf8(this.#bytes.subarray(this.#offset, end));
    this.#offset = end + 1;
    return text;
  }

  bytes(length: number): Buffer {
    if (length < 0) throw new ProtocolViolation('invalid length in message');
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  rest(): Buffer {
    return this.bytes(this.remaining);
  }

  /** @throws ProtocolViolation when the message is longer than what it should hold. */
  end(): void {
    if (this.remaining > 0) throw new ProtocolViolation('invalid message format: bytes after its end');
  }

  #advance(length: number): number {
    const start = this.#offset;
    if (length > this.#bytes.length - start) throw new ProtocolViolation('insufficient data left in message');
    this.#offset = start + length;
    return start;
  }
}
