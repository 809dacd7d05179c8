/** A test server as a place for the connectors' test kit. */
import type { ProbeTable } from '../../../connectors/conformance-probes.ts';
import { dialectIdentifier } from '../../../connectors/quoting.ts';
import { snowflakeDialect } from '../../../connectors/snowflake/capabilities.ts';
import { writtenType } from '../../../connectors/snowflake/types.ts';
import { cuttingProxy } from '../cutting-proxy.ts';
import { toDuckdb } from './dialect.ts';
import { type SnowflakeServerOptions, type SnowflakeTestServer, startSnowflake } from './server.ts';

/** Options of a silo at the server, for the user that is there by default. */
export const siloOptions = (url: string) => ({
  account: 'test',
  url,
  user: 'ann',
  password: 'secret',
  database: 'TEST',
});

export async function snowflakePlace(options: SnowflakeServerOptions = {}) {
  const server = await startSnowflake(options);
  return {
    server,
    options: siloOptions(server.url),
    load: (tables: readonly ProbeTable[]) => loadProbes(server, tables),
    slow: 'SELECT count(*) FROM range(100000000) AS a(x), range(100000) AS b(y) WHERE x * y % 7 = 3',
    busy: async () => server.running(),
    async cutAfter(bytes: number) {
      const proxy = await cuttingProxy('127.0.0.1', server.port, bytes);
      return {
        options: siloOptions(`http://127.0.0.1:${proxy.port}`),
        [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
      };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** The tables under their names as Snowflake has them, in its types. */
export async function loadProbes({ sql }: SnowflakeTestServer, tables: readonly ProbeTable[]): Promise<void> {
  const identifier = (name: string) => dialectIdentifier(name, snowflakeDialect);
  for (const { name, columns, rows } of tables) {
    // A number without a scale is none in Snowflake.
    const types = columns.map(({ type }) =>
      type.kind === 'numeric' && type.precision === undefined ? 'NUMBER(38, 10)' : writtenType(type),
    );
    const definitions = columns.map((column, i) => `${identifier(column.name)} ${types[i]}`);
    await sql.run(toDuckdb(`CREATE TABLE ${identifier(name)} (${definitions.join(', ')})`));
    for (let at = 0; at < rows.length; at += 5000) {
      const values = rows.slice(at, at + 5000).map((row) => {
        const literals = row.map((text, i) => {
          if (text === null) return 'NULL';
          const quoted = `'${text.replaceAll("'", "''")}'`;
          return types[i] === 'BINARY' ? `unhex('${text.slice(2)}')` : quoted;
        });
        return `(${literals.join(', ')})`;
      });
      await sql.run(`INSERT INTO ${identifier(name)} VALUES ${values.join(', ')}`);
    }
  }
}
