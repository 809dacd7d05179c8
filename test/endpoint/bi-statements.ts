/**
 * What BI tools ask a PostgreSQL before they show its tables, in our words: each statement uses the catalog as the tool named
 * beside it does. Their answers must be those of a real PostgreSQL with the same tables, in the schema `berlin`.
 */
export interface BiStatement {
  readonly tool: string;
  readonly asks: string;
  readonly text: string;
}

const RELATIONS = `pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`;
const KEYS = `pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`;

export const BI_STATEMENTS: readonly BiStatement[] = [
  {
    tool: 'Metabase',
    asks: 'tables, their kinds and row estimates',
    text: `SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind, obj_description(c.oid, 'pg_class') AS remark,
      s.n_live_tup > 0 AS has_rows FROM ${RELATIONS} LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
      WHERE n.nspname = 'berlin' AND c.relkind IN ('r', 'p', 'v', 'f', 'm') ORDER BY 1, 2`,
  },
  {
    tool: 'Metabase',
    asks: 'whether anything may be read',
    text: `SELECT c.relname, has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT') AS may_read
      FROM ${RELATIONS} WHERE n.nspname = 'berlin' AND c.relkind = 'r' ORDER BY 1`,
  },
  {
    tool: 'Metabase',
    asks: 'columns with their types, keys and comments',
    text: `SELECT c.relname, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
      col_description(c.oid, a.attnum) AS remark,
      EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)) AS pk
      FROM pg_attribute a JOIN ${RELATIONS} ON a.attrelid = c.oid
      WHERE n.nspname = 'berlin' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, 3`,
  },
  {
    tool: 'Power BI',
    asks: 'the navigator: tables and views outside the system schemas',
    text: `SELECT table_schema, table_name, table_type FROM information_schema.tables
      WHERE table_schema NOT IN ('information_schema', 'pg_catalog') AND table_schema = 'berlin' ORDER BY 1, 2`,
  },
  {
    tool: 'Power BI',
    asks: 'related tables, through foreign keys',
    text: `SELECT k.conname, c.relname, (SELECT relname FROM pg_class WHERE oid = k.confrelid) AS target, k.conkey, k.confkey
      FROM ${KEYS} WHERE k.contype = 'f' AND n.nspname = 'berlin' ORDER BY 1`,
  },
  {
    tool: 'Power BI',
    asks: 'types by number, as Npgsql loads them',
    text: `SELECT n.nspname, t.oid, t.typname, t.typtype::text, t.typnotnull, t.typelem FROM pg_type t
      JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = 'pg_catalog' AND t.typtype IN ('b', 'r', 'm')
      AND t.typname !~ '^pg_|^_pg_' AND t.oid < 10000 ORDER BY t.oid`,
  },
  {
    tool: 'Tableau',
    asks: 'columns by the standard',
    text: `SELECT table_name, column_name, ordinal_position, is_nullable, data_type, character_maximum_length,
      numeric_precision, numeric_scale, datetime_precision, udt_name FROM information_schema.columns
      WHERE table_schema = 'berlin' ORDER BY table_name, ordinal_position`,
  },
  {
    tool: 'Tableau',
    asks: 'keys by the standard',
    text: `SELECT c.constraint_type, k.table_name, k.column_name, k.ordinal_position FROM information_schema.table_constraints c
      JOIN information_schema.key_column_usage k USING (constraint_schema, constraint_name)
      WHERE c.table_schema = 'berlin' AND c.constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY') ORDER BY 1, 2, 4`,
  },
  {
    tool: 'Grafana',
    asks: 'tables in the search path',
    text: `SELECT CASE WHEN n.nspname = ANY (current_schemas(false)) THEN quote_ident(c.relname)
      ELSE quote_ident(n.nspname) || '.' || quote_ident(c.relname) END AS "table" FROM ${RELATIONS}
      WHERE n.nspname = 'berlin' AND c.relkind IN ('r', 'v') ORDER BY 1`,
  },
  {
    tool: 'Grafana',
    asks: 'columns that can be a time',
    text: `SELECT quote_ident(column_name) AS "column", data_type FROM information_schema.columns
      WHERE table_schema || '.' || table_name = 'berlin.readings' AND data_type IN ('timestamp without time zone',
      'timestamp with time zone', 'bigint', 'integer', 'double precision', 'real') ORDER BY 1`,
  },
  {
    tool: 'Grafana',
    asks: 'the version, and whether TimescaleDB is there',
    text: `SELECT current_setting('server_version_num')::int / 100 >= 906 AS recent,
      (SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb') AS timescale`,
  },
  {
    tool: 'Superset',
    asks: 'whether a table is there',
    text: `SELECT c.relname FROM ${RELATIONS} WHERE n.nspname = 'berlin' AND c.relname = 'readings'`,
  },
  {
    tool: 'Superset',
    asks: 'indexes with their columns',
    text: `SELECT i.relname, x.indisunique, a.attname, x.indkey::text, m.amname, x.indnkeyatts FROM pg_class t
      JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am m ON m.oid = i.relam
      LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (x.indkey)
      WHERE t.oid = 'berlin.meters'::regclass ORDER BY 1`,
  },
  {
    tool: 'DBeaver',
    asks: 'schemas with owners and comments',
    text: `SELECT n.nspname, obj_description(n.oid, 'pg_namespace') IS NOT NULL AS has_remark FROM pg_catalog.pg_namespace n
      WHERE n.nspname = 'berlin'`,
  },
  {
    tool: 'DBeaver',
    asks: 'constraints as text',
    text: `SELECT k.contype::text, c.relname, pg_get_constraintdef(k.oid) AS text FROM ${KEYS}
      WHERE n.nspname = 'berlin' AND k.contype IN ('p', 'f') ORDER BY 1, 2, 3`,
  },
  {
    tool: 'DBeaver',
    asks: 'relations with sizes, persistence and partitions',
    text: `SELECT c.relname, c.relpersistence::text, c.relispartition, c.relhasindex, c.relrowsecurity FROM ${RELATIONS}
      WHERE n.nspname = 'berlin' AND c.relkind NOT IN ('i', 'I', 'c') ORDER BY 1`,
  },
  {
    tool: 'DBeaver',
    asks: 'what it may show of the server',
    text: `SELECT current_schema(), current_setting('standard_conforming_strings'), current_setting('client_encoding'),
      pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()`,
  },
  {
    tool: 'Looker',
    asks: 'whether it sees itself at work',
    text: `SELECT count(*) > 0 AS seen FROM pg_stat_activity WHERE pid = pg_backend_pid()`,
  },
];

/** What charts ask: of rows, not of the catalog. */
export const CHARTS: readonly BiStatement[] = [
  {
    tool: 'Superset',
    asks: 'a line per group over time',
    text: `SELECT DATE_TRUNC('DAY', ts) AS ts, meter_id, AVG(mw) AS "AVG(mw)" FROM berlin.readings
      GROUP BY DATE_TRUNC('DAY', ts), meter_id ORDER BY 1, 2 LIMIT 10000`,
  },
  {
    tool: 'Metabase',
    asks: 'a count by month',
    text: `SELECT DATE_TRUNC('month', "berlin"."readings"."ts") AS "ts", COUNT(*) AS "count" FROM "berlin"."readings"
      GROUP BY DATE_TRUNC('month', "berlin"."readings"."ts") ORDER BY DATE_TRUNC('month', "berlin"."readings"."ts") ASC`,
  },
  {
    tool: 'Grafana',
    asks: 'buckets of six hours',
    text: `SELECT floor(extract(epoch FROM ts) / 21600) * 21600 AS "time", avg(mw) AS "mw" FROM berlin.readings
      WHERE ts BETWEEN '2024-01-02T00:00:00Z' AND '2024-01-05T00:00:00Z' GROUP BY 1 ORDER BY 1`,
  },
  {
    tool: 'Tableau',
    asks: 'a sum per value of another table',
    text: `SELECT "meters"."city" AS "city", SUM("readings"."mw") AS "sum:mw:ok" FROM "berlin"."readings" "readings"
      INNER JOIN "berlin"."meters" "meters" ON ("readings"."meter_id" = "meters"."id") GROUP BY 1 ORDER BY 1`,
  },
  {
    tool: 'Power BI',
    asks: 'the first rows, columns renamed',
    text: `SELECT "_"."id" AS "id", "_"."city" AS "city" FROM (SELECT "id", "city" FROM "berlin"."meters") "_"
      WHERE "_"."id" >= 3 ORDER BY "_"."id" LIMIT 1000`,
  },
];
