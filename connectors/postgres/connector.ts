/** A PostgreSQL database as a silo. */
import type { Connector } from '../connector.ts';
import { checkOptions } from '../options.ts';
import { postgresCapabilities } from './capabilities.ts';
import { openPool } from './pool.ts';
import { PostgresSilo } from './silo.ts';

export const postgres: Connector = {
  kind: 'postgres',
  options: [
    { name: 'url', description: 'postgresql://user:password@host:port/database', secret: true },
    { name: 'host', description: 'server name or address; localhost when absent' },
    { name: 'port', description: 'server port; 5432 when absent' },
    { name: 'database', description: 'database name' },
    { name: 'user', description: 'role to connect as' },
    { name: 'password', description: "the role's password", secret: true },
    { name: 'schema', description: 'the schema to import; public when absent' },
    { name: 'ssl', description: 'require: encrypt; verify: encrypt and check the certificate; off when absent' },
    { name: 'connections', description: 'the most connections held at once; 8 when absent' },
    {
      name: 'prepared',
      description: 'off: no statement is kept prepared at the server, for a pooler in transaction mode between',
    },
  ],
  capabilities: postgresCapabilities,
  async connect(options, signal) {
    checkOptions(postgres, options);
    const pool = await openPool(options, signal);
    return new PostgresSilo(pool, options.schema ?? 'public', options.prepared !== 'off');
  },
};
