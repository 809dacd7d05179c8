/**
 * Deletion vectors: the positions of deleted rows of one file, as a bitmap beside it (PROTOCOL.md, "Deletion Vector
 * Format"). The bitmap is a 64-bit array of 32-bit Roaring bitmaps (RoaringFormatSpec). Iceberg's v3 vectors have the
 * same payload.
 */
import { crc32 } from 'node:zlib';
import { CausewayError, SQLSTATE } from '../../../../src/plan/errors.ts';

/** "1681511377", little endian, before a RoaringBitmapArray in portable form. */
const MAGIC = 1_681_511_377;

/** The file name part of a vector of storage type `u`: a prefix and a Z85 UUID of 20 characters. */
export function vectorFile(pathOrInlineDv: string): string {
  const prefix = pathOrInlineDv.slice(0, -20);
  const hex = decodeZ85(pathOrInlineDv.slice(-20)).toString('hex');
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return `${prefix === '' ? '' : `${prefix}/`}deletion_vector_${uuid}.bin`;
}

const Z85 = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';

/** ZeroMQ RFC 32: five characters are four bytes. @throws CausewayError on other characters. */
export function decodeZ85(text: string): Buffer {
  const bytes = Buffer.alloc(Math.ceil(text.length / 5) * 4);
  for (let i = 0; i < text.length; i += 5) {
    let value = 0;
    for (const character of text.slice(i, i + 5).padEnd(5, '0')) {
      const digit = Z85.indexOf(character);
      if (digit < 0) throw corrupt('its name is not Z85');
      value = value * 85 + digit;
    }
    bytes.writeUInt32BE(value >>> 0, (i / 5) * 4);
  }
  return bytes;
}

/**
 * The vector in a file: length (big endian), payload, CRC-32 (big endian) at `offset`.
 * @throws CausewayError XX001 when length or checksum do not fit.
 */
export function payloadAt(file: Buffer, size: number): Buffer {
  if (file.length < size + 8 || file.readUInt32BE(0) !== size) throw corrupt('its length is not the one in the log');
  const payload = file.subarray(4, 4 + size);
  if (crc32(payload) !== file.readUInt32BE(4 + size)) throw corrupt('its checksum does not fit');
  return payload;
}

/** The positions in a payload, ascending. */
export function* positions(payload: Buffer): Iterable<number> {
  if (payload.length < 12 || payload.readUInt32LE(0) !== MAGIC) throw corrupt('its magic number is unknown');
  const reader = new Reader(payload, 4);
  const bitmaps = reader.uint64();
  for (let i = 0; i < bitmaps; i++) {
    const high = reader.uint32() * 2 ** 32;
    for (const low of roaring32(reader)) yield high + low;
  }
}

class Reader {
  at: number;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  #take(bytes: number): number {
    const from = this.at;
    this.at += bytes;
    if (this.at > this.#bytes.length) throw corrupt('it is cut short');
    return from;
  }

  uint16(): number {
    return this.#bytes.readUInt16LE(this.#take(2));
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  uint64(): number {
    return Number(this.#bytes.readBigUInt64LE(this.#take(8)));
  }

  bytes(length: number): Buffer {
    const from = this.#take(length);
    return this.#bytes.subarray(from, from + length);
  }
}

const COOKIE = 12_346;
const COOKIE_WITH_RUNS = 12_347;
/** Containers from which on the runs format has an offset table. */
const OFFSETS_FROM = 4;
/** Values up to which a container is a sorted array. */
const ARRAY_LIMIT = 4096;

/** A 32-bit Roaring bitmap in the portable format. */
function* roaring32(reader: Reader): Iterable<number> {
  const cookie = reader.uint32();
  const hasRuns = (cookie & 0xffff) === COOKIE_WITH_RUNS;
  if (!hasRuns && cookie !== COOKIE) throw corrupt('it is no Roaring bitmap');
  const count = hasRuns ? (cookie >>> 16) + 1 : reader.uint32();
  if (count > 65_536) throw corrupt('it has too many containers');
  const runs = hasRuns ? reader.bytes(Math.ceil(count / 8)) : undefined;
  const headers = Array.from({ length: count }, () => ({ key: reader.uint16(), size: reader.uint16() + 1 }));
  if (!hasRuns || count >= OFFSETS_FROM) reader.bytes(count * 4);
  for (const [i, { key, size }] of headers.entries()) {
    const high = key * 65_536;
    if (runs !== undefined && (runs[i >> 3]! >> (i & 7)) & 1) {
      for (let left = reader.uint16(); left > 0; left--) {
        const start = reader.uint16();
        const length = reader.uint16();
        for (let value = start; value <= start + length; value++) yield high + value;
      }
    } else if (size <= ARRAY_LIMIT) {
      const values = reader.bytes(size * 2);
      for (let at = 0; at < values.length; at += 2) yield high + values.readUInt16LE(at);
    } else {
      const bits = reader.bytes(8192);
      for (let value = 0; value < 65_536; value++) if ((bits[value >> 3]! >> (value & 7)) & 1) yield high + value;
    }
  }
}

const corrupt = (why: string): CausewayError =>
  new CausewayError(SQLSTATE.dataCorrupted, `a deletion vector cannot be read: ${why}`);
