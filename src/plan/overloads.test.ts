import { describe, expect, it } from 'vitest';
import { functionNamed } from './functions.ts';
import { resolveOverload } from './overloads.ts';
import { signatures } from './signatures.ts';
import { arrayOf, numeric, type ScalarKind, type SqlType, scalar, typeName } from './types.ts';

const type = (name: string): SqlType =>
  name.endsWith('[]')
    ? arrayOf(type(name.slice(0, -2)))
    : name === 'numeric'
      ? numeric()
      : name === 'varchar'
        ? { kind: 'varchar', length: 5 }
        : scalar(name as ScalarKind);

const resultOf = (name: string, args: string): string => {
  const overloads = functionNamed(name)!.signatures;
  const resolved = resolveOverload(overloads, args === '' ? [] : args.split(', ').map(type));
  return typeof resolved === 'object' ? typeName(resolved.result) : String(resolved);
};

/** Each is what PostgreSQL 18 answers to `pg_typeof`, or its refusal. */
describe('resolveOverload', () => {
  it.each([
    ['+', 'smallint, integer', 'integer'],
    ['+', 'integer, numeric', 'numeric'],
    ['+', 'numeric, real', 'double precision'],
    ['+', 'real, real', 'real'],
    ['+', 'date, integer', 'date'],
    ['+', 'date, interval', 'timestamp without time zone'],
    ['+', 'date, unknown', 'ambiguous'],
    ['+', 'unknown, integer', 'integer'],
    ['-', 'timestamp, timestamp', 'interval'],
    ['=', 'date, timestamptz', 'boolean'],
    ['=', 'varchar, unknown', 'boolean'],
    ['=', 'text, integer', 'undefined'],
    ['||', 'unknown, integer', 'text'],
    ['||', 'text, text[]', 'text[]'],
    ['||', 'integer, integer', 'undefined'],
    ['^', 'integer, integer', 'double precision'],
    ['round', 'integer', 'double precision'],
    ['round', 'numeric, integer', 'numeric'],
    ['round', 'double, integer', 'undefined'],
    ['sum', 'integer', 'bigint'],
    ['sum', 'bigint', 'numeric'],
    ['avg', 'smallint', 'numeric'],
    ['avg', 'real', 'double precision'],
    ['stddev_samp', 'integer', 'numeric'],
    ['min', 'varchar', 'text'],
    ['min', 'boolean', 'undefined'],
    ['lower', 'integer', 'undefined'],
    ['concat', 'unknown, integer, date', 'text'],
    ['lag', 'integer, integer, bigint', 'bigint'],
    ['unnest', 'date[]', 'date'],
    ['array_append', 'integer[], text', 'undefined'],
    ['timezone', 'unknown, timestamptz', 'timestamp without time zone'],
    ['pi', '', 'double precision'],
  ])('%s(%s) is %s', (name, args, result) => {
    expect(resultOf(name, args)).toBe(result);
  });
});

it('reads signatures as they are written', () => {
  expect(signatures('text, integer... -> text[] | -> double')).toEqual([
    { parameters: [scalar('text'), scalar('integer')], variadic: true, result: arrayOf(scalar('text')) },
    { parameters: [], variadic: false, result: scalar('double') },
  ]);
});
