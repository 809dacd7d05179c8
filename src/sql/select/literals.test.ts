import { describe, expect, it } from 'vitest';
import { arrayOf, numeric, type SqlType, scalar } from '../../plan/types.ts';
import { arrayElements } from './array-literal.ts';
import { readLiteral } from './literals.ts';

const value = (text: string, type: SqlType) => {
  const read = readLiteral(text, type);
  return read?.kind === 'literal' ? read.value : undefined;
};

describe('readLiteral', () => {
  it.each([
    [' 42 ', scalar('integer'), 42],
    ['9223372036854775807', scalar('bigint'), 9223372036854775807n],
    ['1.005', numeric(4, 2), '1.01'],
    ['1e2', numeric(), '100'],
    ['-1.5e3', scalar('double'), -1500],
    ['of', scalar('boolean'), false],
    ['Yes', scalar('boolean'), true],
    ['2024-2-9', scalar('date'), '2024-02-09'],
    ['2024-02-09 7:05', scalar('timestamp'), '2024-02-09 07:05:00'],
    ['2024-02-09T07:05:01.5Z', scalar('timestamptz'), '2024-02-09 07:05:01.5+00'],
    ['7:05', scalar('time'), '07:05:00'],
    ['abcdef', { kind: 'varchar', length: 3 }, 'abc'],
    ['a', { kind: 'char', length: 3 }, 'a  '],
    ['{A0EEBC99-9C0B4EF8-BB6D6BB9-BD380A11}', scalar('uuid'), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ] as const)('%j as %o', (text, type, expected) => {
    expect(value(text, type)).toBe(expected);
  });

  it.each([
    ['abc', scalar('integer'), '22P02'],
    ['2147483648', scalar('integer'), '22003'],
    ['100', numeric(4, 2), '22003'],
    ['o', scalar('boolean'), '22P02'],
    ['2023-02-29', scalar('date'), '22008'],
    ['12,5', scalar('double'), '22P02'],
  ] as const)('refuses %j as %o', (text, type, sqlstate) => {
    expect(() => readLiteral(text, type)).toThrow(expect.objectContaining({ sqlstate }));
  });

  it('leaves to a cast what only an engine can read', () => {
    expect(readLiteral('Jan 5 2024', scalar('date'))).toBeUndefined();
    expect(readLiteral('infinity', scalar('double'))).toBeUndefined();
  });
});

describe('arrays', () => {
  it.each([
    ['{1,2,NULL}', ['1', '2', null]],
    [' { a b , "c,\\"d" } ', ['a b', 'c,"d']],
    ['{"NULL",null}', ['NULL', null]],
    ['{}', []],
    ['{{1},{2}}', undefined],
    ['{1,}', undefined],
    ['1,2', undefined],
  ])('%s', (text, elements) => {
    expect(arrayElements(text)).toEqual(elements);
  });

  it('are read element by element', () => {
    expect(() => readLiteral('{1,x}', arrayOf(scalar('integer')))).toThrow(
      'invalid input syntax for type integer: "x"',
    );
  });
});
