/** The cells of JSON results — `{"f": [{"v": "1"}, {"v": null}]}` — as values that ../row-batches.ts takes. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { ResultColumn } from '../connector.ts';
import { intervalText, timestampText } from '../postgres-language/text.ts';
import type { RowValue } from '../row-batches.ts';
import { type Field, typeOf } from './types.ts';

export interface Cell {
  readonly v: CellValue;
}
type CellValue = string | null | { readonly f: readonly Cell[] } | readonly Cell[];

export interface ResultRow {
  readonly f: readonly Cell[];
}

/** Reads one column's cells. */
export type CellReader = (cell: Cell) => RowValue;

/**
 * @param fields the result's columns as the service tells them
 * @throws CausewayError when they are not those that were planned: a moment read as a number would pass for one
 */
export function cellReaders(fields: readonly Field[], columns: readonly ResultColumn[]): readonly CellReader[] {
  if (fields.length !== columns.length) {
    throw new CausewayError(
      SQLSTATE.internalError,
      `BigQuery returned ${fields.length} columns instead of ${columns.length}`,
    );
  }
  return columns.map((column, i) => {
    const field = fields[i]!;
    checkKind(field, column);
    const read = valueReader(field);
    return ({ v }) => (v === null ? null : read(v));
  });
}

/** Kinds whose spelling is their own. */
const SPELLED: ReadonlySet<string> = new Set(['date', 'time', 'timestamp', 'timestamptz', 'interval', 'bytea', 'json']);
const SAME: Readonly<Record<string, string>> = { jsonb: 'json' };

function checkKind(field: Field, { name, type }: ResultColumn): void {
  const told = typeOf(field).kind;
  const planned = SAME[type.kind] ?? type.kind;
  if (told === planned || (!SPELLED.has(told) && !SPELLED.has(planned))) return;
  throw new CausewayError(
    SQLSTATE.datatypeMismatch,
    `column "${name}" came from BigQuery as ${field.type} instead of ${type.kind}`,
  );
}

function valueReader(field: Field): (value: Exclude<CellValue, null>) => RowValue {
  if (field.mode === 'REPEATED' || field.fields !== undefined) return (value) => jsonOf(field, value);
  switch (field.type) {
    case 'BYTES':
      return (value) => Buffer.from(String(value), 'base64');
    case 'TIMESTAMP':
      // Microseconds: asked for by useInt64Timestamp.
      return (value) => BigInt(String(value));
    case 'FLOAT':
    case 'FLOAT64':
      return (value) => floatOf(String(value));
    case 'INTERVAL':
      return (value) => intervalOf(String(value));
    default:
      return (value) => String(value);
  }
}

/** `Infinity`, `-Infinity`, `NaN` and, from some of the service's interfaces, `inf`. */
const floatOf = (text: string): number =>
  /^[-+]?inf$/i.test(text)
    ? text.startsWith('-')
      ? Number.NEGATIVE_INFINITY
      : Number.POSITIVE_INFINITY
    : Number(text);

/** `[-]Y-M [-]D [-]H:M:S[.F]` (GoogleSQL, interval type) in PostgreSQL's spelling. */
export function intervalOf(text: string): string {
  const parts = /^(-?)(\d+)-(\d+) (-?\d+) (-?)(\d+):(\d+):(\d+)(?:\.(\d+))?$/.exec(text);
  if (parts === null) return text;
  const [, before, years, months, days, sign, hours, minutes, seconds, fraction = ''] = parts;
  const total = Number(years) * 12 + Number(months);
  const time = (BigInt(hours!) * 3600n + BigInt(minutes!) * 60n + BigInt(seconds!)) * 1_000_000n;
  const micros = time + BigInt(fraction.padEnd(6, '0').slice(0, 6));
  return intervalText(before === '-' ? -total : total, Number(days), sign === '-' ? -micros : micros);
}

/** A value inside a record or a list, as JSON: numbers with all their digits, JSON as it is, the rest as texts. */
function jsonOf(field: Field, value: CellValue): string {
  if (value === null) return 'null';
  if (field.mode === 'REPEATED') {
    return `[${(value as readonly Cell[]).map(({ v }) => jsonOf({ ...field, mode: 'NULLABLE' }, v)).join(',')}]`;
  }
  if (field.fields !== undefined) {
    const { f } = value as ResultRow;
    const members = field.fields.map((part, i) => `${JSON.stringify(part.name)}:${jsonOf(part, f[i]!.v)}`);
    return `{${members.join(',')}}`;
  }
  const text = String(value);
  const { kind } = typeOf(field);
  if (kind === 'bigint' || kind === 'numeric') return text;
  if (kind === 'double') return Number.isFinite(Number(text)) ? String(Number(text)) : JSON.stringify(text);
  if (kind === 'boolean' || kind === 'json') return text;
  if (kind === 'interval') return JSON.stringify(intervalOf(text));
  if (kind === 'timestamp') return JSON.stringify(text.replace('T', ' '));
  if (kind === 'timestamptz') return JSON.stringify(timestampText(BigInt(text), true));
  return JSON.stringify(kind === 'bytea' ? `\\x${Buffer.from(text, 'base64').toString('hex')}` : text);
}
