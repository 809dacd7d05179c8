import { once } from 'node:events';
import { createServer } from 'node:http';
import { cuttingProxy } from '../../test/servers/cutting-proxy.ts';
import { conformance } from '../conformance.ts';
import type { ProbeTable } from '../conformance-probes.ts';
import { rest } from './connector.ts';

const PAGE = 5000;

conformance({
  connector: rest,
  skip: { cancel: '(a resource has no slow statement)', write: '(resources are only read)' },
  open: async () => {
    const tables = new Map<string, ProbeTable>();
    const server = createServer((request, response) => {
      const url = new URL(request.url!, 'http://localhost');
      const table = tables.get(decodeURIComponent(url.pathname.slice(1)));
      if (table === undefined) return void response.writeHead(404).end();
      const from = Number(url.searchParams.get('from') ?? 0);
      const rows = table.rows.slice(from, from + PAGE).map((row) => {
        const entries = table.columns.map(({ name, type }, i) => [name, jsonValue(row[i]!, type.kind)]);
        return Object.fromEntries(entries);
      });
      const next = from + PAGE < table.rows.length ? `?from=${from + PAGE}` : null;
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ data: rows, next }));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    const described: Record<string, unknown> = {};
    const options = (port: number) => ({ url: `http://127.0.0.1:${port}`, tables: JSON.stringify(described) });
    return {
      get options() {
        return options(address.port);
      },
      async load(probes) {
        for (const probe of probes) {
          tables.set(probe.name, probe);
          const columns = Object.fromEntries(probe.columns.map(({ name, type }) => [name, type.kind]));
          described[probe.name] = { path: encodeURIComponent(probe.name), columns, rows: 'data', next: 'next' };
        }
      },
      async cutAfter(bytes) {
        const proxy = await cuttingProxy('127.0.0.1', address.port, bytes);
        return { options: options(proxy.port), [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose]() };
      },
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        server.close();
      },
    };
  },
});

/** Numbers as JSON numbers where they keep their value, everything else as text. */
function jsonValue(text: string | null, kind: string): unknown {
  if (text === null) return null;
  if (kind === 'boolean') return text === 't';
  if (kind === 'json') return JSON.parse(text);
  return kind === 'integer' || kind === 'smallint' || kind === 'double' ? Number(text) : text;
}
