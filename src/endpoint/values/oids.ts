/** PostgreSQL's type numbers (pg_type.dat) for the types of `src/plan/types.ts`, both ways. */
import { arrayOf, numeric, type ScalarKind, type SqlType, scalar, type TypeKind } from '../../plan/types.ts';

interface TypeNumbers {
  readonly oid: number;
  readonly arrayOid: number;
  /** Bytes of a value; -1 when it varies. */
  readonly size: number;
}

const NUMBERS: Readonly<Record<Exclude<TypeKind, 'array'>, TypeNumbers>> = {
  boolean: { oid: 16, arrayOid: 1000, size: 1 },
  smallint: { oid: 21, arrayOid: 1005, size: 2 },
  integer: { oid: 23, arrayOid: 1007, size: 4 },
  bigint: { oid: 20, arrayOid: 1016, size: 8 },
  real: { oid: 700, arrayOid: 1021, size: 4 },
  double: { oid: 701, arrayOid: 1022, size: 8 },
  numeric: { oid: 1700, arrayOid: 1231, size: -1 },
  text: { oid: 25, arrayOid: 1009, size: -1 },
  // A literal of unknown type reaches the client as text, as in PostgreSQL since 10.
  unknown: { oid: 25, arrayOid: 1009, size: -1 },
  varchar: { oid: 1043, arrayOid: 1015, size: -1 },
  char: { oid: 1042, arrayOid: 1014, size: -1 },
  bytea: { oid: 17, arrayOid: 1001, size: -1 },
  date: { oid: 1082, arrayOid: 1182, size: 4 },
  time: { oid: 1083, arrayOid: 1183, size: 8 },
  timetz: { oid: 1266, arrayOid: 1270, size: 12 },
  timestamp: { oid: 1114, arrayOid: 1115, size: 8 },
  timestamptz: { oid: 1184, arrayOid: 1185, size: 8 },
  interval: { oid: 1186, arrayOid: 1187, size: 16 },
  uuid: { oid: 2950, arrayOid: 2951, size: 16 },
  json: { oid: 114, arrayOid: 199, size: -1 },
  jsonb: { oid: 3802, arrayOid: 3807, size: -1 },
};

/** The type's number; of an array of arrays that of the array, whose dimensions are not part of its type. */
export function oidOf(type: SqlType): number {
  if (type.kind !== 'array') return NUMBERS[type.kind].oid;
  return type.element.kind === 'array' ? oidOf(type.element) : NUMBERS[type.element.kind].arrayOid;
}

/** Bytes of a value; -1 when it varies. */
export const sizeOf = (type: SqlType): number => (type.kind === 'array' ? -1 : NUMBERS[type.kind].size);

/** The type modifier: length or precision and scale, each plus the 4 bytes of a varlena header; -1 for none. */
export function typmodOf(type: SqlType): number {
  switch (type.kind) {
    case 'varchar':
    case 'char':
      return type.length === undefined ? -1 : type.length + 4;
    case 'numeric':
      // Scales may be negative since PostgreSQL 15: 11 bits, two's complement.
      return type.precision === undefined ? -1 : ((type.precision << 16) | ((type.scale ?? 0) & 0x7ff)) + 4;
    case 'array':
      return typmodOf(type.element);
    default:
      return -1;
  }
}

const BY_OID = new Map<number, SqlType>();
for (const kind of Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]) {
  if (kind === 'unknown') continue;
  const { oid, arrayOid } = NUMBERS[kind];
  const type: SqlType =
    kind === 'numeric'
      ? numeric()
      : kind === 'varchar'
        ? { kind }
        : kind === 'char'
          ? { kind, length: 1 }
          : scalar(kind satisfies ScalarKind);
  BY_OID.set(oid, type);
  BY_OID.set(arrayOid, arrayOf(type));
}
// name and "char" read and write as text; oid reads as an integer without sign.
BY_OID.set(19, scalar('text'));
BY_OID.set(26, scalar('bigint'));

/** The type a client's parameter number means; `unknown` for 0, 705 and numbers not known here. */
export const typeOfOid = (oid: number): SqlType => BY_OID.get(oid) ?? scalar('unknown');
