import { expect, test } from 'vitest';
import { mediatorNames, renameRelations } from './mediator-names.ts';

const T = { schema: 'a', name: 't' };

test('a relation goes by its own name, or by both where two silos have it', () => {
  expect(mediatorNames([T, { name: 'u' }])).toEqual(['t', 'u']);
  expect(mediatorNames([T, { schema: 'b', name: 't' }])).toEqual(['a.t', 'b.t']);
});

test.each([
  ['FROM a.t SELECT t.x, a.t.y', 'FROM "t" SELECT t.x, "t".y'],
  [`SELECT 'a.t', "a"."t".x FROM a . t -- a.t`, `SELECT 'a.t', "t".x FROM "t" -- a.t`],
  ['SELECT z.a.t FROM A.T', 'SELECT z.a.t FROM "t"'],
  ['SELECT b.t FROM t AS b', 'SELECT b.t FROM t AS b'],
])('%s', (text, renamed) => {
  expect(renameRelations(text, [T])).toBe(renamed);
});
