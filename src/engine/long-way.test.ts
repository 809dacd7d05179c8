import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Engine } from './engine.ts';
import { longWay } from './long-way.ts';

let engine: Engine;
const directory = mkdtempSync(join(tmpdir(), 'causeway-long-way-'));
beforeAll(async () => {
  engine = await Engine.open({ directory });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const way = () => longWay(engine, new AbortController().signal);

test('tells the tables a text reads, common table expressions and aliases aside', async () => {
  const text = `WITH a AS (SELECT * FROM s.t) SELECT * FROM a JOIN u AS v ON true WHERE EXISTS (SELECT 1 FROM "W w" QUALIFY true)`;
  expect(await way().tables(text)).toEqual([{ schema: 's', name: 't' }, { name: 'u' }, { name: 'W w' }]);
});

test('knows no tables of what the mediator cannot parse', async () => {
  expect(await way().tables('SELECT FROM WHERE')).toBeUndefined();
});

test('tells the columns of a text over given relations', async () => {
  const inputs = [{ name: 't', columns: [{ name: 'a', type: { kind: 'integer' as const } }] }];
  const { columns } = await way().describe(
    'SELECT a, a > 1 AS b FROM t QUALIFY row_number() OVER (ORDER BY a) = 1',
    inputs,
  );
  expect(columns.map(({ name, type }) => [name, type.kind])).toEqual([
    ['a', 'integer'],
    ['b', 'boolean'],
  ]);
});
