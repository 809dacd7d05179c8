/** The file formats of a lake, and which one a file's name says. */

export type FileFormat = 'parquet' | 'csv' | 'json' | 'arrow';

const EXTENSIONS: Readonly<Record<string, FileFormat>> = {
  parquet: 'parquet',
  parq: 'parquet',
  csv: 'csv',
  tsv: 'csv',
  json: 'json',
  ndjson: 'json',
  jsonl: 'json',
  arrow: 'arrow',
  arrows: 'arrow',
  feather: 'arrow',
};

const COMPRESSED = /\.(gz|zst)$/i;

/** The format by the file's extension, with or without one for its compression. */
export function formatOf(key: string): FileFormat | undefined {
  const extension = key.replace(COMPRESSED, '').split('.').at(-1)!.toLowerCase();
  return key.includes('.') && Object.hasOwn(EXTENSIONS, extension) ? EXTENSIONS[extension] : undefined;
}

export const isCompressed = (key: string): boolean => COMPRESSED.test(key);

/** The name of a table made of one file: the file's name without extensions. */
export const stemOf = (key: string): string =>
  key
    .split('/')
    .at(-1)!
    .replace(COMPRESSED, '')
    .replace(/\.[^.]+$/, '');

/** Files that writers leave beside the data: `_SUCCESS`, `.crc`, `_metadata`. */
export const isHidden = (key: string): boolean => /^[_.]/.test(key.split('/').at(-1)!);
