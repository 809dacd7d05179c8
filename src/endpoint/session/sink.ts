/** Where messages go. Rows are written in pieces; between pieces the writer waits until the client has taken them. */
import type { Writable } from 'node:stream';
import { canceled } from '../../plan/errors.ts';
import { MessageWriter } from '../wire/message-writer.ts';

/** A piece: large enough for few system calls, small enough for a first page at once. */
const PIECE_BYTES = 64 * 1024;
/** Bytes that may wait for the client. */
const MOST_WAITING_BYTES = 2 * PIECE_BYTES;

export interface Sink {
  readonly writer: MessageWriter;
  /** Hands over what has been written once it is a piece. Resolves when there is room for more. */
  drain(): Promise<void>;
}

/** To a client. */
export class SocketSink implements Sink {
  readonly writer = new MessageWriter();
  #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** TLS has begun: from here on this stream takes the bytes. */
  replaceStream(stream: Writable): void {
    this.#stream = stream;
  }

  drain(): Promise<void> {
    return this.writer.offset < PIECE_BYTES ? Promise.resolve() : this.#send();
  }

  /** Hands over everything. @throws CausewayError 57014 when the client is gone */
  async flush(): Promise<void> {
    await this.#send();
    this.writer.shrink();
  }

  async #send(): Promise<void> {
    if (this.writer.offset === 0) return;
    const stream = this.#stream;
    if (stream.destroyed) throw canceled('the client is gone');
    const piece = this.writer.take();
    const taken = stream.write(piece, () => this.writer.reuse(piece));
    // The next piece is made while the last one is on its way.
    if (taken || stream.writableLength < MOST_WAITING_BYTES) return;
    await new Promise<void>((resolve, reject) => {
      const onDrain = () => {
        stream.off('close', onClose);
        resolve();
      };
      const onClose = () => {
        stream.off('drain', onDrain);
        reject(canceled('the client is gone'));
      };
      stream.once('drain', onDrain);
      stream.once('close', onClose);
    });
  }
}

/** Keeps every message apart: rows of a scrollable cursor. */
export class CollectingSink implements Sink {
  readonly writer = new MessageWriter();
  readonly rows: Buffer[] = [];
  bytes = 0;

  async drain(): Promise<void> {
    const written = this.writer.take();
    this.bytes += written.length;
    for (let at = 0; at < written.length; ) {
      const end = at + 1 + written.readInt32BE(at + 1);
      if (written[at] === 0x44) this.rows.push(written.subarray(at, end));
      at = end;
    }
  }
}

/** Rows that are passed over: MOVE. */
export class DiscardingSink implements Sink {
  readonly writer = new MessageWriter();

  async drain(): Promise<void> {
    this.writer.offset = 0;
  }
}
