/** The untyped packets that open a connection (PostgreSQL documentation, "Message Formats"). */
import { ByteReader } from './byte-reader.ts';
import { ProtocolViolation } from './conditions.ts';

const CANCEL_REQUEST = 80877102;
const SSL_REQUEST = 80877103;
const GSSENC_REQUEST = 80877104;

export type StartupPacket =
  | { readonly kind: 'ssl-request' }
  | { readonly kind: 'gssenc-request' }
  | { readonly kind: 'cancel'; readonly pid: number; readonly secret: Buffer }
  | {
      readonly kind: 'startup';
      readonly minor: number;
      readonly parameters: ReadonlyMap<string, string>;
      /** `_pq_.` options: protocol extensions the client would like; none is known here. */
      readonly extensions: readonly string[];
    };

/** @throws ProtocolViolation on anything that is not protocol 3.x. */
export function decodeStartup(body: Buffer): StartupPacket {
  const reader = new ByteReader(body);
  const code = reader.uint32();
  switch (code) {
    case SSL_REQUEST:
      reader.end();
      return { kind: 'ssl-request' };
    case GSSENC_REQUEST:
      reader.end();
      return { kind: 'gssenc-request' };
    case CANCEL_REQUEST:
      // Protocol 3.2 lets the secret be up to 256 bytes long.
      return { kind: 'cancel', pid: reader.int32(), secret: reader.rest() };
  }
  const major = code >>> 16;
  if (major !== 3) {
    throw new ProtocolViolation(
      `unsupported frontend protocol ${major}.${code & 0xffff}: server supports 3.0 to 3.2`,
      '0A000',
    );
  }
  const parameters = new Map<string, string>();
  const extensions: string[] = [];
  for (;;) {
    const name = reader.cstring();
    if (name === '') break;
    if (name.startsWith('_pq_.')) {
      extensions.push(name);
      reader.cstring();
    } else {
      parameters.set(name, reader.cstring());
    }
  }
  reader.end();
  return { kind: 'startup', minor: code & 0xffff, parameters, extensions };
}
