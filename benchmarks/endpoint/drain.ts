/** Reads a whole result as bytes, in binary or text format: the client costs nothing, the server's pace shows. */
import pg from 'pg';

export interface Drained {
  readonly rows: number;
  readonly bytes: number;
  /** Milliseconds to the first row, and to the last. */
  readonly first: number;
  readonly total: number;
}

interface RawConnection {
  readonly stream: NodeJS.ReadableStream;
  parse(message: { text: string }): void;
  bind(message: { binary: boolean }): void;
  describe(message: { type: 'P' }): void;
  execute(message: { rows?: number }): void;
  sync(): void;
  removeAllListeners(event: string): void;
}

/** @param onChunk called with the bytes so far */
export async function drain(
  config: pg.ClientConfig,
  text: string,
  binary: boolean,
  onChunk: (bytes: number) => void = () => {},
): Promise<Drained> {
  const client = new pg.Client(config);
  // It is cut off at the end, which it would call an error.
  client.on('error', () => {});
  await client.connect();
  const { connection } = client as unknown as { connection: RawConnection };
  const began = performance.now();
  let bytes = 0;
  let first = 0;
  let tail = Buffer.alloc(0);
  const finished = new Promise<string>((resolve, reject) => {
    connection.stream.removeAllListeners('data');
    connection.stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      tail = Buffer.concat([tail.subarray(-200), chunk.subarray(-200)]);
      if (first === 0 && chunk.includes(0x44)) first = performance.now() - began;
      onChunk(bytes);
      // CommandComplete and ReadyForQuery stand at the very end.
      const end = tail.subarray(-6).toString('latin1') === 'Z\0\0\0\x05I';
      if (!end) return;
      const tag = /SELECT (\d+)\0Z/.exec(tail.toString('latin1'))?.[1];
      if (tag === undefined) reject(new Error(tail.toString('latin1')));
      else resolve(tag);
    });
  });
  connection.parse({ text });
  connection.bind({ binary });
  connection.describe({ type: 'P' });
  connection.execute({});
  connection.sync();
  const rows = Number(await finished);
  const total = performance.now() - began;
  (connection.stream as unknown as { destroy(): void }).destroy();
  return { rows, bytes, first, total };
}
