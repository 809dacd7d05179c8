/** Types as a silo's own SQL declares them, and ours: two tables of data for each kind of silo, one for each way. */

import { numeric, type ScalarKind, type SqlType, scalar, type TypeKind } from '../src/plan/types.ts';

/**
 * Patterns for declared types, the first that fits wins; what fits none is text. `numeric` and `varchar` take the numbers
 * in the declaration's brackets.
 */
export type DeclaredTypes = readonly (readonly [pattern: RegExp, type: ScalarKind | 'numeric' | 'varchar'])[];

/** The same names, read. */
export const STANDARD_TYPES: DeclaredTypes = [
  [/^bool/i, 'boolean'],
  [/^(smallint|int2)\b/i, 'smallint'],
  [/^(int|integer|int4|mediumint)\b/i, 'integer'],
  [/^(bigint|int8)\b/i, 'bigint'],
  [/^(numeric|decimal|dec|number)\b/i, 'numeric'],
  [/^(real|float4)\b/i, 'real'],
  [/^(double|float|float8)\b/i, 'double'],
  [/^(varchar|character varying)\b/i, 'varchar'],
  [/^(\w*blob|binary|varbinary|bytea)\b/i, 'bytea'],
  [/^(timestamptz|timestamp.* with time zone)/i, 'timestamptz'],
  [/^(timestamp|datetime)/i, 'timestamp'],
  [/^date\b/i, 'date'],
  [/^time\b/i, 'time'],
  [/^json/i, 'json'],
];

/** The most digits that a decimal of the mediator has. */
const MOST_DIGITS = 38;

/** The type of `decimal(12,2)`, `int(10) unsigned`, `varchar(20)`. */
export function typeOfDeclared(types: DeclaredTypes, declared: string): SqlType {
  const kind = types.find(([pattern]) => pattern.test(declared))?.[1] ?? 'text';
  const [, first, second = '0'] = /\(\s*(\d+)(?:\s*,\s*(\d+))?/.exec(declared) ?? [];
  if (kind === 'varchar') return first === undefined ? scalar('text') : { kind, length: Number(first) };
  if (kind !== 'numeric') return scalar(kind);
  return first === undefined || Number(first) > MOST_DIGITS ? numeric() : numeric(Number(first), Number(second));
}

/**
 * What columns are declared as, so that they are read back as the types they were written with: `$p`, `$s` stand for a
 * numeric's precision and scale, `$n` for a length. `other` is for all types without a line, and for those that lack what their line
 * asks for. A function is given a numeric's precision.
 */
export type Declarations = Readonly<Partial<Record<TypeKind, string | ((precision: number) => string)>>> & {
  readonly other: string;
};

/** The standard's names, and those that most engines take for them. */
export const STANDARD_DECLARATIONS: Declarations = {
  boolean: 'boolean',
  smallint: 'smallint',
  integer: 'integer',
  bigint: 'bigint',
  real: 'real',
  double: 'double precision',
  numeric: 'numeric($p, $s)',
  varchar: 'varchar($n)',
  bytea: 'blob',
  date: 'date',
  time: 'time(6)',
  timestamp: 'timestamp(6)',
  json: 'json',
  other: 'text',
};

/** The declaration of a column of `type`. */
export function declarationOf(declarations: Declarations, type: SqlType): string {
  const precision = type.kind === 'numeric' ? type.precision : undefined;
  const line = declarations[type.kind] ?? declarations.other;
  const template = typeof line === 'string' ? line : line(precision ?? Number.POSITIVE_INFINITY);
  if (!template.includes('$')) return template;
  if (type.kind === 'numeric' && precision !== undefined) {
    return template.replace('$p', String(precision)).replace('$s', String(type.scale ?? 0));
  }
  const length = type.kind === 'varchar' || type.kind === 'char' ? type.length : undefined;
  return length === undefined ? declarations.other : template.replace('$n', String(length));
}
