import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { distinctInFooters } from './parquet-distinct.ts';
import { connectDuckDB } from './process.ts';

const folder = mkdtempSync(join(tmpdir(), 'causeway-distinct-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  const connection = await connectDuckDB();
  await connection.run(`COPY (SELECT i AS id, (i % 3)::VARCHAR AS flag, i // 1000 AS page, (i % 50)::DECIMAL(15,2) AS quantity
    FROM range(20000) t(i)) TO '${join(folder, 'a.parquet')}' (FORMAT parquet, ROW_GROUP_SIZE 5000)`);
  connection.closeSync();
});

const distinct = async (path: string) => {
  const connection = await connectDuckDB();
  const found = await distinctInFooters(connection, join(folder, path));
  connection.closeSync();
  return found;
};

test('counts what is repeated, and what lies one after the other', async () => {
  const found = await distinct('*.parquet');
  expect(found.get('flag')).toBe(3);
  expect(found.get('quantity')).toBe(50);
  // Sorted: every row group has its own pages.
  expect(found.get('page')).toBeGreaterThanOrEqual(20);
  expect(found.get('page')).toBeLessThanOrEqual(24);
  expect(found.has('id')).toBe(false);
});

test('knows nothing of files that are gone', async () => {
  expect((await distinct('b.parquet')).size).toBe(0);
});
