import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BatchResult } from '../../connectors/connector.ts';
import { rowBatches } from '../../connectors/row-batches.ts';
import { batchTexts } from '../../connectors/row-text.ts';
import { scalar } from '../../src/plan/types.ts';
import { Mediator } from './mediator.ts';

const signal = new AbortController().signal;
const columns = [{ name: 'x', type: scalar('bigint') }];
let mediator: Mediator;

beforeAll(async () => {
  mediator = await Mediator.open({ memoryLimit: '512MB' });
});
afterAll(() => mediator?.[Symbol.asyncDispose]());

const numbers = (from: number, count: number): BatchResult => ({
  kind: 'batches',
  columns,
  batches: rowBatches(
    columns,
    Array.from({ length: count }, (_, i) => [from + i]),
  ),
});

async function only(sql: string, run = columns, memoryLimit?: string): Promise<string | null> {
  await using session = await mediator.session(memoryLimit);
  let text: string | null = null;
  for await (const batch of session.query(sql, run, signal)) text = batchTexts(batch, run)[0]!(0);
  return text;
}

describe('memory', () => {
  test('a statement over the limit names its operators and the setting', async () => {
    const text = [{ name: 'x', type: scalar('text') }];
    const attempt = only(`SELECT string_agg(md5(i::VARCHAR), '') FROM range(10000000) r(i)`, text, '60MB');
    await expect(attempt).rejects.toMatchObject({
      sqlstate: '53200',
      detail: expect.stringContaining('aggregate'),
      hint: expect.stringContaining('causeway.memory_limit'),
    });
    expect(await only('SELECT 42')).toBe('42');
  });

  test('what can spill, spills', async () => {
    const sql = 'SELECT count(*) FROM (SELECT i % 3000000 AS g, count(*) FROM range(4000000) r(i) GROUP BY g) t';
    expect(await only(sql, columns, '60MB')).toBe('3000000');
  });
});

describe('many at once', () => {
  test('a hundred sessions do not see each other', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        await using session = await mediator.session();
        // The same names in every session.
        await Promise.all([
          session.ingest('a', numbers(i * 1000, 500), signal),
          session.ingest('b', numbers(i * 1000 + 250, 500), signal),
        ]);
        const sums: string[] = [];
        for await (const batch of session.query('SELECT sum(a.x) FROM a JOIN b ON a.x = b.x', columns, signal)) {
          sums.push(batchTexts(batch, columns)[0]!(0)!);
        }
        return sums.join();
      }),
    );
    const expected = (i: number) =>
      Array.from({ length: 250 }, (_, k) => i * 1000 + 250 + k).reduce((a, b) => a + b, 0);
    expect(answers).toEqual(answers.map((_, i) => String(expected(i))));
  });

  test('closing a session ends what it runs and leaves nothing behind', async () => {
    const session = await mediator.session();
    await session.ingest('kept', numbers(0, 10), signal);
    const endless = session.query(
      'SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(10000000) b(i)',
      columns,
      signal,
    );
    const running = expect(endless.next()).rejects.toMatchObject({ sqlstate: '57014' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await session[Symbol.asyncDispose]();
    await running;
    expect(await only("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'kept'")).toBe('0');
  });
});
