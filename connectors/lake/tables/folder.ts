/** A table that is just files: every object under a folder, or that a glob names, in one format. */
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import type { WriteRequest } from '../../connector.ts';
import { quoteIdentifier } from '../../duckdb-engine/conform.ts';
import type { ScanContext } from '../context.ts';
import { type DuckColumn, duckColumns } from '../duck.ts';
import { arrowColumns } from '../formats/arrow.ts';
import type { Footer } from '../formats/footers.ts';
import { type FileFormat, formatOf, isHidden } from '../formats/format.ts';
import { inferText, type TextOptions, type TextShape } from '../formats/text.ts';
import { collect, type ObjectInfo, type ObjectStore } from '../stores/store.ts';
import { appendFile } from '../write/folder.ts';
import { globToRegExp, isGlob, literalPrefix } from './glob.ts';
import { hivePartition, partitionType } from './hive.ts';
import type { DataFile, LakeColumn, LakeTable, Snapshot } from './table.ts';

/** Footers that are read to learn a table's columns: the first, the last, and some between. */
const SCHEMA_FILES = 8;

export interface FolderOptions extends TextOptions {
  readonly name: string;
  /** A key, a folder ending in `/`, or a glob. */
  readonly path: string;
  /** By the first file's extension when absent. */
  readonly format?: FileFormat;
}

/** The table; nothing is read yet. */
export function folderTable(options: FolderOptions, store: ObjectStore, context: ScanContext): LakeTable {
  const base = isGlob(options.path) ? literalPrefix(options.path).replace(/[^/]*$/, '') : options.path;
  const pattern = isGlob(options.path) ? globToRegExp(options.path) : undefined;
  let known: { readonly columns: readonly LakeColumn[]; readonly text?: TextShape } | undefined;

  async function objects(signal: AbortSignal): Promise<{ format: FileFormat; found: readonly ObjectInfo[] }> {
    const all = await collect(store.list(pattern === undefined ? options.path : literalPrefix(options.path), signal));
    const named = all.filter(({ key }) => !isHidden(key) && (pattern === undefined || pattern.test(key)));
    const format = options.format ?? named.map(({ key }) => formatOf(key)).find((f) => f !== undefined);
    const found =
      format === undefined ? [] : named.filter(({ key }) => options.format !== undefined || formatOf(key) === format);
    if (format === undefined || found.length === 0) {
      throw new CausewayError(
        SQLSTATE.undefinedFile,
        `the table "${options.name}" has no files at ${store.location}/${options.path}`,
        {
          hint: 'Check the path or glob of the table, and that its files end in .parquet, .csv, .json or .arrow.',
        },
      );
    }
    return { format, found };
  }

  async function learn(
    format: FileFormat,
    files: readonly DataFile[],
    signal: AbortSignal,
  ): Promise<NonNullable<typeof known>> {
    const partitions = partitionColumns(files);
    // A column that stands in the files and in the path is the path's, as in Hive.
    const beside = (fields: readonly LakeColumn[]): LakeColumn[] => [
      ...fields.filter(({ name }) => !partitions.some((partition) => partition.name === name)),
      ...partitions,
    ];
    if (format === 'parquet') return { columns: beside(await parquetColumns(files, signal)) };
    const first = context.cache.pin(files[0]!.object);
    try {
      if (format === 'arrow') {
        await first.fetch([{ start: 0, end: first.info.size }], signal);
        return { columns: beside((await arrowColumns(first)).map(fieldColumn)) };
      }
      const text = await inferText(format, first, options, context.cache, signal);
      return { text, columns: beside(text.columns.map(fieldColumn)) };
    } finally {
      await context.cache.release([first]);
    }
  }

  async function parquetColumns(files: readonly DataFile[], signal: AbortSignal): Promise<LakeColumn[]> {
    const step = Math.max(1, (files.length - 1) / (SCHEMA_FILES - 1));
    const some = new Set(Array.from({ length: Math.min(files.length, SCHEMA_FILES) }, (_, i) => Math.round(i * step)));
    const pinned = [...some].map((i) => context.cache.pin(files[Math.min(i, files.length - 1)]!.object));
    try {
      return mergeSchemas(await context.parquet.footers(pinned, signal), options.types ?? {});
    } finally {
      await context.cache.release(pinned);
    }
  }

  const table: LakeTable = {
    ...(pattern === undefined && options.path.endsWith('/')
      ? {
          async append(request: WriteRequest, staging: string, signal: AbortSignal) {
            const snapshot = await table.snapshot(signal);
            if (snapshot.format !== 'parquet' || snapshot.columns.some((c) => c.source.kind === 'partition')) {
              throw new CausewayError(SQLSTATE.featureNotSupported, `cannot append to "${options.name}"`, {
                hint: 'Rows can be appended to unpartitioned folders of Parquet files and to Delta tables.',
              });
            }
            return appendFile(request, options.path, snapshot, store, staging, signal);
          },
        }
      : {}),
    async snapshot(signal, version): Promise<Snapshot> {
      if (version !== undefined) {
        throw new CausewayError(
          SQLSTATE.featureNotSupported,
          `the table "${options.name}" is plain files and has no versions`,
          {
            hint: 'Time travel needs a Delta Lake or Iceberg table.',
          },
        );
      }
      const { format, found } = await objects(signal);
      const files = found.map((object): DataFile => ({ object, partition: hivePartition(object.key, base) }));
      known ??= await learn(format, files, signal);
      return { version: 'current', format, files, ...known };
    },
  };
  return table;
}

const fieldColumn = ({ name, type, duckType }: DuckColumn): LakeColumn => ({
  name,
  type,
  duckType,
  nullable: true,
  source: { kind: 'field', id: name },
});

function partitionColumns(files: readonly DataFile[]): LakeColumn[] {
  const keys = new Set(files.flatMap((file) => Object.keys(file.partition)));
  return [...keys].map((key) => {
    const { type, duckType } = partitionType(files.map((file) => file.partition[key] ?? null));
    return { name: key, type, duckType, nullable: true, source: { kind: 'partition', key } };
  });
}

/** The columns of all `footers` by name, in order of appearance; of two types of a column, the one that holds both. */
async function mergeSchemas(
  footers: readonly Footer[],
  types: Readonly<Record<string, string>>,
): Promise<LakeColumn[]> {
  const merged = new Map<string, DuckColumn>();
  for (const column of footers.flatMap((footer) => footer.columns)) {
    merged.set(column.name, wider(merged.get(column.name) ?? column, column));
  }
  const given = Object.entries(types).map(([name, type]) => `CAST(NULL AS ${type}) AS ${quoteIdentifier(name)}`);
  if (given.length > 0) {
    for (const column of await duckColumns(`SELECT ${given.join(', ')}`, 'the option types'))
      merged.set(column.name, column);
  }
  return [...merged.values()].map(fieldColumn);
}

const WIDTH = ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'FLOAT', 'DOUBLE'];

function wider(a: DuckColumn, b: DuckColumn): DuckColumn {
  const [x, y] = [WIDTH.indexOf(a.duckType), WIDTH.indexOf(b.duckType)];
  return x >= 0 && y > x ? b : a;
}
