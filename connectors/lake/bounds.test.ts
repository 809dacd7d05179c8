import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { numeric, type SqlType, scalar } from '../../src/plan/types.ts';
import type { ScanFilter } from '../connector.ts';
import { type Bounds, compareKeys, constantBounds, keyOf, mightMatch } from './bounds.ts';

const integer = scalar('integer');
const filter = (operator: ScanFilter['operator'], ...values: ScanFilter['values']): ScanFilter => ({
  column: 'c',
  operator,
  values,
});
const within = (type: SqlType, min: string, max: string, nulls = 0, rows = 10): Bounds => ({
  min: keyOf(type, min)!,
  max: keyOf(type, max)!,
  nulls,
  rows,
});

const passes: Record<string, (a: number, b: number) => boolean> = {
  '=': (a, b) => a === b,
  '<>': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

describe('data skipping', () => {
  test('never skips a part with a row that passes, and skips for integers whenever the bounds allow', () => {
    const rows = fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(rows, fc.integer({ min: -6, max: 6 }), fc.constantFrom(...Object.keys(passes)), (part, value, op) => {
        const bounds = within(integer, String(Math.min(...part)), String(Math.max(...part)), 0, part.length);
        const might = mightMatch(filter(op as ScanFilter['operator'], value), integer, bounds);
        if (part.some((row) => passes[op]!(row, value))) expect(might).toBe(true);
        const all = Array.from({ length: 11 }, (_, i) => i - 5).filter(
          (v) => v >= Math.min(...part) && v <= Math.max(...part),
        );
        if (!all.some((row) => passes[op]!(row, value))) expect(might).toBe(false);
      }),
    );
  });

  test('NULLs', () => {
    const none = { nulls: 10, rows: 10 };
    expect(mightMatch(filter('=', 1), integer, none)).toBe(false);
    expect(mightMatch(filter('is_null'), integer, none)).toBe(true);
    expect(mightMatch(filter('is_not_null'), integer, none)).toBe(false);
    expect(mightMatch(filter('is_null'), integer, within(integer, '1', '2'))).toBe(false);
    expect(mightMatch(filter('='), integer, constantBounds(integer, null))).toBe(false);
  });

  test('NaN stands above every number and outside the bounds', () => {
    const double = scalar('double');
    const bounds = within(double, '1', '2');
    expect(mightMatch(filter('>', 5), double, bounds)).toBe(true);
    expect(mightMatch(filter('=', 'NaN'), double, bounds)).toBe(true);
    expect(mightMatch(filter('<', 0.5), double, bounds)).toBe(false);
  });

  test('keys of dates, times, decimals and text keep the order of the values', () => {
    const ordered: [SqlType, string[]][] = [
      [scalar('date'), ['0999-12-31', '1969-12-31', '1970-01-01', '2024-02-29', '12024-01-01']],
      [scalar('timestamp'), ['1969-12-31 23:59:59.999999', '1970-01-01 00:00', '2024-01-01T00:00:00.000001']],
      [
        scalar('timestamptz'),
        ['2024-01-01 00:00:00+02', '2023-12-31 23:00:00+00', '2023-12-31T23:30:00Z', '2024-01-01 00:00:00-05:30'],
      ],
      [numeric(38, 4), ['-100', '-9.9999', '0', '0.0001', '1e1', '99999999999999999999999999999.5']],
      [scalar('bigint'), ['-9223372036854775808', '9223372036854775806', '9223372036854775807']],
      [scalar('text'), ['', 'A', 'a', 'z', 'ä', '\uffff', '😀']],
    ];
    for (const [type, values] of ordered) {
      const keys = values.map((v) => keyOf(type, v)!);
      for (let i = 1; i < keys.length; i++) expect(compareKeys(keys[i - 1]!, keys[i]!), `${values[i]}`).toBe(-1);
    }
    for (const odd of ['infinity', '0044-03-15 BC', 'today']) expect(keyOf(scalar('date'), odd)).toBeUndefined();
    expect(
      mightMatch(filter('=', 'infinity'), scalar('date'), within(scalar('date'), '2024-01-01', '2024-01-02')),
    ).toBe(true);
  });
});
