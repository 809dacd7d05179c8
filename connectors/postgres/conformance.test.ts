import { inject } from 'vitest';
import { typeName } from '../../src/plan/types.ts';
import { cuttingProxy } from '../../test/cutting-proxy.ts';
import { testDatabase } from '../../test/postgres.ts';
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
      async load(tables) {
        for (const { name, columns, rows } of tables) {
          const table = client.escapeIdentifier(name);
          const types = columns.map(({ type }) => typeName(type));
          const definitions = columns.map((column, i) => `${client.escapeIdentifier(column.name)} ${types[i]}`);
          await client.query(`CREATE TABLE ${table} (${definitions.join(', ')})`);
          const values = columns.map((_, i) => `v.a[${i + 1}]::${types[i]}`);
          // One JSON array a row: an array of arrays cannot hold rows of arrays.
          const text = `INSERT INTO ${table} SELECT ${values.join(', ')} FROM json_array_elements($1::json) AS j(r),
            LATERAL (SELECT array_agg(x ORDER BY i) AS a FROM json_array_elements_text(r) WITH ORDINALITY AS e(x, i)) AS v`;
          await client.query(text, [JSON.stringify(rows)]);
        }
      },
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
