/** CSV and JSON: dialect and types from a sample, then every file read by those. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import { quoteLiteral } from '../../duckdb-engine/conform.ts';
import type { ObjectCache } from '../cache/cache.ts';
import type { CachedObject } from '../cache/object.ts';
import { type DuckColumn, duckColumns, duckRows } from '../duck.ts';
import { isCompressed } from './format.ts';

/** Bytes of the first file by which types are inferred. */
const SAMPLE = 1024 * 1024;

/** How the files of a table are written: arguments of DuckDB's reader, and the columns in file order. */
export interface TextShape {
  readonly reader: 'read_csv' | 'read_json';
  readonly arguments: string;
  readonly columns: readonly DuckColumn[];
}

/** What the user says about the files instead of having it inferred. */
export interface TextOptions {
  readonly delimiter?: string;
  readonly header?: boolean;
  readonly nullText?: string;
  /** DuckDB's types by column name. */
  readonly types?: Readonly<Record<string, string>>;
}

let samples = 0;

/** Infers the shape from the start of `object`. @throws CausewayError when it cannot be understood. */
export async function inferText(
  format: 'csv' | 'json',
  object: CachedObject,
  options: TextOptions,
  cache: ObjectCache,
  signal: AbortSignal,
): Promise<TextShape> {
  const path = await sample(object, cache, signal);
  if (format === 'json') {
    const columns =
      object.info.size === 0
        ? []
        : await duckColumns(`SELECT * FROM read_json(${quoteLiteral(path)})`, object.info.key);
    return override({ reader: 'read_json', arguments: '', columns }, path, options, object.info.key);
  }
  const given = [
    ...(options.delimiter === undefined ? [] : [`delim = ${quoteLiteral(options.delimiter)}`]),
    ...(options.header === undefined ? [] : [`header = ${options.header}`]),
    ...(options.nullText === undefined ? [] : [`nullstr = ${quoteLiteral(options.nullText)}`]),
  ];
  const [found] = await duckRows(
    `SELECT Delimiter d, Quote q, Escape e, SkipRows s, HasHeader h, DateFormat df, TimestampFormat tf, to_json(Columns)::VARCHAR c
     FROM sniff_csv(${[quoteLiteral(path), ...given].join(', ')})`,
    object.info.key,
    signal,
  );
  const character = (value: unknown): string => quoteLiteral(value === '(empty)' ? '' : String(value));
  const parts = [
    'auto_detect = false',
    `delim = ${character(found!.d)}`,
    // A sample without quoted values does not prove that the rest has none.
    `quote = ${found!.q === '(empty)' ? quoteLiteral('"') : character(found!.q)}`,
    `escape = ${found!.e === '(empty)' ? quoteLiteral('"') : character(found!.e)}`,
    `skip = ${Number(found!.s)}`,
    `header = ${found!.h === true}`,
    ...(found!.df === null ? [] : [`dateformat = ${quoteLiteral(String(found!.df))}`]),
    ...(found!.tf === null ? [] : [`timestampformat = ${quoteLiteral(String(found!.tf))}`]),
    ...(options.nullText === undefined ? [] : [`nullstr = ${quoteLiteral(options.nullText)}`]),
  ];
  const columns = (JSON.parse(String(found!.c)) as { name: string; type: string }[]).map(({ name, type }) => ({
    name,
    duckType: type,
  }));
  return override({ reader: 'read_csv', arguments: parts.join(', '), columns }, path, options, object.info.key);
}

/** The shape with the types that the user gave, and every type as DuckDB understands it. */
async function override(
  shape: Omit<TextShape, 'columns'> & { readonly columns: readonly Pick<DuckColumn, 'name' | 'duckType'>[] },
  path: string,
  options: TextOptions,
  file: string,
): Promise<TextShape> {
  const given = Object.entries(options.types ?? {});
  const added = given.filter(([name]) => !shape.columns.some((column) => column.name === name));
  // A key that no object of the sample has may come later; a CSV file's header names all there will be.
  if (shape.reader === 'read_csv' && added.length > 0) {
    throw new CausewayError(
      SQLSTATE.undefinedColumn,
      `types names the column "${added[0]![0]}", which ${file} does not have`,
    );
  }
  const found = shape.columns.map(({ name, duckType }) => ({ name, duckType: options.types?.[name] ?? duckType }));
  const wanted = [...found, ...added.map(([name, duckType]) => ({ name, duckType }))];
  if (wanted.length === 0) {
    throw new CausewayError(SQLSTATE.dataCorrupted, `${file} holds nothing from which columns could be told`, {
      hint: 'Name the columns and their types in the option tables: {path, types: {id: BIGINT}}.',
    });
  }
  const columns = await duckColumns(
    `SELECT * EXCLUDE (__file) FROM ${textRelation({ ...shape, columns: wanted }, [path], '__file')}`,
    file,
  );
  return { ...shape, columns };
}

/** A local file with whole lines from the start of the object; compressed objects are fetched whole. */
async function sample(object: CachedObject, cache: ObjectCache, signal: AbortSignal): Promise<string> {
  const { size, key } = object.info;
  if (object.isLocal) return object.path;
  if (isCompressed(key) || size <= SAMPLE) {
    await object.fetch([{ start: 0, end: size }], signal);
    return object.path;
  }
  await object.fetch([{ start: 0, end: SAMPLE }], signal);
  const bytes = Buffer.from(await object.bytes({ start: 0, end: SAMPLE }));
  const path = join(cache.folder, `sample-${samples++}.txt`);
  await writeFile(path, bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1));
  return path;
}

/** The FROM item that reads `paths`, all columns as inferred, and the file's path as `fileColumn`. */
export function textRelation(
  shape: Omit<TextShape, 'columns'> & { readonly columns: readonly Pick<DuckColumn, 'name' | 'duckType'>[] },
  paths: readonly string[],
  fileColumn: string,
): string {
  const columns = shape.columns.map((c) => `${quoteLiteral(c.name)}: ${quoteLiteral(c.duckType)}`).join(', ');
  const parts = [
    `[${paths.map(quoteLiteral).join(', ')}]`,
    `columns = {${columns}}`,
    ...(shape.arguments === '' ? [] : [shape.arguments]),
    `filename = ${quoteLiteral(fileColumn)}`,
  ];
  return `${shape.reader}(${parts.join(', ')})`;
}
