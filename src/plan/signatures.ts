/** How a signature is written in the function table (`text, integer -> text`), and what it takes. */
import type { SqlType, TypeKind } from './types.ts';
import { arrayOf, numeric, scalar } from './types.ts';

/**
 * A parameter's type. `any` takes everything, `anynonarray` all but arrays; `anyelement` and `anyarray` (of the element) must agree with each other.
 */
export type ParameterType = SqlType | { readonly kind: 'any' | 'anynonarray' | 'anyelement' | 'anyarray' };

export interface Signature {
  readonly parameters: readonly ParameterType[];
  /** The last parameter may be repeated. */
  readonly variadic: boolean;
  readonly result: ParameterType;
}

/** Reads `a, b... -> r | …`; `t[]` is an array, `…` after the last parameter repeats it. */
export function signatures(text: string): readonly Signature[] {
  return text.split('|').map((overload) => {
    const [left = '', right = ''] = overload.split('->').map((part) => part.trim());
    const words = left === '' ? [] : left.split(',').map((word) => word.trim());
    const variadic = words.at(-1)?.endsWith('...') ?? false;
    return Object.freeze({
      parameters: Object.freeze(words.map((word) => parameterType(word.replace(/\.\.\.$/, '')))),
      variadic,
      result: parameterType(right),
    });
  });
}

function parameterType(word: string): ParameterType {
  if (word === 'any' || word === 'anynonarray' || word === 'anyelement' || word === 'anyarray') {
    return Object.freeze({ kind: word });
  }
  if (word.endsWith('[]')) return arrayOf(parameterType(word.slice(0, -2)) as SqlType);
  if (word === 'numeric') return numeric();
  if (word === 'varchar') return Object.freeze({ kind: 'varchar' });
  return scalar(word as Parameters<typeof scalar>[0]);
}

/** Types that PostgreSQL casts to without being asked, beside the type itself. */
const IMPLICIT: Readonly<Partial<Record<TypeKind, readonly TypeKind[]>>> = {
  smallint: ['integer', 'bigint', 'numeric', 'real', 'double'],
  integer: ['bigint', 'numeric', 'real', 'double'],
  bigint: ['numeric', 'real', 'double'],
  numeric: ['real', 'double'],
  real: ['double'],
  date: ['timestamp', 'timestamptz'],
  timestamp: ['timestamptz'],
  time: ['interval', 'timetz'],
  varchar: ['text', 'char'],
  char: ['text', 'varchar'],
  text: ['varchar', 'char'],
};

/** True when a value of `from` may stand where `to` is expected without a written cast. */
export function castsImplicitly(from: SqlType, to: SqlType): boolean {
  if (from.kind === 'unknown' || from.kind === to.kind) {
    return from.kind !== 'array' || to.kind !== 'array' || castsImplicitly(from.element, to.element);
  }
  return IMPLICIT[from.kind]?.includes(to.kind) ?? false;
}

export type TypeCategory = 'boolean' | 'number' | 'string' | 'datetime' | 'interval' | 'array' | 'unknown' | 'other';

/** PostgreSQL's `typcategory`. */
export function categoryOf(type: SqlType): TypeCategory {
  switch (type.kind) {
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'numeric':
    case 'real':
    case 'double':
      return 'number';
    case 'text':
    case 'varchar':
    case 'char':
      return 'string';
    case 'date':
    case 'time':
    case 'timetz':
    case 'timestamp':
    case 'timestamptz':
      return 'datetime';
    case 'boolean':
    case 'interval':
    case 'array':
    case 'unknown':
      return type.kind;
    default:
      return 'other';
  }
}

/** PostgreSQL's `typispreferred`: the type a category leans to when several would do. */
export const isPreferred = (type: SqlType): boolean =>
  type.kind === 'double' ||
  type.kind === 'text' ||
  type.kind === 'boolean' ||
  type.kind === 'timestamptz' ||
  type.kind === 'interval';
