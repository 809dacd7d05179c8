/**
 * The footer of a Parquet file, as bytes: where it stands, and the same footer with fewer row groups.
 *
 * A scan that needs some row groups only is given a file whose footer names just those. So no reader can touch a byte
 * that was not fetched, whatever its own pruning does. The metadata is Thrift's compact protocol
 * (parquet-format, `FileMetaData`: 3 num_rows, 4 row_groups); everything but these two fields is copied as it is.
 */
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import type { ByteRange } from '../stores/store.ts';

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

/** The metadata with only the row groups `keep` (ascending indexes), which hold `rows` rows together. */
export function keepRowGroups(metadata: Uint8Array, keep: readonly number[], rows: number): Uint8Array {
  const reader = new CompactReader(metadata);
  const parts: Uint8Array[] = [];
  let copied = 0;
  const replace = (from: number, by: readonly Uint8Array[]): void => {
    parts.push(metadata.subarray(copied, from), ...by);
    copied = reader.at;
  };
  for (let field = 0; ; ) {
    const header = reader.field(field);
    if (header === undefined) break;
    field = header.id;
    const from = reader.at;
    if (field === 3) {
      reader.skip(header.type);
      replace(from, [zigzag(rows)]);
    } else if (field === 4) {
      const groups = reader.list(header.type);
      replace(from, [listHeader(keep.length), ...keep.map((i) => groups[i] ?? lacks(i, groups.length))]);
    } else {
      reader.skip(header.type);
    }
  }
  parts.push(metadata.subarray(copied));
  return Buffer.concat(parts);
}

function lacks(group: number, groups: number): never {
  throw new CausewayError(
    SQLSTATE.dataCorrupted,
    `a Parquet footer has ${groups} row groups, and row group ${group} is wanted`,
  );
}

const STRUCT = 12;

function listHeader(length: number): Uint8Array {
  return length < 15
    ? Uint8Array.of((length << 4) | STRUCT)
    : Buffer.concat([Uint8Array.of(0xf0 | STRUCT), varint(BigInt(length))]);
}

const zigzag = (value: number): Uint8Array => varint(BigInt(value) * 2n);

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    if (rest < 0x80n) return Uint8Array.from([...bytes, low]);
    bytes.push(low | 0x80);
  }
}

/** Finds the borders of values in Thrift's compact protocol; it understands none of them. */
class CompactReader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new CausewayError(SQLSTATE.dataCorrupted, 'a Parquet footer ends inside a value');
    return byte;
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  /** The next field after field `last`, or undefined at the end of the struct. */
  field(last: number): { id: number; type: number } | undefined {
    const byte = this.#byte();
    if (byte === 0) return undefined;
    const delta = byte >> 4;
    if (delta > 0) return { id: last + delta, type: byte & 15 };
    const id = this.#varint();
    return { id: id % 2 === 0 ? id / 2 : -(id + 1) / 2, type: byte & 15 };
  }

  #listHeader(): { length: number; type: number } {
    const byte = this.#byte();
    const short = byte >> 4;
    return { length: short === 15 ? this.#length() : short, type: byte & 15 };
  }

  /** A count of elements, each of which takes a byte at least. */
  #length(): number {
    const length = this.#varint();
    if (length <= this.#bytes.length) return length;
    throw new CausewayError(
      SQLSTATE.dataCorrupted,
      `a Parquet footer claims ${length} elements in ${this.#bytes.length} bytes`,
    );
  }

  /** The bytes of each element of a list. */
  list(type: number): Uint8Array[] {
    if (type !== 9) throw new CausewayError(SQLSTATE.dataCorrupted, 'a Parquet footer has no list of row groups');
    const header = this.#listHeader();
    return Array.from({ length: header.length }, () => {
      const from = this.at;
      this.skip(header.type, true);
      return this.#bytes.subarray(from, this.at);
    });
  }

  #take(bytes: number): void {
    this.at += bytes;
  }

  /** Steps over a value. Booleans take a byte inside collections only. */
  skip(type: number, element = false): void {
    switch (type) {
      case 1:
      case 2:
        if (element) this.at++;
        return;
      case 3:
        this.at++;
        return;
      case 4:
      case 5:
      case 6:
        this.#varint();
        return;
      case 7:
        this.at += 8;
        return;
      case 8:
        this.#take(this.#varint());
        return;
      case 9:
      case 10: {
        const { length, type: of } = this.#listHeader();
        for (let i = 0; i < length; i++) this.skip(of, true);
        return;
      }
      case 11: {
        const length = this.#length();
        if (length === 0) return;
        const types = this.#byte();
        for (let i = 0; i < length; i++) {
          this.skip(types >> 4, true);
          this.skip(types & 15, true);
        }
        return;
      }
      case STRUCT:
        for (let id = 0; ; ) {
          const header = this.field(id);
          if (header === undefined) return;
          id = header.id;
          this.skip(header.type);
        }
      case 13:
        this.at += 16;
        return;
      default:
        throw new CausewayError(SQLSTATE.dataCorrupted, `a Parquet footer holds a value of unknown type ${type}`);
    }
  }
}
