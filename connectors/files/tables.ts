/** Which tables a `files` silo has, and how DuckDB reads each. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, extname, isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { didYouMean } from '../../src/plan/nearest.ts';
import type { SiloOptions } from '../connector.ts';
import { quoteLiteral } from '../duckdb-engine/conform.ts';
import { jsonOption } from '../options.ts';

export interface FileTable {
  readonly name: string;
  readonly path: string;
  /** A FROM item: `read_parquet('…')`. */
  readonly reader: string;
}

type Format = 'parquet' | 'csv' | 'json';

const FORMATS: Readonly<Record<string, Format>> = {
  '.parquet': 'parquet',
  '.pq': 'parquet',
  '.csv': 'csv',
  '.tsv': 'csv',
  '.tbl': 'csv',
  '.txt': 'csv',
  '.json': 'json',
  '.jsonl': 'json',
  '.ndjson': 'json',
};
const COMPRESSED = /\.(gz|zst)$/;

/** How one table is read; from the silo's options and the entry in `tables`. */
const Entry = z.strictObject({
  path: z.string(),
  format: z.string().optional(),
  delimiter: z.string().optional(),
  header: z.boolean().optional(),
  nullstr: z.string().optional(),
  columns: z.record(z.string(), z.string()).optional(),
});
type Entry = z.infer<typeof Entry>;

/**
 * The tables of the silo: those of the option `tables`, and every readable file of `path`.
 * @throws CausewayError for a missing file or directory, an unknown format, or no table at all.
 */
export async function fileTables(options: SiloOptions): Promise<readonly FileTable[]> {
  const root = resolve(options.path!);
  const named = namedEntries(options.tables, root);
  const found = named.size > 0 ? new Map<string, Entry>() : foundEntries(root, options.recursive === 'true');
  const common: Partial<Entry> = {
    ...(options.format === undefined ? {} : { format: options.format }),
    ...(options.delimiter === undefined ? {} : { delimiter: options.delimiter }),
    ...(options.header === undefined ? {} : { header: options.header === 'true' }),
    ...(options.nullstr === undefined ? {} : { nullstr: options.nullstr }),
  };
  const tables = [...found, ...named].map(([name, entry]) => {
    const merged = { ...common, ...entry };
    return { name, path: merged.path, reader: readerOf(merged) };
  });
  if (tables.length === 0) {
    throw new CausewayError(SQLSTATE.undefinedFile, `no Parquet, CSV or JSON file in ${root}`, {
      hint: `Files are known by their names (${Object.keys(FORMATS).join(', ')}); for others give the option format.`,
    });
  }
  return tables;
}

function namedEntries(text: string | undefined, root: string): Map<string, Entry> {
  if (text === undefined) return new Map();
  const parsed = jsonOption('tables', text, z.record(z.string(), Entry), '{"orders": {"path": "orders/*.csv"}}');
  return new Map(
    Object.entries(parsed).map(([name, entry]) => {
      const path = isAbsolute(entry.path) ? entry.path : join(root, entry.path);
      if (!isGlob(path)) assertReadable(path);
      return [name, { ...entry, path }];
    }),
  );
}

/** One table per file; files of one directory that is named with a glob are one table. */
function foundEntries(root: string, recursive: boolean): Map<string, Entry> {
  if (isGlob(root)) return new Map([[tableName(root), { path: root }]]);
  assertReadable(root);
  if (statSync(root).isFile()) return new Map([[tableName(root), { path: root }]]);
  const entries = new Map<string, Entry>();
  for (const file of readdirSync(root, { recursive, withFileTypes: true })) {
    if (!file.isFile() || formatOf(file.name) === undefined) continue;
    const path = join(file.parentPath, file.name);
    const name = tableName(path);
    const known = entries.get(name);
    if (known !== undefined) {
      throw new CausewayError(SQLSTATE.duplicateTable, `two files would be the table "${name}"`, {
        detail: `${known.path} and ${path}`,
        hint: 'Name the tables with the option tables.',
      });
    }
    entries.set(name, { path });
  }
  return new Map([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function assertReadable(path: string): void {
  if (!existsSync(path)) {
    const folder = resolve(path, '..');
    const hint = existsSync(folder) ? didYouMean(basename(path), readdirSync(folder)) : undefined;
    throw new CausewayError(SQLSTATE.undefinedFile, `there is no file ${path}`, hint === undefined ? {} : { hint });
  }
  const status = statSync(path);
  if (status.isFile() && status.size === 0) {
    throw new CausewayError(SQLSTATE.noData, `the file ${path} is empty`, { hint: 'Write it again, or leave it out.' });
  }
}

const isGlob = (path: string): boolean => /[*?[{]/.test(path);

const tableName = (path: string): string =>
  basename(path)
    .replace(COMPRESSED, '')
    .replace(/\.[^.]*$/, '')
    .replace(/[*?[\]{}]+/g, '')
    .replace(/^[-_.]+|[-_.]+$/g, '') || basename(resolve(path, '..'));

const formatOf = (path: string): Format | undefined => FORMATS[extname(path.replace(COMPRESSED, '')).toLowerCase()];

function readerOf(entry: Entry): string {
  const format = entry.format ?? formatOf(entry.path);
  const path = quoteLiteral(entry.path);
  switch (format) {
    case 'parquet':
      return `read_parquet(${path})`;
    case 'json':
      return `read_json(${[path, ...columnsArgument(entry)].join(', ')})`;
    case 'csv': {
      const args = [path, ...columnsArgument(entry)];
      if (entry.delimiter !== undefined) args.push(`delim = ${quoteLiteral(entry.delimiter)}`);
      if (entry.header !== undefined) args.push(`header = ${entry.header}`);
      if (entry.nullstr !== undefined) args.push(`nullstr = ${quoteLiteral(entry.nullstr)}`);
      return `read_csv(${args.join(', ')})`;
    }
    default: {
      const hint = entry.format === undefined ? undefined : didYouMean(entry.format, ['parquet', 'csv', 'json']);
      throw new CausewayError(
        SQLSTATE.invalidParameterValue,
        entry.format === undefined ? `the format of ${entry.path} is not known` : `unknown format "${entry.format}"`,
        { hint: hint ?? 'Give the option format: parquet, csv or json.' },
      );
    }
  }
}

function columnsArgument(entry: Entry): string[] {
  if (entry.columns === undefined) return [];
  const pairs = Object.entries(entry.columns).map(([name, type]) => `${quoteLiteral(name)}: ${quoteLiteral(type)}`);
  return [`columns = {${pairs.join(', ')}}`];
}
