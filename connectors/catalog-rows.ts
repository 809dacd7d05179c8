/** Tables from the rows of a catalog that has one row per column, as INFORMATION_SCHEMA has. */

import type { ColumnInfo, TableInfo, TableStatistics } from './connector.ts';
import { type DeclaredTypes, typeOfDeclared } from './declared-types.ts';
import { quoteLiteral } from './quoting.ts';

/**
 * Table, its kind (with VIEW in it for views), column, declared type, YES where it may be NULL, its place in the primary key; the
 * comments of column and table, which may be left out. In order of tables and columns.
 */
export type CatalogRow = readonly (string | null)[];

/**
 * The statement for these rows where the silo has the standard's INFORMATION_SCHEMA.
 * @param declared the expression for a column's declared type; `c` is COLUMNS, `t` TABLES
 * @param comments the expressions for the comments of column and table
 */
export const informationSchema = (schema: string, declared: string, comments: readonly string[] = []): string =>
  `SELECT c.table_name, t.table_type, c.column_name, ${declared}, c.is_nullable,
     ${['k.ordinal_position', ...comments].join(', ')}
   FROM information_schema.columns c
   JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
   LEFT JOIN (SELECT u.table_name, u.column_name, u.ordinal_position FROM information_schema.key_column_usage u
       JOIN information_schema.table_constraints p ON p.constraint_schema = u.constraint_schema
         AND p.constraint_name = u.constraint_name AND p.table_name = u.table_name
       WHERE p.constraint_type = 'PRIMARY KEY' AND u.table_schema = ${quoteLiteral(schema)}) k
     ON k.table_name = c.table_name AND k.column_name = c.column_name
   WHERE c.table_schema = ${quoteLiteral(schema)} ORDER BY c.table_name, c.ordinal_position`;

/** The tables that the rows tell of. */
export function tablesOf(rows: readonly CatalogRow[], types: DeclaredTypes): readonly TableInfo[] {
  return [...Map.groupBy(rows, ([table]) => table!)].map(([table, columns]): TableInfo => {
    const [, kind, , , , , , comment] = columns[0]!;
    const key = columns.filter((column) => column[5] !== null).sort((a, b) => Number(a[5]) - Number(b[5]));
    return {
      table,
      kind: /view/i.test(kind!) ? 'view' : 'table',
      columns: columns.map((column) => columnOf(column, types)),
      ...(key.length === 0 ? {} : { primaryKey: key.map((column) => column[2]!) }),
      ...(comment ? { comment } : {}),
    };
  });
}

const columnOf = ([, , name, declared, nullable, , comment]: CatalogRow, types: DeclaredTypes): ColumnInfo => ({
  name: name!,
  type: typeOfDeclared(types, declared!),
  nullable: nullable === 'YES',
  ...(comment ? { comment } : {}),
});

/** What rows of a catalog with estimates say: the table's rows and bytes; a column, and how many values it has. */
export function statisticsOf(rows: readonly CatalogRow[]): TableStatistics | undefined {
  const [count, bytes] = rows[0] ?? [];
  if (count == null) return undefined;
  const counted = rows.filter(([, , column, distinct]) => column != null && distinct != null);
  const columns = Object.fromEntries(
    counted.map(([, , column, distinct]) => [column!, { distinct: Number(distinct) }]),
  );
  return { rows: Number(count), ...(bytes == null ? {} : { bytes: Number(bytes) }), columns };
}
