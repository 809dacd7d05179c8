/**
 * A Storage Read API test server in a process of its own, with one big table; prints its address. `node … [rows]`
 * Its answers are encoded once and kept: nothing but their sending is left when they are read again.
 */
import { startStorageServer } from '../../test/servers/bigquery/storage-server.ts';
import { WarehouseSql } from '../../test/servers/warehouse/duckdb-sql.ts';
import { salesRows } from './sales.ts';

const rows = Number(process.argv[2] ?? 1_000_000);
const sql = await WarehouseSql.open([
  // Whole numbers are INT64 in BigQuery.
  `CREATE TABLE sales AS SELECT * REPLACE (id::BIGINT AS id, customer::BIGINT AS customer) FROM (${salesRows(rows)})`,
]);
const server = await startStorageServer(
  { sql, select: async () => 'SELECT * FROM sales' },
  { batchRows: 10_000, remember: true },
);
process.send?.(server.endpoint);
