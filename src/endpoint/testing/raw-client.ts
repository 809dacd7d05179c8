/** A client that says exactly what a test tells it to, right or wrong. */
import { connect, type Socket } from 'node:net';
import { type BackendMessage, readErrorFields } from '../oracle/messages.ts';
import { MessageWriter } from '../wire/message-writer.ts';

export class RawClient implements AsyncDisposable {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #closed = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1');
    const client = new RawClient(socket);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return client;
  }

  /** Connects and gets through startup. */
  static async session(
    port: number,
    minor = 0,
    parameters: Record<string, string> = { user: 'eva' },
  ): Promise<RawClient> {
    const client = await RawClient.connect(port);
    client.startup(minor, parameters);
    await client.until('Z');
    return client;
  }

  startup(minor: number, parameters: Record<string, string>): void {
    const body = new MessageWriter().int32((3 << 16) | minor);
    for (const [name, value] of Object.entries(parameters)) body.cstring(name).cstring(value);
    const bytes = body.byte(0).take();
    this.socket.write(
      new MessageWriter()
        .int32(bytes.length + 4)
        .bytes(bytes)
        .take(),
    );
  }

  /** Messages built by `build`, in one write. */
  send(build: (writer: MessageWriter) => unknown): void {
    const writer = new MessageWriter();
    build(writer);
    this.socket.write(writer.take());
  }

  /** The next `count` bytes. */
  async bytes(count: number): Promise<Buffer> {
    while (this.#received.length < count && !this.#closed) await this.#more();
    const bytes = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return bytes;
  }

  /** Messages up to the first of `type`, which comes last; fewer when the server closes. */
  async until(type: string): Promise<BackendMessage[]> {
    const messages: BackendMessage[] = [];
    for (;;) {
      const message = this.#take();
      if (message !== undefined) {
        messages.push(message);
        if (message.type === type) return messages;
      } else if (this.#closed) return messages;
      else await this.#more();
    }
  }

  #take(): BackendMessage | undefined {
    if (this.#received.length < 5) return undefined;
    const end = 1 + this.#received.readInt32BE(1);
    if (this.#received.length < end) return undefined;
    const raw = this.#received.subarray(0, end);
    this.#received = this.#received.subarray(end);
    return { type: String.fromCharCode(raw[0]!), body: raw.subarray(5), raw };
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
  }
}

/** Types of messages, in order, as one word. */
export const typesOf = (messages: readonly BackendMessage[]): string => messages.map(({ type }) => type).join('');

/** SQLSTATE of the first error among `messages`. */
export function sqlstateOf(messages: readonly BackendMessage[]): string | undefined {
  const error = messages.find(({ type }) => type === 'E');
  return error === undefined ? undefined : readErrorFields(error.body).get('C');
}
