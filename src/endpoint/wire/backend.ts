/** What the server says: one function per message. */
import type { CausewayError } from '../../plan/errors.ts';
import type { Format } from './frontend.ts';
import type { MessageWriter } from './message-writer.ts';

/** I: idle, T: in a transaction, E: in a failed one. */
export type TransactionStatus = 'I' | 'T' | 'E';

export interface FieldDescription {
  readonly name: string;
  /** Where the column comes from in the catalog; 0 when it is computed. */
  readonly tableOid: number;
  readonly attribute: number;
  readonly typeOid: number;
  readonly typeSize: number;
  readonly typmod: number;
}

export const authenticationOk = (w: MessageWriter) => w.begin('R').int32(0).end();

export function authenticationSasl(w: MessageWriter, mechanisms: readonly string[]): void {
  w.begin('R').int32(10);
  for (const mechanism of mechanisms) w.cstring(mechanism);
  w.byte(0).end();
}

export const authenticationSaslContinue = (w: MessageWriter, data: string) =>
  w.begin('R').int32(11).bytes(Buffer.from(data)).end();

export const authenticationSaslFinal = (w: MessageWriter, data: string) =>
  w.begin('R').int32(12).bytes(Buffer.from(data)).end();

export const parameterStatus = (w: MessageWriter, name: string, value: string) =>
  w.begin('S').cstring(name).cstring(value).end();

export const backendKeyData = (w: MessageWriter, pid: number, secret: Uint8Array) =>
  w.begin('K').int32(pid).bytes(secret).end();

/** The newest minor version of protocol 3 spoken here, and the extensions asked for that are not known. */
export function negotiateProtocolVersion(w: MessageWriter, minor: number, unknown: readonly string[]): void {
  w.begin('v')
    .int32(0x30000 | minor)
    .int32(unknown.length);
  for (const option of unknown) w.cstring(option);
  w.end();
}

export const readyForQuery = (w: MessageWriter, status: TransactionStatus) =>
  w.begin('Z').byte(status.charCodeAt(0)).end();

export const parseComplete = (w: MessageWriter) => w.begin('1').end();
export const bindComplete = (w: MessageWriter) => w.begin('2').end();
export const closeComplete = (w: MessageWriter) => w.begin('3').end();
export const noData = (w: MessageWriter) => w.begin('n').end();
export const emptyQueryResponse = (w: MessageWriter) => w.begin('I').end();
export const portalSuspended = (w: MessageWriter) => w.begin('s').end();
export const copyDone = (w: MessageWriter) => w.begin('c').end();
export const commandComplete = (w: MessageWriter, tag: string) => w.begin('C').cstring(tag).end();

export function parameterDescription(w: MessageWriter, oids: readonly number[]): void {
  w.begin('t').int16(oids.length);
  for (const oid of oids) w.int32(oid);
  w.end();
}

/** `formats`: none means text; one holds for all columns. */
export function rowDescription(
  w: MessageWriter,
  fields: readonly FieldDescription[],
  formats: readonly Format[] = [],
): void {
  w.begin('T').int16(fields.length);
  fields.forEach((field, i) => {
    w.cstring(field.name).int32(field.tableOid).int16(field.attribute);
    w.int32(field.typeOid).int16(field.typeSize).int32(field.typmod);
    w.int16(formatOf(formats, i) === 'binary' ? 1 : 0);
  });
  w.end();
}

/** The format of column `i` under Bind's rule: none is text, one is for all. */
export const formatOf = (formats: readonly Format[], i: number): Format =>
  (formats.length === 1 ? formats[0] : formats[i]) ?? 'text';

export function copyOutResponse(w: MessageWriter, format: Format, columns: number): void {
  const code = format === 'binary' ? 1 : 0;
  w.begin('H').byte(code).int16(columns);
  for (let i = 0; i < columns; i++) w.int16(code);
  w.end();
}

export const copyData = (w: MessageWriter, bytes: Uint8Array) => w.begin('d').bytes(bytes).end();

export type Severity = 'ERROR' | 'FATAL' | 'PANIC';

/** `position` counts characters from 1, as PostgreSQL does. */
export function errorResponse(w: MessageWriter, error: CausewayError, severity: Severity, position?: number): void {
  w.begin('E');
  fields(w, severity, error.sqlstate, error.message, error.detail, error.hint);
  if (position !== undefined) w.byte(0x50).cstring(String(position));
  w.byte(0).end();
}

export function noticeResponse(
  w: MessageWriter,
  notice: { readonly severity: string; readonly message: string; readonly sqlstate?: string; readonly hint?: string },
): void {
  w.begin('N');
  fields(w, notice.severity, notice.sqlstate ?? '00000', notice.message, undefined, notice.hint);
  w.byte(0).end();
}

function fields(
  w: MessageWriter,
  severity: string,
  sqlstate: string,
  message: string,
  detail: string | undefined,
  hint: string | undefined,
): void {
  w.byte(0x53).cstring(severity);
  w.byte(0x56).cstring(severity);
  w.byte(0x43).cstring(sqlstate);
  w.byte(0x4d).cstring(message);
  if (detail !== undefined) w.byte(0x44).cstring(detail);
  if (hint !== undefined) w.byte(0x48).cstring(hint);
}
