/** Compressed buffers of Arrow IPC ("Columnar format, Buffer compression"): apache-arrow brings no codecs of its own. */
import { zstdDecompressSync } from 'node:zlib';
import { CompressionType, compressionRegistry } from 'apache-arrow';
import lz4 from 'lz4js';

/** Lets apache-arrow read buffers in LZ4 frames and ZSTD. */
export function registerArrowCodecs(): void {
  compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: (bytes) => lz4.decompress(bytes) });
  compressionRegistry.set(CompressionType.ZSTD, { decode: (bytes) => zstdDecompressSync(bytes) });
}
