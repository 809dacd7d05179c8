/** A Snowflake test server in a process of its own, with one big table; prints its address. `node … [rows]` */
import { startSnowflake } from '../../test/servers/snowflake/server.ts';
import { SALES_COLUMNS, salesRows } from './sales.ts';

const rows = Number(process.argv[2] ?? 1_000_000);
const server = await startSnowflake({ sizes: { inline: 1000, chunk: 50_000 } });
const names = SALES_COLUMNS.map(({ name }) => `${name} AS "${name.toUpperCase()}"`);
await server.sql.run(`CREATE TABLE "SALES" AS SELECT ${names.join(', ')} FROM (${salesRows(rows)})`);
process.send?.(server.url);
