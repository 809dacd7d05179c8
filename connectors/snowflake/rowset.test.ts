/** Rows of the JSON result format, as documented by the service's own drivers, into Arrow. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { numeric, type SqlType, scalar } from '../../src/plan/types.ts';
import { decimalText } from '../postgres-language/text.ts';
import { batchTexts } from '../row-text.ts';
import { rowsetBatches } from './rowset.ts';

type Rows = readonly (readonly (string | null)[])[];

function read(body: string | Uint8Array, types: readonly SqlType[], expected: number): Rows {
  const columns = types.map((type, i) => ({ name: `c${i}`, type }));
  const rows: (string | null)[][] = [];
  for (const batch of rowsetBatches(Buffer.from(body), columns, expected)) {
    const texts = batchTexts(batch, columns);
    for (let row = 0; row < batch.numRows; row++) rows.push(texts.map((text) => text(row)));
  }
  return rows;
}

const one = (value: string | null, type: SqlType): string | null => read(JSON.stringify([value]), [type], 1)[0]![0]!;

describe('values', () => {
  test.each<readonly [string, SqlType, string]>([
    ['1', scalar('boolean'), 't'],
    ['true', scalar('boolean'), 't'],
    ['0', scalar('boolean'), 'f'],
    ['-32768', scalar('smallint'), '-32768'],
    ['9223372036854775807', scalar('bigint'), '9223372036854775807'],
    ['-9223372036854775808', scalar('bigint'), '-9223372036854775808'],
    ['12.50', numeric(10, 2), '12.50'],
    ['-0.0000000001', numeric(38, 10), '-0.0000000001'],
    ['99999999999999999999999999999999999999', numeric(38, 0), '99999999999999999999999999999999999999'],
    ['1.5e300', scalar('double'), '1.5e+300'],
    ['NaN', scalar('double'), 'NaN'],
    ['inf', scalar('double'), 'Infinity'],
    ['-inf', scalar('double'), '-Infinity'],
    ['-1', scalar('date'), '1969-12-31'],
    ['45296.789000000', scalar('time'), '12:34:56.789'],
    ['1709251199.999999999', scalar('timestamp'), '2024-02-29 23:59:59.999999'],
    ['-0.500000000', scalar('timestamp'), '1969-12-31 23:59:59.5'],
    ['253402300799.000000000', scalar('timestamp'), '9999-12-31 23:59:59'],
    // The offset in minutes + 1440 (here +05:30): the moment is the one of the seconds.
    ['1709251200.000000000 1770', scalar('timestamptz'), '2024-03-01 00:00:00+00'],
    ['DEADbeef', scalar('bytea'), '\\xdeadbeef'],
    ['{"a": [1, "ä"]}', scalar('json'), '{"a": [1, "ä"]}'],
  ])('%s as %o', (value, type, expected) => {
    expect(one(value, type)).toBe(expected);
  });

  test('NULL of every type', () => {
    for (const kind of ['boolean', 'integer', 'double', 'text', 'bytea', 'timestamp'] as const) {
      expect(one(null, scalar(kind))).toBeNull();
    }
  });

  test('what a type does not hold is 22003, what is none of it 22P02', () => {
    expect(() => one('32768', scalar('smallint'))).toThrow(expect.objectContaining({ sqlstate: '22003' }));
    expect(() => one('9223372036854775808', scalar('bigint'))).toThrow(expect.objectContaining({ sqlstate: '22003' }));
    expect(() => one('100.0', numeric(4, 1))).not.toThrow();
    expect(() => one('10000', numeric(4, 0))).toThrow(expect.objectContaining({ sqlstate: '22003' }));
    expect(() => one('x', scalar('bigint'))).toThrow(expect.objectContaining({ sqlstate: '22P02' }));
    expect(() => one('2024-01-01', scalar('timestamp'))).toThrow(expect.objectContaining({ sqlstate: '22P02' }));
  });

  test('doubles are rounded as JavaScript rounds them, short or long', () => {
    const decimal = fc
      .tuple(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), fc.nat(18))
      .map(([digits, point]) => decimalText(digits, point));
    const texts = fc.array(fc.oneof(decimal, fc.double({ noNaN: true, noDefaultInfinity: true }).map(String)));
    fc.assert(
      fc.property(texts, (values) => {
        const rows = read(JSON.stringify(values.map((value) => [value])), [scalar('double')], values.length);
        expect(rows.map(([text]) => Number(text))).toEqual(values.map(Number));
      }),
    );
  });

  test('any text comes back, however JSON escapes it', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), fc.boolean(), (texts, escaped) => {
        const values = texts.map((text) => text.toWellFormed());
        const json = JSON.stringify(values.map((value) => [value])).slice(1, -1);
        const body = escaped
          ? json.replace(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
          : json;
        expect(read(body, [scalar('text')], values.length)).toEqual(values.map((value) => [value]));
      }),
    );
  });

  test('any decimal comes back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }), (unscaled) => {
        const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(11, '0');
        const text = `${unscaled < 0n ? '-' : ''}${digits.slice(0, -10)}.${digits.slice(-10)}`;
        expect(one(text, numeric(38, 10))).toBe(text);
      }),
    );
  });
});

describe('bodies', () => {
  const pair = [scalar('integer'), scalar('text')];

  test('with or without outer brackets, with white space, or empty', () => {
    expect(read('["1","a"],\n ["2",null]', pair, 2)).toEqual([
      ['1', 'a'],
      ['2', null],
    ]);
    expect(read(' [ [ "1" , "a" ] , ["2", null] ] ', pair, 2)).toEqual([
      ['1', 'a'],
      ['2', null],
    ]);
    expect(read('[]', pair, 0)).toEqual([]);
    expect(read('', pair, 0)).toEqual([]);
  });

  test.each([
    ['cut between rows', '["1","a"],', 2],
    ['cut within a row', '["1","a"],["2"', 2],
    ['cut within a value', '["1","a"],["2","b', 2],
    ['more rows than announced', '["1","a"],["2","b"]', 1],
    ['too many values', '["1","a","b"]', 1],
    ['too few values', '["1"]', 1],
    ['numbers instead of strings', '[1,"a"]', 1],
    ['no rows at all', '<Error>AccessDenied</Error>', 1],
  ])('%s: an error', (_title, body, rows) => {
    expect(() => read(body, pair, rows)).toThrow(expect.objectContaining({ sqlstate: '08006' }));
  });
});
