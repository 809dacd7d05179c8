/** The options of a lake silo: where the store is, which tables it has, how much may be cached. */
import { parse } from 'yaml';
import { z } from 'zod';
import { CausewayError, messageOf, SQLSTATE } from '../../src/plan/errors.ts';
import type { OptionSpec, SiloOptions } from '../connector.ts';

/** Options that every kind of lake silo takes. */
export const LAKE_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'tables',
    description:
      'YAML or JSON: table name to path or glob, or to {path, format, version, delimiter, header, null, types}; found by itself when absent',
  },
  { name: 'cache_bytes', description: 'the most bytes of the local cache (default 10 GiB)' },
  { name: 'cache_folder', description: 'where the cache stands (default: the folder for temporary files)' },
  {
    name: 'cache_encryption',
    description: 'true: the cache’s files can be read by this process only (default false)',
  },
  { name: 'write_format', description: 'layout of tables that are created here: parquet (default) or delta' },
  { name: 'iceberg_catalog', description: 'URL of an Iceberg REST catalog; its tables are the silo’s' },
  { name: 'iceberg_warehouse', description: 'the warehouse that is asked of the catalog' },
  {
    name: 'iceberg_namespace',
    description: 'the namespace whose tables are listed, levels separated by dots (default: default)',
  },
  { name: 'iceberg_token', description: 'bearer token for the catalog', secret: true },
];

const tableSpec = z.strictObject({
  path: z.string().min(1),
  format: z.enum(['parquet', 'csv', 'json', 'arrow', 'delta', 'iceberg']).optional(),
  /** A version, a snapshot id or a timestamp at which the table is always read. */
  version: z.coerce.string().optional(),
  delimiter: z.string().min(1).optional(),
  header: z.boolean().optional(),
  null: z.string().optional(),
  types: z.record(z.string(), z.string().regex(/^[\w ,()[\]]+$/)).optional(),
});

export type TableSpec = z.infer<typeof tableSpec>;

const tablesSpec = z.record(
  z.string().min(1),
  z.union([
    z
      .string()
      .min(1)
      .transform((path) => ({ path })),
    tableSpec,
  ]),
);

/** The option `tables`, or undefined. @throws CausewayError 22023 saying what is wrong with it. */
export function tableSpecs(options: SiloOptions): Readonly<Record<string, TableSpec>> | undefined {
  if (options.tables === undefined) return undefined;
  let raw: unknown;
  try {
    raw = parse(options.tables);
  } catch (error) {
    throw invalid('tables', `it is neither YAML nor JSON: ${messageOf(error).split('\n')[0]}`);
  }
  const result = tablesSpec.safeParse(raw);
  if (!result.success) throw invalid('tables', z.prettifyError(result.error));
  return result.data as Readonly<Record<string, TableSpec>>;
}

/** The option `write_format`. @throws CausewayError 22023 for another word than `parquet` and `delta`. */
export function writeFormat(options: SiloOptions): 'parquet' | 'delta' {
  const format = options.write_format ?? 'parquet';
  if (format === 'parquet' || format === 'delta') return format;
  throw new CausewayError(SQLSTATE.invalidParameterValue, `write_format is parquet or delta, not "${format}"`);
}

const invalid = (option: string, why: string): CausewayError =>
  new CausewayError(SQLSTATE.invalidParameterValue, `the option ${option} is not right: ${why}`, {
    hint: "Example: tables '{readings: readings/**/*.parquet, events: {path: events, format: delta}}'.",
  });

/** A whole number of bytes, or the default. */
export function bytesOption(options: SiloOptions, name: string, otherwise: number): number {
  const text = options[name];
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw invalid(name, `"${text}" is not a whole number of bytes`);
}

/** `true`/`false`, or the default. */
export function flagOption(options: SiloOptions, name: string, otherwise: boolean): boolean {
  const text = options[name];
  if (text === undefined) return otherwise;
  if (text === 'true' || text === 'false') return text === 'true';
  throw invalid(name, `"${text}" is neither true nor false`);
}
