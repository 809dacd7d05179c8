import { describe, expect, it } from 'vitest';
import { CausewayError } from '../plan/errors.ts';
import { positionAt, splitStatements, tokenize } from './lexer.ts';

const values = (text: string) => tokenize(text).map((token) => `${token.kind}:${token.value}`);

describe('tokenize', () => {
  it('folds words and keeps quoted names', () => {
    expect(values('Select "Odd ""Name" FROM größe$1')).toEqual([
      'word:select',
      'quoted:Odd "Name',
      'word:from',
      'word:größe$1',
      'end:',
    ]);
  });

  it('reads every kind of literal', () => {
    expect(values(`'it''s' E'a\\n\\x41\\'' $$x'y$$ $t$ $$ $t$ U&'d\\0061t' B'01' X'1F' 'a'\n 'b'`)).toEqual([
      "string:it's",
      "string:a\nA'",
      "string:x'y",
      'string: $$ ',
      'string:dat',
      'bits:b01',
      'bits:x1F',
      'string:ab',
      'end:',
    ]);
  });

  it('reads numbers, ranges and parameters', () => {
    expect(values('1 1.5 .5 1e-3 1_000 0x1F 1..2 $12 a[1:2]')).toEqual([
      'number:1',
      'number:1.5',
      'number:.5',
      'number:1e-3',
      'number:1000',
      'number:0x1F',
      'number:1',
      'symbol:..',
      'number:2',
      'parameter:12',
      'word:a',
      'symbol:[',
      'number:1',
      'symbol::',
      'number:2',
      'symbol:]',
      'end:',
    ]);
  });

  it('cuts operators as PostgreSQL does', () => {
    expect(values('1*-2 @-3 a||b->>c d=-1 x::int y=>1 p--q')).toEqual([
      'number:1',
      'symbol:*',
      'symbol:-',
      'number:2',
      'symbol:@-',
      'number:3',
      'word:a',
      'symbol:||',
      'word:b',
      'symbol:->>',
      'word:c',
      'word:d',
      'symbol:=',
      'symbol:-',
      'number:1',
      'word:x',
      'symbol:::',
      'word:int',
      'word:y',
      'symbol:=>',
      'number:1',
      'word:p',
      'end:',
    ]);
  });

  it('skips nested comments', () => {
    expect(values('a /* b /* c */ d */ e -- f\n g')).toEqual(['word:a', 'word:e', 'word:g', 'end:']);
  });

  it.each([
    ["select 'abc", 'unterminated quoted string', 8],
    ['select "abc', 'unterminated quoted identifier', 8],
    ['select /* abc', 'unterminated /* comment', 8],
    ['select $$abc', 'unterminated dollar-quoted string', 8],
    ['select 12abc', 'trailing junk', 8],
    ['select \\d', 'syntax error at or near "\\"', 8],
  ])('says where %s is wrong', (text, message, column) => {
    const error = (() => {
      try {
        tokenize(text);
      } catch (thrown) {
        return thrown as CausewayError;
      }
    })();
    expect(error).toBeInstanceOf(CausewayError);
    expect(error?.message).toContain(message);
    expect(error?.sqlstate).toBe('42601');
    expect(error?.position?.column).toBe(column);
  });
});

describe('positions', () => {
  it('counts lines and columns, inside a larger text too', () => {
    expect(positionAt('a\nbc\nd', 3)).toEqual({ offset: 3, line: 2, column: 2 });
    const base = { offset: 10, line: 3, column: 5 };
    expect(positionAt('a b', 2, base)).toEqual({ offset: 12, line: 3, column: 7 });
    expect(positionAt('a\nb', 2, base)).toEqual({ offset: 12, line: 4, column: 1 });
  });

  it('splits a script outside of literals and comments', () => {
    expect(splitStatements("select ';'; -- ; \n;\n  select 2;").map((s) => [s.text, s.position.line])).toEqual([
      ["select ';'", 1],
      ['select 2', 3],
    ]);
  });
});
