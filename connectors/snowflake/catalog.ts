/** What there is, and how much of it, from INFORMATION_SCHEMA. No table is read. */
import type { TableInfo, TableStatistics } from '../connector.ts';
import { foldedName } from '../quoting.ts';
import { quoted } from './spelling.ts';
import { typeOf } from './types.ts';

/** Runs a statement whose columns can be read as text. */
export type Ask = (text: string, columns: readonly string[]) => Promise<readonly (readonly (string | null)[])[]>;

/** The schema's tables and views. Keys are left out: Snowflake keeps them as remarks and enforces none. */
export async function readTables(ask: Ask, schema: string): Promise<readonly TableInfo[]> {
  const rows = await ask(
    `SELECT c.TABLE_NAME, t.TABLE_TYPE, t.COMMENT, c.COLUMN_NAME, c.DATA_TYPE, c.NUMERIC_PRECISION, c.NUMERIC_SCALE,
       c.CHARACTER_MAXIMUM_LENGTH, c.IS_NULLABLE, c.COLLATION_NAME, c.COMMENT
     FROM INFORMATION_SCHEMA.COLUMNS AS c
     JOIN INFORMATION_SCHEMA.TABLES AS t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
     WHERE c.TABLE_SCHEMA = ${quoted(schema)} ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION`,
    [
      ...[
        'table',
        'kind',
        'remark',
        'column',
        'type',
        'precision',
        'scale',
        'length',
        'nullable',
        'collation',
        'comment',
      ],
    ],
  );
  return [...Map.groupBy(rows, ([table]) => table!)].map(([table, columns]) => ({
    table: foldedName(table),
    kind: columns[0]![1]!.includes('VIEW') ? 'view' : 'table',
    columns: columns.map(([, , , name, type, precision, scale, length, nullable, collation, comment]) => ({
      name: foldedName(name!),
      type: columnType(type!, precision!, scale!, length!),
      nullable: nullable === 'YES',
      ...(collation === null || collation === '' ? {} : { collationIsC: false }),
      ...(comment === null || comment === '' ? {} : { comment: comment! }),
    })),
    ...(columns[0]![2] ? { comment: columns[0]![2] } : {}),
  }));
}

/** VARCHAR without a length is VARCHAR(16777216), which is no more than text. */
const LONGEST_TEXT = 16_777_216;

function columnType(type: string, precision: string | null, scale: string | null, length: string | null) {
  if (type === 'TEXT' && length !== null && Number(length) < LONGEST_TEXT) {
    return { kind: 'varchar', length: Number(length) } as const;
  }
  return typeOf(type, precision === null ? undefined : Number(precision), scale === null ? undefined : Number(scale));
}

/** Rows and bytes as the service's metadata has them; undefined for views. */
export async function readStatistics(ask: Ask, schema: string, table: string): Promise<TableStatistics | undefined> {
  const [found] = await ask(
    `SELECT ROW_COUNT, BYTES FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = ${quoted(schema)} AND TABLE_NAME = ${quoted(table)}`,
    ['rows', 'bytes'],
  );
  if (found?.[0] == null) return undefined;
  return { rows: Number(found[0]), ...(found[1] == null ? {} : { bytes: Number(found[1]) }), columns: {} };
}
