/**
 * The footer of a Parquet file, as bytes: where it stands, and the same footer with fewer row groups and pages.
 *
 * A scan that needs a part of the file only is given a file whose footer names just that. So no reader can touch a byte
 * that was not fetched, whatever its own pruning does. Field numbers are those of parquet-format's `parquet.thrift`.
 */
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import type { ByteRange } from '../stores/store.ts';
import { decodeStruct, encodeStruct, itemsAt, numberAt, type Struct, structAt, TYPE } from './thrift.ts';

/** Bytes at the end of the file: the metadata's length and the magic number. */
export const TRAILER = 8;

/** The smallest file with a footer: magic number, metadata of a byte, trailer. */
const SMALLEST = 13;

/**
 * Where the metadata stands, by the last bytes of the file.
 * @throws CausewayError naming `file`: not Parquet, encrypted, cut short, a length that cannot be.
 */
export function metadataRange(tail: Uint8Array, size: number, file: string): ByteRange {
  const bytes = Buffer.from(tail.buffer, tail.byteOffset, tail.byteLength);
  const magic = bytes.toString('latin1', bytes.length - 4);
  if (magic === 'PARE') {
    throw new CausewayError(SQLSTATE.featureNotSupported, `${file} has an encrypted Parquet footer`, {
      hint: 'Files under Parquet modular encryption cannot be read; point the table at decrypted files.',
    });
  }
  if (size < SMALLEST || magic !== 'PAR1') {
    throw corrupt(file, 'it does not end like a Parquet file; it may be cut short or still being written');
  }
  const length = bytes.readUInt32LE(bytes.length - TRAILER);
  if (length === 0 || length > size - TRAILER - 4) {
    throw corrupt(file, `its footer claims ${length} bytes in a file of ${size}`);
  }
  return { start: size - TRAILER - length, end: size - TRAILER };
}

const corrupt = (file: string, why: string): CausewayError =>
  new CausewayError(SQLSTATE.dataCorrupted, `${file} cannot be read: ${why}`);

/** A row group that stays in the footer. */
export interface KeptGroup {
  readonly index: number;
  /** Where only some pages are kept: their rows, and for each kept leaf the bytes of its chunk, dictionary included. */
  readonly pages?: { readonly rows: number; readonly bytes: ReadonlyMap<number, number> };
}

/** The metadata with only the row groups `keep`, in ascending order. */
export function keepRowGroups(metadata: Uint8Array, keep: readonly KeptGroup[]): Uint8Array {
  const file = decodeStruct(metadata);
  const all = rowGroupsOf(file);
  const groups = keep.map(({ index, pages }) => {
    const group = all[index];
    if (group === undefined) {
      throw new CausewayError(
        SQLSTATE.dataCorrupted,
        `a Parquet footer has ${all.length} row groups, and row group ${index} is wanted`,
      );
    }
    return pages === undefined ? group : withPages(group, pages);
  });
  const rows = groups.reduce((n, group) => n + (numberAt(group, FILE_ROWS) ?? 0), 0);
  return encodeStruct(
    new Map(file)
      .set(FILE_ROWS, { type: TYPE.i64, value: rows })
      .set(FILE_GROUPS, { type: TYPE.list, value: { of: TYPE.struct, items: groups } }),
  );
}

/** FileMetaData 3 num_rows, 4 row_groups; RowGroup 1 columns, 3 num_rows. */
const FILE_ROWS = 3;
const FILE_GROUPS = 4;
const GROUP_COLUMNS = 1;
const GROUP_ROWS = 3;
/** ColumnChunk 3 meta_data; ColumnMetaData 5 num_values, 7 total_compressed_size, 12 statistics, 14 and 15 the bloom filter. */
const CHUNK_METADATA = 3;
const VALUES = 5;
const COMPRESSED = 7;
const STATISTICS = 12;
const BLOOM = [14, 15];
/** Statistics 3 null_count, 4 distinct_count: of the whole chunk, unlike its bounds, they no longer hold. */
const COUNTS = [3, 4];

/** The row groups of a file's metadata. */
export const rowGroupsOf = (file: Struct): readonly Struct[] =>
  itemsAt(file, FILE_GROUPS).filter((item): item is Struct => item instanceof Map);

/** The chunks of a row group, by leaf. */
export const chunksOf = (group: Struct): readonly Struct[] =>
  itemsAt(group, GROUP_COLUMNS).filter((item): item is Struct => item instanceof Map);

/** The metadata of a chunk. */
export const chunkMetadata = (chunk: Struct | undefined): Struct | undefined =>
  chunk && structAt(chunk, CHUNK_METADATA);

function withPages(group: Struct, { bytes, rows }: NonNullable<KeptGroup['pages']>): Struct {
  const chunks = chunksOf(group).map((chunk, leaf) => {
    const size = bytes.get(leaf);
    const metadata = chunkMetadata(chunk);
    if (size === undefined || metadata === undefined) return chunk;
    const kept = without(metadata, BLOOM)
      .set(VALUES, { type: TYPE.i64, value: rows })
      .set(COMPRESSED, { type: TYPE.i64, value: size });
    const statistics = structAt(metadata, STATISTICS);
    if (statistics !== undefined) kept.set(STATISTICS, { type: TYPE.struct, value: without(statistics, COUNTS) });
    return new Map(chunk).set(CHUNK_METADATA, { type: TYPE.struct, value: kept });
  });
  return new Map(group)
    .set(GROUP_COLUMNS, { type: TYPE.list, value: { of: TYPE.struct, items: chunks } })
    .set(GROUP_ROWS, { type: TYPE.i64, value: rows });
}

const without = (struct: Struct, fields: readonly number[]) =>
  new Map([...struct].filter(([id]) => !fields.includes(id)));
