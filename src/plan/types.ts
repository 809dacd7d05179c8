/** SQL types as the whole product speaks of them: PostgreSQL's names and meaning, one frozen object per type. */

/** Types without parameters. `unknown` is the type of an untyped literal or NULL, as in PostgreSQL. */
export type ScalarKind =
  | 'boolean'
  | 'smallint'
  | 'integer'
  | 'bigint'
  | 'real'
  | 'double'
  | 'text'
  | 'bytea'
  | 'date'
  | 'time'
  | 'timetz'
  | 'timestamp'
  | 'timestamptz'
  | 'interval'
  | 'uuid'
  | 'json'
  | 'jsonb'
  | 'unknown';

export type SqlType =
  | { readonly kind: ScalarKind }
  /** Without precision: PostgreSQL's unbounded numeric. */
  | { readonly kind: 'numeric'; readonly precision?: number; readonly scale?: number }
  | { readonly kind: 'varchar'; readonly length?: number }
  | { readonly kind: 'char'; readonly length: number }
  | { readonly kind: 'array'; readonly element: SqlType };

export type TypeKind = SqlType['kind'];

/** The one frozen object of a parameterless type. */
export const scalar = (kind: ScalarKind): SqlType => SCALARS[kind];

const SCALAR_KINDS = [
  'boolean',
  'smallint',
  'integer',
  'bigint',
  'real',
  'double',
  'text',
  'bytea',
  'date',
  'time',
  'timetz',
  'timestamp',
  'timestamptz',
  'interval',
  'uuid',
  'json',
  'jsonb',
  'unknown',
] as const satisfies readonly ScalarKind[];

/** Every kind of type. */
export const TYPE_KINDS: readonly TypeKind[] = Object.freeze([...SCALAR_KINDS, 'numeric', 'varchar', 'char', 'array']);

const SCALARS = Object.freeze(
  Object.fromEntries(SCALAR_KINDS.map((kind) => [kind, Object.freeze({ kind })])),
) as Readonly<Record<ScalarKind, SqlType>>;

/** `numeric`, `numeric(p)` or `numeric(p, s)`. */
export const numeric = (precision?: number, scale?: number): SqlType =>
  Object.freeze({
    kind: 'numeric',
    ...(precision === undefined ? {} : { precision }),
    ...(scale === undefined ? {} : { scale }),
  });

/** An array of `element`. */
export const arrayOf = (element: SqlType): SqlType => Object.freeze({ kind: 'array', element });

/** The type as PostgreSQL's `format_type` spells it. */
export function typeName(type: SqlType): string {
  switch (type.kind) {
    case 'numeric':
      if (type.precision === undefined) return 'numeric';
      return `numeric(${type.precision},${type.scale ?? 0})`;
    case 'varchar':
      return type.length === undefined ? 'character varying' : `character varying(${type.length})`;
    case 'char':
      return `character(${type.length})`;
    case 'array':
      return `${typeName(type.element)}[]`;
    default:
      return SPELLING[type.kind] ?? type.kind;
  }
}

/** The type's name without its length or precision, as PostgreSQL's messages about functions have it. */
export function bareTypeName(type: SqlType): string {
  if (type.kind === 'array') return `${bareTypeName(type.element)}[]`;
  return type.kind === 'numeric' ? 'numeric' : typeName(type).replace(/\(.*\)/, '');
}

const SPELLING: Partial<Record<ScalarKind, string>> = {
  double: 'double precision',
  time: 'time without time zone',
  timetz: 'time with time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
};

/** True for the types arithmetic is defined on, dates and intervals aside. */
export const isNumeric = (type: SqlType): boolean =>
  type.kind === 'smallint' ||
  type.kind === 'integer' ||
  type.kind === 'bigint' ||
  type.kind === 'real' ||
  type.kind === 'double' ||
  type.kind === 'numeric';

/** True for character types. */
export const isText = (type: SqlType): boolean =>
  type.kind === 'text' || type.kind === 'varchar' || type.kind === 'char' || type.kind === 'unknown';

/** True for the types a time series can be ordered by. */
export const isTemporal = (type: SqlType): boolean =>
  type.kind === 'date' || type.kind === 'timestamp' || type.kind === 'timestamptz';

/** Structural equality of two types. */
export const sameType = (a: SqlType, b: SqlType): boolean => typeName(a) === typeName(b);
