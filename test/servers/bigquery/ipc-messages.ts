/** Arrow IPC messages one by one, as a read session and its rows carry them: without the stream's end behind. */
import { zstdCompressSync } from 'node:zlib';
import {
  CompressionType,
  compressionRegistry,
  type RecordBatch,
  RecordBatchStreamWriter,
  type Schema,
} from 'apache-arrow';
import lz4 from 'lz4js';

/** A continuation marker and a length of 0. */
const END_OF_STREAM = 8;

let codecs = false;

/** A registered codec has to decode as well; the product has registered how. */
function registerEncoders(): void {
  if (codecs) return;
  codecs = true;
  const add = (type: CompressionType, encode: (bytes: Uint8Array) => Uint8Array) =>
    compressionRegistry.set(type, { ...compressionRegistry.get(type), encode });
  add(CompressionType.LZ4_FRAME, (bytes) => lz4.compress(bytes));
  add(CompressionType.ZSTD, (bytes) => zstdCompressSync(bytes));
}

function written(schema: Schema, batch: RecordBatch | undefined, compression: CompressionType | undefined): Uint8Array {
  registerEncoders();
  const writer = new RecordBatchStreamWriter(compression === undefined ? {} : { compressionType: compression });
  if (batch === undefined) writer.reset(undefined, schema);
  else writer.write(batch);
  writer.finish();
  return writer.toUint8Array(true);
}

export const schemaMessage = (schema: Schema): Uint8Array => {
  const bytes = written(schema, undefined, undefined);
  return bytes.subarray(0, bytes.length - END_OF_STREAM);
};

/** `behind`: the length of the schema's message. */
export function batchMessage(batch: RecordBatch, behind: number, compression?: CompressionType): Uint8Array {
  const bytes = written(batch.schema, batch, compression);
  return bytes.subarray(behind, bytes.length - END_OF_STREAM);
}
