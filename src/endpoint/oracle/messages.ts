/** Reads the messages with which the oracle answers. */
import { CausewayError } from '../../plan/errors.ts';
import type { FieldDescription } from '../wire/backend.ts';
import { ByteReader } from '../wire/byte-reader.ts';

export interface BackendMessage {
  readonly type: string;
  readonly body: Buffer;
  /** With type and length, as it can be sent on. */
  readonly raw: Buffer;
}

export function splitMessages(bytes: Buffer): BackendMessage[] {
  const messages: BackendMessage[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    messages.push({
      type: String.fromCharCode(bytes[at]!),
      body: bytes.subarray(at + 5, end),
      raw: bytes.subarray(at, end),
    });
    at = end;
  }
  return messages;
}

export function readRowDescription(body: Buffer): FieldDescription[] {
  const reader = new ByteReader(body);
  return Array.from({ length: reader.uint16() }, () => {
    const name = reader.cstring();
    const tableOid = reader.uint32();
    const attribute = reader.int16();
    const typeOid = reader.uint32();
    const typeSize = reader.int16();
    const typmod = reader.int32();
    reader.int16();
    return { name, tableOid, attribute, typeOid, typeSize, typmod };
  });
}

export function readParameterDescription(body: Buffer): number[] {
  const reader = new ByteReader(body);
  return Array.from({ length: reader.uint16() }, () => reader.uint32());
}

/** Fields of a row in text format. */
export function readDataRow(body: Buffer): (string | null)[] {
  const reader = new ByteReader(body);
  return Array.from({ length: reader.uint16() }, () => {
    const length = reader.int32();
    return length === -1 ? null : reader.bytes(length).toString();
  });
}

export const readTag = (body: Buffer): string => new ByteReader(body).cstring();

/** An error of the oracle, with the character position it names (from 1). */
export class OracleError extends CausewayError {
  readonly character: number | undefined;

  constructor(fields: ReadonlyMap<string, string>) {
    const detail = fields.get('D');
    const hint = fields.get('H');
    super(fields.get('C') ?? 'XX000', fields.get('M') ?? 'unknown error', {
      ...(detail === undefined ? {} : { detail }),
      ...(hint === undefined ? {} : { hint }),
    });
    this.name = 'OracleError';
    const position = fields.get('P');
    this.character = position === undefined ? undefined : Number(position);
  }
}

/** The fields of an ErrorResponse or NoticeResponse by their letter. */
export function readErrorFields(body: Buffer): Map<string, string> {
  const reader = new ByteReader(body);
  const fields = new Map<string, string>();
  for (let code = reader.uint8(); code !== 0; code = reader.uint8()) {
    fields.set(String.fromCharCode(code), reader.cstring());
  }
  return fields;
}
