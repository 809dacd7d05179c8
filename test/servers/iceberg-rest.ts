/** An Iceberg REST catalog for tests: configuration with a prefix, pages of one table, bearer tokens. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export async function startIcebergRest(
  token: string,
  namespace: string,
  tables: Readonly<Record<string, { readonly metadata: string; readonly location: string }>>,
): Promise<{ readonly url: string } & AsyncDisposable> {
  const names = Object.keys(tables);
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://localhost');
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (request.headers.authorization !== `Bearer ${token}`) return answer(401, { error: { message: 'who are you?' } });
    const base = `/v1/p/namespaces/${namespace}/tables`;
    if (url.pathname === '/v1/config') return answer(200, { defaults: {}, overrides: { prefix: 'p' } });
    if (url.pathname === base) {
      const at = Number(url.searchParams.get('pageToken') ?? 0);
      return answer(200, {
        identifiers: names.slice(at, at + 1).map((name) => ({ namespace: [namespace], name })),
        'next-page-token': at + 1 < names.length ? String(at + 1) : null,
      });
    }
    const table = tables[url.pathname.slice(base.length + 1)];
    if (table === undefined) return answer(404, { error: { message: 'no such table' } });
    answer(200, { 'metadata-location': table.metadata, metadata: { location: table.location } });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
