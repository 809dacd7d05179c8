/** What a client says after startup. */
import { ByteReader } from './byte-reader.ts';
import { ProtocolViolation } from './conditions.ts';
import type { Frame } from './framing.ts';

export type Format = 'text' | 'binary';

export type FrontendMessage =
  | { readonly kind: 'query'; readonly text: string }
  | {
      readonly kind: 'parse';
      readonly statement: string;
      readonly text: string;
      readonly parameterOids: readonly number[];
    }
  | BindMessage
  | { readonly kind: 'describe'; readonly target: 'statement' | 'portal'; readonly name: string }
  | { readonly kind: 'execute'; readonly portal: string; readonly maxRows: number }
  | { readonly kind: 'close'; readonly target: 'statement' | 'portal'; readonly name: string }
  | { readonly kind: 'flush' | 'sync' | 'terminate' | 'copy-data' | 'copy-done' | 'copy-fail' | 'function-call' };

export interface BindMessage {
  readonly kind: 'bind';
  readonly portal: string;
  readonly statement: string;
  /** None: all text. One: for all. Otherwise one per value. */
  readonly parameterFormats: readonly Format[];
  readonly parameters: readonly (Buffer | null)[];
  readonly resultFormats: readonly Format[];
  /** The body after the two names, as it came: what another PostgreSQL can be given unchanged. */
  readonly tail: Buffer;
}

const SIMPLE = {
  H: 'flush',
  S: 'sync',
  X: 'terminate',
  d: 'copy-data',
  c: 'copy-done',
  f: 'copy-fail',
  F: 'function-call',
} as const;

/** @throws ProtocolViolation when the frame is no message of protocol 3. */
export function decodeFrontend(frame: Frame): FrontendMessage {
  const reader = new ByteReader(frame.body);
  switch (frame.type) {
    case 'Q': {
      const text = reader.cstring();
      reader.end();
      return { kind: 'query', text };
    }
    case 'P': {
      const statement = reader.cstring();
      const text = reader.cstring();
      const parameterOids = list(reader, () => reader.uint32());
      reader.end();
      return { kind: 'parse', statement, text, parameterOids };
    }
    case 'B':
      return bind(reader, frame.body);
    case 'D':
    case 'C': {
      const target = targetOf(reader);
      const name = reader.cstring();
      reader.end();
      return { kind: frame.type === 'D' ? 'describe' : 'close', target, name };
    }
    case 'E': {
      const portal = reader.cstring();
      const maxRows = Math.max(0, reader.int32());
      reader.end();
      return { kind: 'execute', portal, maxRows };
    }
    default: {
      const kind = SIMPLE[frame.type as keyof typeof SIMPLE];
      if (kind === undefined || !Object.hasOwn(SIMPLE, frame.type)) {
        throw new ProtocolViolation(`invalid frontend message type ${frame.type.charCodeAt(0)}`);
      }
      return { kind };
    }
  }
}

function bind(reader: ByteReader, body: Buffer): BindMessage {
  const portal = reader.cstring();
  const statement = reader.cstring();
  const tail = body.subarray(body.length - reader.remaining);
  const parameterFormats = list(reader, () => format(reader));
  const parameters = list(reader, () => {
    const length = reader.int32();
    return length === -1 ? null : reader.bytes(length);
  });
  if (parameterFormats.length > 1 && parameterFormats.length !== parameters.length) {
    throw new ProtocolViolation(
      `bind message has ${parameterFormats.length} parameter formats but ${parameters.length} parameters`,
    );
  }
  const resultFormats = list(reader, () => format(reader));
  reader.end();
  return { kind: 'bind', portal, statement, parameterFormats, parameters, resultFormats, tail };
}

/** A count and that many items; the count is unsigned: 65,535 parameters are allowed. */
function list<T>(reader: ByteReader, item: () => T): T[] {
  const count = reader.uint16();
  const items: T[] = [];
  for (let i = 0; i < count; i++) items.push(item());
  return items;
}

function format(reader: ByteReader): Format {
  const code = reader.int16();
  if (code === 0) return 'text';
  if (code === 1) return 'binary';
  throw new ProtocolViolation(`unsupported format code: ${code}`, '22023');
}

function targetOf(reader: ByteReader): 'statement' | 'portal' {
  const target = String.fromCharCode(reader.uint8());
  if (target === 'S') return 'statement';
  if (target === 'P') return 'portal';
  throw new ProtocolViolation(`invalid DESCRIBE or CLOSE message subtype ${target.charCodeAt(0)}`);
}
