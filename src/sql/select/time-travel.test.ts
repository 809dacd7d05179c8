import { expect, test } from 'vitest';
import { splitVersion, versionsAsNames } from './time-travel.ts';

test.each([
  ['SELECT * FROM lake.events FOR VERSION AS OF 3 AS e', 'SELECT * FROM lake."events@3" AS e'],
  ["FROM a FOR TIMESTAMP AS OF '2024-06-01' b", 'FROM "a@2024-06-01" b'],
  ['FROM "Odd ""t" FOR SYSTEM_TIME AS OF TIMESTAMP \'2024-06-01\'', 'FROM "Odd ""t@2024-06-01" '],
  ["SELECT 'FOR VERSION AS OF 3' FROM t FOR UPDATE", "SELECT 'FOR VERSION AS OF 3' FROM t FOR UPDATE"],
  ['FROM t FOR VERSION AS OF now()', 'FROM t FOR VERSION AS OF now()'],
])('%s', (text, folded) => {
  expect(versionsAsNames(text).replaceAll(/ +/g, ' ')).toBe(folded);
  expect(versionsAsNames(text)).toHaveLength(text.length);
});

test('a name is a table and perhaps a version', () => {
  expect(splitVersion('events@3')).toEqual({ table: 'events', version: '3' });
  expect(splitVersion('a@b@c')).toEqual({ table: 'a@b', version: 'c' });
  expect(splitVersion('@odd')).toEqual({ table: '@odd' });
});
