/** What is used of lz4js, which brings no types. */
declare module 'lz4js' {
  /** The content of an LZ4 frame. @throws Error when it is none */
  export function decompress(frame: Uint8Array): Uint8Array;
  export function compress(content: Uint8Array): Uint8Array;
}
