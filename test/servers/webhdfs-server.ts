/**
 * A WebHDFS server for tests: a name node and a data node on two ports, with the redirects, listings in batches and
 * error answers of the real ones. Files live in memory.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface WebHdfsTestServer extends AsyncDisposable {
  readonly endpoint: string;
  /** Absolute path → content. */
  readonly files: Map<string, { body: Buffer; id: number; time: number }>;
  readonly log: { readonly node: 'name' | 'data'; readonly op: string; readonly path: string }[];
  /** What happens instead of an answer, or to it. */
  fault: (op: string, path: string) => { status: number } | { truncate: number } | undefined;
  /** The host that redirects name. */
  redirectHost: string;
  put(path: string, body: Uint8Array | string): void;
}

class RemoteException extends Error {
  readonly status: number;
  readonly exception: string;
  constructor(status: number, exception: string, message: string) {
    super(message);
    this.status = status;
    this.exception = exception;
  }
}

/** `user` is the only one with rights; `page` the entries in one batch of a listing. */
export async function startWebHdfs({ user = 'ann', page = 3 } = {}): Promise<WebHdfsTestServer> {
  const files: WebHdfsTestServer['files'] = new Map();
  let nextId = 1;

  const missing = (path: string): RemoteException =>
    new RemoteException(404, 'FileNotFoundException', `File does not exist: ${path}`);
  const isDirectory = (path: string): boolean =>
    [...files.keys()].some((file) => file.startsWith(path === '/' ? '/' : `${path}/`));
  const statusOf = (path: string, pathSuffix: string) => {
    const file = files.get(path);
    if (file !== undefined)
      return { pathSuffix, type: 'FILE', length: file.body.length, modificationTime: file.time, fileId: file.id };
    if (isDirectory(path)) return { pathSuffix, type: 'DIRECTORY', length: 0, modificationTime: 0, fileId: 0 };
    throw missing(path);
  };

  function serve(
    node: 'name' | 'data',
    answer: (
      op: string,
      path: string,
      query: URLSearchParams,
      request: IncomingMessage,
      body: Buffer,
      response: ServerResponse,
    ) => void,
  ): Server {
    return createServer(async (request, response) => {
      const url = new URL(request.url!, 'http://localhost');
      const path = decodeURIComponent(url.pathname.replace(/^\/webhdfs\/v1/, '')).replace(/(.)\/$/, '$1');
      const op = url.searchParams.get('op') ?? '';
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      self.log.push({ node, op, path });
      try {
        const fault = self.fault(op, path);
        if (fault !== undefined && 'status' in fault)
          throw new RemoteException(fault.status, 'RetriableException', 'injected');
        if (url.searchParams.get('user.name') !== user)
          throw new RemoteException(403, 'AccessControlException', 'Permission denied');
        answer(op, path, url.searchParams, request, Buffer.concat(chunks), response);
      } catch (error) {
        const { status, exception, message } =
          error instanceof RemoteException ? error : new RemoteException(500, 'RuntimeException', String(error));
        json(response, { RemoteException: { exception, javaClassName: `java.${exception}`, message } }, status);
      }
    });
  }

  const nameNode = serve('name', (op, path, query, request, _, response) => {
    switch (`${request.method} ${op}`) {
      case 'GET GETFILESTATUS':
        return json(response, { FileStatus: statusOf(path, '') });
      case 'GET LISTSTATUS_BATCH': {
        if (!isDirectory(path)) throw missing(path);
        const base = path === '/' ? '/' : `${path}/`;
        const names = [
          ...new Set(
            [...files.keys()].filter((f) => f.startsWith(base)).map((f) => f.slice(base.length).split('/')[0]!),
          ),
        ].sort();
        const after = query.get('startAfter') ?? '';
        const rest = names.filter((name) => name > after);
        const FileStatus = rest.slice(0, page).map((name) => statusOf(base + name, name));
        return json(response, {
          DirectoryListing: {
            partialListing: { FileStatuses: { FileStatus } },
            remainingEntries: Math.max(0, rest.length - page),
          },
        });
      }
      case 'GET OPEN':
        if (!files.has(path)) throw missing(path);
        return redirect(request, response);
      case 'PUT CREATE':
        return redirect(request, response);
      case 'PUT RENAME': {
        const to = query.get('destination')!;
        const overwrite = query.get('renameoptions') === 'OVERWRITE';
        const file = files.get(path);
        if (file === undefined) throw missing(path);
        if (files.has(to) && !overwrite) return json(response, { boolean: false });
        files.delete(path);
        files.set(to, file);
        return overwrite ? void response.end() : json(response, { boolean: true });
      }
      case 'DELETE DELETE':
        return json(response, { boolean: files.delete(path) });
      default:
        throw new RemoteException(400, 'IllegalArgumentException', `${request.method} ${op}`);
    }
  });

  const dataNode = serve('data', (op, path, query, request, body, response) => {
    if (op === 'CREATE') {
      response.writeContinue(); // real data nodes say so without being asked
      self.put(path, body);
      response.writeHead(201).end();
      return;
    }
    const file = files.get(path);
    if (file === undefined) throw missing(path);
    const start = Number(query.get('offset') ?? 0);
    const part = file.body.subarray(start, start + Number(query.get('length') ?? file.body.length));
    const fault = self.fault('DATA', path);
    response.writeHead(200, { 'content-length': part.length });
    if (fault !== undefined && 'truncate' in fault)
      response.write(part.subarray(0, fault.truncate), () => request.socket.destroy());
    else response.end(part);
  });

  function redirect(request: IncomingMessage, response: ServerResponse): void {
    const { port } = dataNode.address() as AddressInfo;
    response
      .writeHead(307, {
        location: `http://${self.redirectHost}:${port}${request.url}&namenoderpcaddress=localhost:8020`,
      })
      .end();
  }

  const self: WebHdfsTestServer = {
    endpoint: '',
    files,
    log: [],
    fault: () => undefined,
    redirectHost: '127.0.0.1',
    put: (path, body) => void files.set(path, { body: Buffer.from(body), id: nextId++, time: Date.now() }),
    async [Symbol.asyncDispose]() {
      for (const server of [nameNode, dataNode]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
  for (const server of [nameNode, dataNode])
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(self, { endpoint: `http://127.0.0.1:${(nameNode.address() as AddressInfo).port}` });
}

function json(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
