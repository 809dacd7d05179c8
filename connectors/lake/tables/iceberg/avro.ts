/** Avro object container files, as Iceberg's manifests are written: whole files to arrays of records. */
import { Readable } from 'node:stream';
import { inflateRaw, zstdDecompress } from 'node:zlib';
import avro from 'avsc';
import { CausewayError, messageOf, SQLSTATE } from '../../../../src/plan/errors.ts';

/** Iceberg's ids have 63 bits: longs are bigint. */
export const long = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

/** The most records of one file; a manifest that claims more is taken for damaged. */
const MOST = 5_000_000;

/** The records of an Avro file. @throws CausewayError XX001 naming `file`. */
export async function avroRecords<T>(bytes: Uint8Array, file: string): Promise<T[]> {
  const decoder = new avro.streams.BlockDecoder({
    parseHook: (schema) => avro.Type.forSchema(schema, { registry: { long } }),
    codecs: {
      null: (data: Buffer, done: (error: Error | null, data: Buffer) => void) => done(null, data),
      deflate: (data: Buffer, done: (error: Error | null, data: Buffer) => void) => inflateRaw(data, done),
      zstandard: (data: Buffer, done: (error: Error | null, data: Buffer) => void) => zstdDecompress(data, done),
    },
  });
  const records: T[] = [];
  try {
    for await (const record of Readable.from([bytes], { objectMode: false }).pipe(decoder)) {
      records.push(record as T);
      if (records.length > MOST) throw new Error(`it holds more than ${MOST} records`);
    }
  } catch (error) {
    throw new CausewayError(SQLSTATE.dataCorrupted, `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return records;
}
