/**
 * Rows over a connection of `pg`, as the buffers that came over the wire, cut at message borders: of COPY … TO STDOUT, and
 * of prepared statements. A row of binary COPY and a DataRow with binary values are the same bytes.
 *
 * `pg` gives every row its own buffer; at a million rows a second that costs more than decoding them. So the socket is
 * read here until the server says that the rows are over, and given back then.
 */
import type { Duplex } from 'node:stream';
import type { ClientBase, Connection, Submittable } from 'pg';

/** Message types of the protocol (PostgreSQL documentation, "Message Formats"). */
const COPY_DATA = 0x64; // d
const DATA_ROW = 0x44; // D
const COPY_OUT_RESPONSE = 0x48; // H
const NOTICE = 0x4e; // N
const PARAMETER_STATUS = 0x53; // S
const NOTIFICATION = 0x41; // A
const PARSE_COMPLETE = 0x31; // 1
const BIND_COMPLETE = 0x32; // 2
const CLOSE_COMPLETE = 0x33; // 3
const HEADER_BYTES = 5;

/** The socket is paused while so many bytes wait for the consumer. */
const HIGH_WATER_BYTES = 4 * 1024 * 1024;

/**
 * Runs the COPY `text` and yields buffers that hold whole CopyData messages (type, length, row) and nothing else. The
 * backend sends one row per message.
 * @throws what `pg` reports: the server's error, or a lost connection.
 */
export function copyOut(client: ClientBase, text: string): AsyncIterable<Buffer> {
  return client.query(new RowMessages(COPY_DATA, (connection) => connection.query(text)));
}

/** A statement that the server keeps, by the name it has there. */
export interface PreparedStatement {
  readonly name: string;
  /** Its text where the server does not have it yet. */
  readonly text: string | undefined;
  /** Names of others that the server may forget; it need not have them. */
  readonly forget: readonly string[];
}

/** What of the connection of `pg` is used: all of it writes one message of the protocol. */
type Messages = Connection & {
  readonly stream: Duplex;
  parse(message: { readonly name: string; readonly text: string }): void;
  bind(message: {
    readonly statement: string;
    readonly values: readonly (string | null)[];
    readonly binary: true;
  }): void;
  execute(message: object): void;
  close(message: { readonly type: 'S'; readonly name: string }): void;
  sync(): void;
};

/**
 * Runs a prepared statement with the text forms of its parameters and yields buffers that hold whole DataRow messages,
 * their values in binary, and nothing else.
 * @throws what `pg` reports: the server's error, or a lost connection.
 */
export function preparedRows(
  client: ClientBase,
  { name, text, forget }: PreparedStatement,
  values: readonly (string | null)[],
): AsyncIterable<Buffer> {
  const start = (connection: Messages): void => {
    connection.stream.cork();
    for (const other of forget) connection.close({ type: 'S', name: other });
    if (text !== undefined) connection.parse({ name, text });
    connection.bind({ statement: name, values, binary: true });
    connection.execute({});
    connection.sync();
    connection.stream.uncork();
  };
  return client.query(new RowMessages(DATA_ROW, start));
}

class RowMessages implements Submittable, AsyncIterable<Buffer> {
  readonly #rowType: number;
  readonly #start: (connection: Messages) => void;
  #stream: Duplex | undefined;
  /** What `pg` had listen to the socket. */
  #handler: ((bytes: Buffer) => void) | undefined;
  #carry: Buffer | undefined;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #finished = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(rowType: number, start: (connection: Messages) => void) {
    this.#rowType = rowType;
    this.#start = start;
  }

  submit(connection: Connection): void {
    const { stream } = connection as Messages;
    const [handler] = stream.listeners('data') as ((bytes: Buffer) => void)[];
    this.#stream = stream;
    this.#handler = handler;
    stream.removeListener('data', handler!);
    stream.on('data', this.#read);
    this.#start(connection as Messages);
  }

  readonly #read = (bytes: Buffer): void => {
    const rest = this.#carry === undefined ? bytes : this.#completeCarry(this.#carry, bytes);
    if (rest !== undefined) this.#cut(rest);
  };

  /** Finishes the message that the last bytes began, without copying all that follows; what follows, if it is whole. */
  #completeCarry(carry: Buffer, bytes: Buffer): Buffer | undefined {
    let begun = carry;
    let used = 0;
    if (begun.length < HEADER_BYTES) {
      used = Math.min(HEADER_BYTES - begun.length, bytes.length);
      begun = Buffer.concat([begun, bytes.subarray(0, used)]);
    }
    const missing = begun.length < HEADER_BYTES ? Number.POSITIVE_INFINITY : 1 + begun.readInt32BE(1) - begun.length;
    if (missing > bytes.length - used) {
      this.#carry = Buffer.concat([begun, bytes.subarray(used)]);
      return undefined;
    }
    const message = Buffer.concat([begun, bytes.subarray(used, used + missing)]);
    this.#carry = undefined;
    const rest = bytes.subarray(used + missing);
    if (message[0] === this.#rowType) {
      this.#give(message);
      return rest;
    }
    // Rare: `pg` may have to take over in the middle.
    return Buffer.concat([message, rest]);
  }

  /** Gives on the whole messages of `buffer`, and keeps the rest for later. */
  #cut(buffer: Buffer): void {
    const rowType = this.#rowType;
    let start = 0;
    let at = 0;
    while (at + HEADER_BYTES <= buffer.length) {
      const type = buffer[at]!;
      const next = at + 1 + buffer.readInt32BE(at + 1);
      if (type !== rowType) {
        this.#give(buffer.subarray(start, at));
        if (!SKIPPED.has(type)) {
          this.#handBack(buffer.subarray(at));
          return;
        }
        start = next;
      }
      if (next > buffer.length) break;
      at = next;
    }
    this.#give(buffer.subarray(Math.min(start, at), at));
    if (at < buffer.length) this.#carry = buffer.subarray(at);
  }

  #give(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > HIGH_WATER_BYTES) this.#stream?.pause();
    this.#wake?.();
  }

  /** The rows are over, or the statement failed: `pg` goes on with the rest. */
  #handBack(rest: Buffer): void {
    this.#stream!.removeListener('data', this.#read);
    this.#stream!.on('data', this.#handler!);
    this.#handler!(rest);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const bytes = this.#waiting.shift();
      if (bytes !== undefined) {
        this.#waitingBytes -= bytes.length;
        if (this.#waitingBytes === 0) this.#stream?.resume();
        yield bytes;
      } else if (this.#error !== undefined) {
        throw this.#error;
      } else if (this.#finished) {
        return;
      } else {
        await new Promise<void>((wake) => {
          this.#wake = wake;
        });
      }
    }
  }

  // What `pg` calls on the query it believes to be running.
  handleError(error: Error): void {
    this.#error = error;
    this.#wake?.();
  }
  handleReadyForQuery(): void {
    this.#finished = true;
    this.#wake?.();
  }
  handleCommandComplete(): void {}
  handleRowDescription(): void {}
  handleCopyData(): void {}
}

const SKIPPED: ReadonlySet<number> = new Set([
  COPY_OUT_RESPONSE,
  NOTICE,
  PARAMETER_STATUS,
  NOTIFICATION,
  PARSE_COMPLETE,
  BIND_COMPLETE,
  CLOSE_COMPLETE,
]);
