/** A TCP proxy that passes bytes on to a server and breaks the connection after so many bytes from it. */
import { connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy extends AsyncDisposable {
  readonly port: number;
}

/** Listens on a free port of the loopback address. Each connection is cut after `bytes` bytes towards the client. */
export async function cuttingProxy(host: string, port: number, bytes: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect(port, host);
    let left = bytes;
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        server.destroy();
      });
    }
    client.pipe(server);
    server.on('data', (data) => {
      const passed = data.subarray(0, left);
      left -= passed.length;
      client.write(passed, () => {
        if (left === 0) client.resetAndDestroy();
      });
    });
  });
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => proxy.close(done));
    },
  };
}
