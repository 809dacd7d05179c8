import { describe, expect, it } from 'vitest';
import { commonNumeric, literalNumeric, numericResult, plainDecimal } from './decimals.ts';
import { numeric, scalar, typeName } from './types.ts';

const integer = scalar('integer');

describe('digits of results', () => {
  it.each([
    ['+', [numeric(12, 2), numeric(10, 4)], 'numeric(15,4)'],
    ['*', [numeric(12, 2), numeric(12, 2)], 'numeric(24,4)'],
    ['-', [integer, numeric(3, 2)], 'numeric(13,2)'],
    ['*', [numeric(30, 2), numeric(30, 2)], 'numeric(38,4)'],
    ['*', [numeric(38, 15), numeric(38, 15)], 'numeric'],
    ['/', [numeric(12, 2), numeric(12, 2)], 'numeric'],
    ['sum', [numeric(12, 2)], 'numeric(38,2)'],
    ['avg', [numeric(12, 2)], 'numeric'],
    ['+', [numeric(12, 2), numeric()], 'numeric'],
  ])('%s of %o', (name, args, result) => {
    expect(typeName(numericResult(name, args))).toBe(result);
  });

  it('are common only where the scales agree', () => {
    expect(typeName(commonNumeric([numeric(4, 2), numeric(10, 2), integer]))).toBe('numeric(12,2)');
    expect(typeName(commonNumeric([numeric(4, 2), numeric(4, 1)]))).toBe('numeric');
  });

  it('follow from a literal', () => {
    expect(['0.06', '100', '-12.50'].map((text) => typeName(literalNumeric(text)))).toEqual([
      'numeric(3,2)',
      'numeric(3,0)',
      'numeric(4,2)',
    ]);
    expect(typeName(literalNumeric('9'.repeat(39)))).toBe('numeric');
  });
});

describe('plainDecimal', () => {
  it.each([
    ['1.25e1', undefined, '12.5'],
    ['1e-3', undefined, '0.001'],
    ['.5', undefined, '0.5'],
    ['9.', undefined, '9'],
    ['2.5', 0, '3'],
    ['-2.5', 0, '-3'],
    ['1.005', 2, '1.01'],
    ['-0.001', 2, '0.00'],
    ['15', 3, '15.000'],
    ['1e999', undefined, undefined],
    ['x', undefined, undefined],
  ])('%s to scale %s is %s', (text, scale, plain) => {
    expect(plainDecimal(text, scale)).toBe(plain);
  });
});
