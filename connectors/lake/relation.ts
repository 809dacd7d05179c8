/** A scan in DuckDB's SQL, over the local files that were fetched for it. */
import { isNumeric } from '../../src/plan/types.ts';
import type { ScanFilter } from '../connector.ts';
import { quoteIdentifier, quoteLiteral } from '../duckdb-engine/conform.ts';
import type { CachedObject } from './cache/object.ts';
import type { ScanContext } from './context.ts';
import { writePositions } from './deletes.ts';
import { typedLiteral } from './duck.ts';
import { textRelation } from './formats/text.ts';
import { type FieldColumn, isField, type Projected } from './projection.ts';
import type { DataFile, LakeColumn, Snapshot } from './tables/table.ts';

/** Name of the column with the path of the file a row came from. Data columns are called `c0`, `c1` … */
const FILE = '__file';

/** One scan under way. */
export interface Scanning extends ScanContext {
  readonly snapshot: Snapshot;
  /** Columns that are selected or filtered. */
  readonly columns: readonly LakeColumn[];
  readonly filters: readonly { readonly filter: ScanFilter; readonly column: LakeColumn }[];
  /** Files that can hold a matching row. */
  readonly files: readonly DataFile[];
  /** Of the one file that is read: the row groups this part of the scan reads. */
  readonly groups?: readonly number[];
  /** The equality deletes that apply to any of them. */
  readonly equality: readonly number[];
  readonly limit: number | undefined;
  readonly signal: AbortSignal;
  readonly pin: (object: DataFile['object']) => CachedObject;
}

/** A file and where it stands on this machine. */
export interface LocalFile {
  readonly file: DataFile;
  readonly path: string;
  /** How its columns are found; by the column's own name or id when absent. */
  readonly projected?: readonly Projected[];
}

/** The SELECT; its columns are `wanted`, by position. Files it needs beside `local` are added to `temporary`. */
export async function relation(
  scanning: Scanning,
  wanted: readonly LakeColumn[],
  local: readonly LocalFile[],
  temporary: string[],
): Promise<string> {
  const { snapshot, columns, filters, limit } = scanning;
  const text = snapshot.text;
  const nameOf = (column: LakeColumn): string =>
    column.source.kind === 'partition'
      ? `p.${quoteIdentifier(`c${columns.indexOf(column)}`)}`
      : text === undefined
        ? `f.${quoteIdentifier(`c${columns.indexOf(column)}`)}`
        : `f.${quoteIdentifier(String(column.source.id))}`;
  const values = wanted.map((c, i) => `${c.restore?.(nameOf(c)) ?? nameOf(c)} AS v${i}`);
  const list = values.length === 0 ? '1 AS v0' : values.join(', ');
  if (local.length === 0) {
    const none = wanted.map((c, i) => `CAST(NULL AS ${c.duckType}) AS v${i}`);
    return `SELECT ${none.length === 0 ? '1 AS v0' : none.join(', ')} WHERE false`;
  }
  const fields = columns.filter(isField);
  const positions = local.filter(({ file }) => file.deletes?.positions !== undefined);
  const partitions = columns.filter((c) => c.source.kind === 'partition');
  const byFile = partitions.length + positions.length + scanning.equality.length > 0;
  const from =
    text === undefined
      ? parquetRelation(
          local,
          fields.map((column) => ({ column, name: `c${columns.indexOf(column)}` })),
          byFile,
        )
      : textRelation(
          text,
          local.map((l) => l.path),
          FILE,
        );
  const parts = [`SELECT ${list} FROM ${from} AS f`];
  if (partitions.length > 0) parts.push(`JOIN ${partitionValues(partitions, columns, local)} ON f.${FILE} = p.${FILE}`);
  if (positions.length > 0) {
    const path = await writePositions(scanning.cache, positions, scanning.signal);
    temporary.push(path);
    parts.push(
      `ANTI JOIN read_parquet(${quoteLiteral(path)}) AS d ON f.${FILE} = d.file AND f.file_row_number = d.position`,
    );
  }
  const conditions = filters.map(({ filter, column }) => condition(filter, nameOf(column), column));
  conditions.push(...(await Promise.all(scanning.equality.map((i) => notDeleted(i, scanning, local, nameOf)))));
  if (conditions.length > 0) parts.push(`WHERE ${conditions.join(' AND ')}`);
  if (limit !== undefined) parts.push(`LIMIT ${limit}`);
  return parts.join(' ');
}

/** The condition that a row equals no row of equality delete `index`, in the files to which it applies. */
async function notDeleted(
  index: number,
  { snapshot, pin, signal }: Scanning,
  local: readonly LocalFile[],
  nameOf: (column: LakeColumn) => string,
): Promise<string> {
  const { object, columns } = snapshot.equalityDeletes![index]!;
  const entry = pin(object);
  await entry.fetch([{ start: 0, end: object.size }], signal);
  const applies = local.filter(({ file }) => file.deletes?.equality?.includes(index) === true);
  if (applies.length === 0) return 'true';
  const deleted = parquetSource(
    [entry.path],
    columns
      .filter(isField)
      .map(({ duckType, source }, i) => ({ name: `e${i}`, duckType, key: source.id, otherwise: null })),
    false,
  );
  const same = columns.map((column, i) => `e.e${i} IS NOT DISTINCT FROM ${nameOf(column)}`).join(' AND ');
  const files = applies.map(({ path }) => quoteLiteral(path)).join(', ');
  return `NOT (f.${FILE} IN (${files}) AND EXISTS (SELECT 1 FROM ${deleted} AS e WHERE ${same}))`;
}

/** A column that is read from a Parquet file. */
interface ReadField {
  /** What it is called in the relation. */
  readonly name: string;
  readonly duckType: string;
  /** Where it stands in the file. */
  readonly key: string | number;
  /** Its value where the file lacks it, in text form. */
  readonly otherwise: string | null;
}

/** The FROM item that reads all files; those that hold the columns in different ways are read apart. */
function parquetRelation(
  local: readonly LocalFile[],
  fields: readonly { readonly column: FieldColumn; readonly name: string }[],
  byFile: boolean,
): string {
  const readOf = ({ projected }: LocalFile): ReadField[] =>
    fields.map(({ column, name }) => {
      const place = projected?.find((each) => each.column === column);
      const { duckType, source } = column;
      return { name, duckType, key: place?.key ?? source.id, otherwise: place?.otherwise ?? null };
    });
  const groups = Map.groupBy(local, (file) => JSON.stringify(readOf(file)));
  const sources = [...groups.values()].map((files) =>
    parquetSource(
      files.map(({ path }) => path),
      readOf(files[0]!),
      byFile,
    ),
  );
  if (sources.length === 1) return sources[0]!;
  const columns = [...fields.map(({ name }) => name), ...(byFile ? [FILE, 'file_row_number'] : [])];
  const list = columns.length === 0 ? '1' : columns.join(', ');
  return `(${sources.map((source) => `SELECT ${list} FROM ${source}`).join(' UNION ALL ')})`;
}

/** The FROM item that reads `fields` of Parquet files under their `name`, and `byFile` the path as {@link FILE}. */
function parquetSource(paths: readonly string[], fields: readonly ReadField[], byFile: boolean): string {
  const schema = fields.map(({ name, duckType, key, otherwise }) => {
    const at = typeof key === 'number' ? String(key) : quoteLiteral(key);
    const value = otherwise === null ? 'NULL' : quoteLiteral(otherwise);
    return `${at}: {name: ${quoteLiteral(name)}, type: ${quoteLiteral(duckType)}, default_value: ${value}}`;
  });
  const parts = [
    `[${paths.map(quoteLiteral).join(', ')}]`,
    ...(schema.length === 0 ? ['hive_partitioning = false'] : [`schema = MAP {${schema.join(', ')}}`]),
    ...(byFile ? [`filename = ${quoteLiteral(FILE)}`] : []),
  ];
  return `read_parquet(${parts.join(', ')})`;
}

function partitionValues(
  partitions: readonly LakeColumn[],
  columns: readonly LakeColumn[],
  local: readonly LocalFile[],
): string {
  const names = partitions.map((c) => quoteIdentifier(`c${columns.indexOf(c)}`));
  const rows = local.map(({ file, path }) => {
    const values = partitions.map((c) =>
      typedLiteral(c.source.kind === 'partition' ? (file.partition[c.source.key] ?? null) : null, c.duckType),
    );
    return `(${[quoteLiteral(path), ...values].join(', ')})`;
  });
  return `(VALUES ${rows.join(', ')}) AS p(${[FILE, ...names].join(', ')})`;
}

/** The filter in DuckDB's SQL. */
function condition({ operator, values }: ScanFilter, name: string, column: LakeColumn): string {
  if (operator === 'is_null') return `${name} IS NULL`;
  if (operator === 'is_not_null') return `${name} IS NOT NULL`;
  // A number keeps its own type: as one of the column's it might be rounded.
  const literal = (v: ScanFilter['values'][number]): string =>
    typeof v !== 'string' || (isNumeric(column.type) && /^-?\d+(\.\d+)?$/.test(v))
      ? String(v)
      : typedLiteral(v, column.duckType);
  return operator === 'in'
    ? values.length === 0
      ? 'false'
      : `${name} IN (${values.map(literal).join(', ')})`
    : `${name} ${operator} ${literal(values[0]!)}`;
}
