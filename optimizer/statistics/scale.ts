/** Values on a number line, so that histograms of any ordered type can be interpolated. */
import type { LiteralValue } from '../../src/plan/expressions.ts';
import type { SqlType } from '../../src/plan/types.ts';

/** Characters that take part in a text's place on the line; a double holds no more. */
const TEXT_PREFIX = 6;

/** The place of `value` among the values of `type`; undefined where the type has no useful order. */
export function onScale(value: LiteralValue, type: SqlType): number | undefined {
  if (value === null) return undefined;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'number') return Number.isNaN(value) ? undefined : value;
  if (typeof value === 'bigint') return Number(value);
  switch (type.kind) {
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return instant(value);
    case 'time':
    case 'timetz':
      return instant(`1970-01-01 ${value}`);
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'real':
    case 'double':
    case 'numeric': {
      const number = Number(value);
      return value.trim() === '' || Number.isNaN(number) ? undefined : number;
    }
    case 'text':
    case 'varchar':
    case 'char':
    case 'uuid':
    case 'unknown':
      return textPosition(value);
    default:
      return undefined;
  }
}

/** Milliseconds since 1970 UTC of PostgreSQL's date and timestamp text; a missing zone is UTC. */
function instant(text: string): number | undefined {
  const iso = text.trim().replace(' ', 'T');
  const time = iso.slice(10);
  const zone = /(?:z|[+-]\d\d(?::?\d\d)?)$/i.test(time) || time === '' ? '' : 'Z';
  const parsed = Date.parse(iso.slice(0, 10) + time.replace(/([+-]\d\d)$/, '$1:00') + zone);
  return Number.isNaN(parsed) ? undefined : parsed;
}

/** A text as a base-256 fraction of its first bytes, in C order. */
function textPosition(text: string): number {
  const bytes = Buffer.from(text.slice(0, TEXT_PREFIX), 'utf8');
  let position = 0;
  for (let i = 0; i < TEXT_PREFIX; i++) position = position * 256 + (bytes[i] ?? 0);
  return position;
}
