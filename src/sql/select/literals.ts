/** Untyped literals read as values of a type, as PostgreSQL's input functions do. */
import { literalNumeric, plainDecimal } from '../../plan/decimals.ts';
import { CausewayError, type Position, SQLSTATE } from '../../plan/errors.ts';
import type { Expression, Literal, LiteralValue } from '../../plan/expressions.ts';
import { type SqlType, scalar, typeName } from '../../plan/types.ts';
import { arrayElements } from './array-literal.ts';

export const literal = (value: LiteralValue, type: SqlType): Literal => Object.freeze({ kind: 'literal', value, type });

const RANGES: Readonly<Record<string, readonly [bigint, bigint]>> = {
  smallint: [-32768n, 32767n],
  integer: [-2147483648n, 2147483647n],
  bigint: [-9223372036854775808n, 9223372036854775807n],
};

/**
 * The literal `text` as a value of `type`; undefined where only an engine can tell (free-form dates and the like), so
 * that a cast must stay.
 * @throws CausewayError 22P02 for text that is no value of the type, 22003 and 22008 for values out of range
 */
export function readLiteral(text: string, type: SqlType, position?: Position): Expression | undefined {
  const at = position === undefined ? {} : { position };
  const invalid = () =>
    new CausewayError(
      SQLSTATE.invalidTextRepresentation,
      `invalid input syntax for type ${typeName(type).replace(/\(.*\)/, '')}: "${text}"`,
      at,
    );
  const trimmed = text.trim();
  switch (type.kind) {
    case 'smallint':
    case 'integer':
    case 'bigint': {
      if (!/^[+-]?\d+$/.test(trimmed)) {
        if (/^[+-]?(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*)$/.test(trimmed)) return undefined;
        throw invalid();
      }
      const value = BigInt(trimmed);
      const [low, high] = RANGES[type.kind]!;
      if (value < low || value > high) {
        const message = `value "${trimmed}" is out of range for type ${typeName(type)}`;
        throw new CausewayError(SQLSTATE.numericValueOutOfRange, message, at);
      }
      return literal(type.kind === 'bigint' ? value : Number(value), type);
    }
    case 'numeric':
      if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(trimmed)) {
        if (/^(?:nan|[+-]?inf(?:inity)?)$/i.test(trimmed)) return undefined;
        throw invalid();
      }
      return readNumeric(trimmed, type, at);
    case 'real':
    case 'double': {
      if (/^(?:nan|[+-]?inf(?:inity)?)$/i.test(trimmed)) return undefined;
      if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(trimmed)) throw invalid();
      const value = Number(trimmed);
      if (!Number.isFinite(type.kind === 'real' ? Math.fround(value) : value)) {
        const message = `"${text}" is out of range for type ${typeName(type)}`;
        throw new CausewayError(SQLSTATE.numericValueOutOfRange, message, at);
      }
      return literal(value, type);
    }
    case 'boolean': {
      const word = trimmed.toLowerCase();
      if (word !== '' && word !== 'o') {
        if (['true', 'yes'].some((full) => full.startsWith(word)) || word === 'on' || word === '1')
          return literal(true, type);
        if (['false', 'no', 'off'].some((full) => full.startsWith(word)) || word === '0') return literal(false, type);
      }
      throw invalid();
    }
    case 'text':
      return literal(text, type);
    case 'varchar':
      return literal(type.length === undefined ? text : [...text].slice(0, type.length).join(''), type);
    case 'char':
      return literal([...text].slice(0, type.length).join('').padEnd(type.length), type);
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return readDate(trimmed, type, at);
    case 'time': {
      const found = /^(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,6})?))?$/.exec(trimmed);
      return found === null
        ? undefined
        : literal(`${found[1]!.padStart(2, '0')}:${found[2]}:${found[3] ?? '00'}`, type);
    }
    case 'uuid':
      if (!/^\{?(?:[0-9a-f]{4}-?){8}\}?$/i.test(trimmed)) throw invalid();
      return literal(
        trimmed
          .replace(/[{}-]/g, '')
          .toLowerCase()
          .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
        type,
      );
    case 'unknown':
      return literal(text, type);
    case 'interval':
    case 'timetz':
    case 'json':
    case 'jsonb':
      return literal(text, type);
    case 'array':
      return readArray(trimmed, type, position);
    default:
      return undefined;
  }
}

/** `{1,2}` as ARRAY[1, 2], which every engine understands. */
function readArray(
  text: string,
  type: Extract<SqlType, { kind: 'array' }>,
  position: Position | undefined,
): Expression | undefined {
  const args = arrayElements(text)?.map((element) =>
    element === null ? literal(null, type.element) : readLiteral(element, type.element, position),
  );
  if (args === undefined || args.length === 0 || !args.every((arg) => arg !== undefined)) return undefined;
  return Object.freeze({ kind: 'call', name: 'array', args: Object.freeze(args), type });
}

/** Exact digits; a declared scale rounds, a declared precision must hold the value. */
function readNumeric(
  text: string,
  type: Extract<SqlType, { kind: 'numeric' }>,
  at: { position?: Position },
): Expression | undefined {
  const { precision, scale = 0 } = type;
  const plain = plainDecimal(text, precision === undefined ? undefined : scale);
  if (plain === undefined) return undefined;
  if (precision === undefined) return literal(plain, literalNumeric(plain));
  const whole = /^-?0*(\d*)/.exec(plain)![1]!.length;
  if (whole > precision - scale) {
    throw new CausewayError(SQLSTATE.numericValueOutOfRange, 'numeric field overflow', {
      ...at,
      detail: `A field with precision ${precision}, scale ${scale} must round to an absolute value less than 10^${precision - scale}.`,
    });
  }
  return literal(plain, type);
}

const DATE =
  /^(\d{4,})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?\s*(Z|[+-]\d{1,2}(?::?\d{2})?)?)?$/;

/** ISO dates and timestamps in one spelling; anything else is left to a cast. */
function readDate(text: string, type: SqlType, at: { position?: Position }): Expression | undefined {
  const found = DATE.exec(text);
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, zone] = found;
  const days = new Date(Date.UTC(2000 + (Number(year) % 400), Number(month), 0)).getUTCDate();
  const impossible =
    Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > days || Number(hour ?? 0) > 24;
  if (impossible || Number(minute ?? 0) > 59 || Number(second ?? 0) > 60) {
    throw new CausewayError('22008', `date/time field value out of range: "${text}"`, at);
  }
  const date = `${year}-${month!.padStart(2, '0')}-${day!.padStart(2, '0')}`;
  if (type.kind === 'date') return literal(date, scalar('date'));
  const time = `${(hour ?? '00').padStart(2, '0')}:${minute ?? '00'}:${second ?? '00'}${fraction ?? ''}`;
  return literal(
    `${date} ${time}${type.kind === 'timestamptz' && zone !== undefined ? (zone === 'Z' ? '+00' : zone) : ''}`,
    type,
  );
}
