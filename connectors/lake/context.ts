/** What a silo lends to its tables and scans. */
import type { ObjectCache } from './cache/cache.ts';
import type { ParquetFiles } from './formats/parquet.ts';

export interface ScanContext {
  readonly cache: ObjectCache;
  readonly parquet: ParquetFiles;
}
