/** Type names as written (`numeric(10,2)[]`) to plan types. */
import type { Node, TypeName } from '@pgsql/types';
import { SQLSTATE } from '../../plan/errors.ts';
import { didYouMean } from '../../plan/nearest.ts';
import { arrayOf, numeric, type ScalarKind, type SqlType, scalar } from '../../plan/types.ts';
import { errorAt, type Level, NotModelled, nameParts } from './context.ts';

const NAMES: Readonly<Record<string, ScalarKind | 'numeric' | 'varchar' | 'char'>> = {
  bool: 'boolean',
  boolean: 'boolean',
  int2: 'smallint',
  smallint: 'smallint',
  int4: 'integer',
  int: 'integer',
  integer: 'integer',
  int8: 'bigint',
  bigint: 'bigint',
  float4: 'real',
  real: 'real',
  float8: 'double',
  text: 'text',
  bytea: 'bytea',
  date: 'date',
  time: 'time',
  timetz: 'timetz',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
  interval: 'interval',
  uuid: 'uuid',
  json: 'json',
  jsonb: 'jsonb',
  numeric: 'numeric',
  decimal: 'numeric',
  varchar: 'varchar',
  bpchar: 'char',
};

/**
 * The plan type of a written type.
 * @throws NotModelled (42704 `type "x" does not exist`) for a type the plan does not know
 */
export function typeOf(level: Level, typeName: TypeName): SqlType {
  const parts = nameParts(typeName.names);
  const name = parts.at(-1) ?? '';
  const kind =
    Object.hasOwn(NAMES, name) && (parts.length === 1 || parts[0] === 'pg_catalog') ? NAMES[name] : undefined;
  if (kind === undefined) {
    const hint = didYouMean(name, Object.keys(NAMES));
    const place = typeName.location;
    const details = hint === undefined ? {} : { hint };
    throw new NotModelled(
      errorAt(level, SQLSTATE.undefinedObject, `type "${parts.join('.')}" does not exist`, place, details),
    );
  }
  const [first, second] = (typeName.typmods ?? []).map(wholeNumber);
  let type: SqlType;
  if (kind === 'numeric') {
    if (first !== undefined && (first < 1 || first > 1000)) {
      const message = `NUMERIC precision ${first} must be between 1 and 1000`;
      throw errorAt(level, SQLSTATE.invalidParameterValue, message, typeName.location);
    }
    type = first === undefined ? numeric() : numeric(first, second ?? 0);
  } else if (kind === 'varchar') {
    type = Object.freeze(first === undefined ? { kind } : { kind, length: first });
  } else if (kind === 'char') {
    // `bpchar` without a length is text whose trailing spaces do not count; `char` alone has length 1.
    type = first === undefined ? scalar('text') : Object.freeze({ kind, length: first });
  } else {
    type = scalar(kind);
  }
  for (const _ of typeName.arrayBounds ?? []) type = arrayOf(type);
  return type;
}

/** INTERVAL_MASK bits of PostgreSQL's `utils/datetime.h`, smallest field first. */
const INTERVAL_FIELDS: readonly (readonly [mask: number, unit: string])[] = [
  [1 << 12, 'seconds'],
  [1 << 11, 'minutes'],
  [1 << 10, 'hours'],
  [1 << 3, 'days'],
  [1 << 1, 'months'],
  [1 << 2, 'years'],
];

/** The unit a bare number has in `interval '1' year`; the smallest field of a range. */
export function intervalUnit(typeName: TypeName): string | undefined {
  const mask = wholeNumber(typeName.typmods?.[0]) ?? 0;
  if (mask === 0 || mask === 0x7fff) return undefined;
  return INTERVAL_FIELDS.find(([bit]) => (mask & bit) !== 0)?.[1];
}

function wholeNumber(node: Node | undefined): number | undefined {
  if (node === undefined || !('A_Const' in node)) return undefined;
  return node.A_Const.ival === undefined ? undefined : (node.A_Const.ival.ival ?? 0);
}
