/** Tables, columns, keys and comments from pg_catalog. */
import type { ClientBase } from 'pg';
import type { ColumnInfo, ForeignKey, TableInfo } from '../connector.ts';
import { typeFromCatalog } from './types.ts';

/**
 * One row per column, tables in order of their names. `base` is the type below a domain. A column of text compares as
 * `C` when its own collation does, or when it has the default one and the database does.
 */
const COLUMNS = `
  SELECT c.oid::text AS oid, c.relname AS "table", c.relkind AS kind, obj_description(c.oid, 'pg_class') AS comment,
    a.attname AS name, a.attnotnull AS "notNull", col_description(c.oid, a.attnum) AS "columnComment",
    a.attnum AS position, base.typname AS type,
    CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS modifier,
    CASE WHEN a.attcollation = 0 THEN NULL
      WHEN l.collname = 'default' THEN (SELECT datlocprovider = 'c' AND datcollate IN ('C', 'POSIX')
        OR to_jsonb(d)->>'datlocale' IN ('C', 'C.UTF-8') AND datlocprovider = 'b'
        FROM pg_database d WHERE datname = current_database())
      ELSE l.collname IN ('C', 'POSIX', 'ucs_basic', 'pg_c_utf8') END AS "collationIsC"
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  JOIN pg_type base ON base.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
  LEFT JOIN pg_collation l ON l.oid = a.attcollation
  WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
    AND has_table_privilege(c.oid, 'SELECT')
  ORDER BY c.relname, a.attnum`;

const KEYS = `
  SELECT k.conrelid::text AS oid, k.contype AS kind, k.confrelid::text AS target, fn.nspname AS schema, fc.relname AS "table",
    (SELECT array_agg(attname::text ORDER BY u.i) FROM unnest(k.conkey) WITH ORDINALITY u(n, i)
      JOIN pg_attribute ON attrelid = k.conrelid AND attnum = u.n) AS columns,
    (SELECT array_agg(attname::text ORDER BY u.i) FROM unnest(k.confkey) WITH ORDINALITY u(n, i)
      JOIN pg_attribute ON attrelid = k.confrelid AND attnum = u.n) AS "targetColumns"
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_class fc ON fc.oid = k.confrelid
  LEFT JOIN pg_namespace fn ON fn.oid = fc.relnamespace
  WHERE n.nspname = $1 AND k.contype IN ('p', 'f')`;

interface ColumnRow {
  oid: string;
  table: string;
  kind: string;
  comment: string | null;
  name: string;
  notNull: boolean;
  columnComment: string | null;
  type: string;
  modifier: number;
  collationIsC: boolean | null;
}

interface KeyRow {
  oid: string;
  kind: 'p' | 'f';
  schema: string;
  table: string;
  columns: string[];
  targetColumns: string[];
}

/** Every table and view of `schema` that the role may read. */
export async function readTables(client: ClientBase, schema: string): Promise<readonly TableInfo[]> {
  const { rows } = await client.query<ColumnRow>(COLUMNS, [schema]);
  const keys = (await client.query<KeyRow>(KEYS, [schema])).rows;
  const tables = Map.groupBy(rows, ({ oid }) => oid);
  return [...tables.values()].map((columns): TableInfo => {
    const first = columns[0]!;
    const own = keys.filter(({ oid }) => oid === first.oid);
    const primaryKey = own.find(({ kind }) => kind === 'p')?.columns;
    const foreignKeys = own.flatMap((key): ForeignKey[] => (key.kind === 'f' ? [foreignKey(key, schema)] : []));
    return {
      table: first.table,
      kind: first.kind === 'v' || first.kind === 'm' ? 'view' : 'table',
      columns: columns.map(columnInfo),
      ...(primaryKey === undefined ? {} : { primaryKey }),
      ...(foreignKeys.length === 0 ? {} : { foreignKeys }),
      ...(first.comment === null ? {} : { comment: first.comment }),
    };
  });
}

const foreignKey = (key: KeyRow, schema: string): ForeignKey => ({
  columns: key.columns,
  references: {
    ...(key.schema === schema ? {} : { schema: key.schema }),
    table: key.table,
    columns: key.targetColumns,
  },
});

const columnInfo = (row: ColumnRow): ColumnInfo => ({
  name: row.name,
  type: typeFromCatalog(row.type, row.modifier),
  nullable: !row.notNull,
  ...(row.columnComment === null ? {} : { comment: row.columnComment }),
  ...(row.collationIsC === null ? {} : { collationIsC: row.collationIsC }),
});

/** The columns of a statement, which is planned but not run. */
export async function describeStatement(client: ClientBase, text: string): Promise<readonly ColumnInfo[]> {
  const { fields } = await client.query(`SELECT * FROM (${text}\n) AS t LIMIT 0`);
  const names = await client.query<{ oid: string; type: string }>(
    `SELECT t.oid::text AS oid, b.typname AS type FROM pg_type t
     JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
     WHERE t.oid = ANY($1)`,
    [fields.map(({ dataTypeID }) => dataTypeID)],
  );
  const types = new Map(names.rows.map(({ oid, type }) => [oid, type]));
  return fields.map(({ name, dataTypeID, dataTypeModifier }) => ({
    name,
    type: typeFromCatalog(types.get(String(dataTypeID)) ?? 'text', dataTypeModifier),
    nullable: true,
  }));
}
