/** A Snowflake test server in a process of its own, with one big table; prints its address. `node … [rows]` */
import { startSnowflake } from '../../test/servers/snowflake/server.ts';

const rows = Number(process.argv[2] ?? 1_000_000);
const server = await startSnowflake({ sizes: { inline: 1000, chunk: 50_000 } });
// Numbers, texts, moments, NULLs: eight columns as they are in a table of sales.
await server.sql.run(`CREATE TABLE "SALES" AS SELECT
  CAST(i AS DECIMAL(18, 0)) AS "ID",
  CAST(i % 1000 AS DECIMAL(9, 0)) AS "CUSTOMER",
  CAST((i * 7919 % 1000000) / 100.0 AS DECIMAL(12, 2)) AS "AMOUNT",
  sin(i) AS "SCORE",
  CASE WHEN i % 10 = 0 THEN NULL ELSE 'note number ' || i END AS "NOTE",
  DATE '2020-01-01' + CAST(i % 1500 AS INTEGER) AS "DAY",
  TIMESTAMP '2020-01-01 00:00:00' + to_microseconds(i * 61000000) AS "TS",
  i % 3 = 0 AS "PAID"
  FROM range(${rows}) AS r(i)`);
process.send?.(server.url);
