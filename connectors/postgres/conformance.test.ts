import { inject } from 'vitest';
import { cuttingProxy } from '../../test/servers/cutting-proxy.ts';
import { loadTables, testDatabase } from '../../test/servers/postgres.ts';
import { conformance } from '../conformance.ts';
import { postgres } from './connector.ts';

conformance({
  connector: postgres,
  open: async () => {
    const server = inject('postgres');
    const database = await testDatabase(server);
    const { client } = database;
    const options = { host: server.host, user: server.user, password: server.password, database: database.database };
    return {
      options: { ...options, port: String(server.port) },
      load: (tables) => loadTables(client, tables),
      slow: 'SELECT count(*) FROM generate_series(1, 10000000) a, generate_series(1, 10000000) b',
      async busy() {
        const { rows } = await client.query<{ n: number }>(
          `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
             AND application_name = 'causeway'`,
        );
        return rows[0]!.n;
      },
      async cutAfter(bytes) {
        const proxy = await cuttingProxy(server.host, server.port, bytes);
        return {
          options: { ...options, port: String(proxy.port) },
          [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
        };
      },
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    };
  },
});
