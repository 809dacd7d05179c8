/** Results above the memory that a statement may take: they stream, spill, or end with an error that says what to do. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type Federation, openFederation, run } from './support/federation.ts';

/** About 100 bytes a row: far above the limit of 60 MB in all. */
const ROWS = 1_500_000;
const wide = (rows: number): string =>
  `SELECT i, repeat(md5(i::text), 3) AS note FROM generate_series(1, ${rows}) AS g(i)`;

let federation: Federation;
beforeAll(async () => {
  federation = await openFederation(inject('postgres'), 5);
  await run(federation.session, "SET causeway.memory_limit = '60MB'");
});
afterAll(() => federation?.[Symbol.asyncDispose]());

async function count(text: string): Promise<number> {
  let rows = 0;
  for await (const { batches } of federation.session.execute(text))
    for await (const batch of batches) rows += batch.numRows;
  return rows;
}

it('a result larger than the limit streams from the mediator', async () => {
  expect(await count(wide(ROWS))).toBe(ROWS);
}, 60_000);

it('a result larger than the limit streams from a silo', async () => {
  expect(await count(`SELECT * FROM berlin.query('${wide(ROWS).replaceAll("'", "''")}')`)).toBe(ROWS);
}, 60_000);

it('a sort above the limit spills', async () => {
  expect(await count(`${wide(ROWS)} ORDER BY note`)).toBe(ROWS);
}, 60_000);

it('a statement above its budget names its operators and the setting, and the session goes on', async () => {
  const attempt = run(federation.session, `SELECT string_agg(note, '') FROM (${wide(ROWS)}) AS q`);
  await expect(attempt).rejects.toMatchObject({
    sqlstate: '53200',
    detail: expect.stringContaining('aggregate'),
    hint: expect.stringContaining('SET causeway.memory_limit'),
  });
  expect(await run(federation.session, 'SELECT count(*) FROM berlin.readings')).toEqual([['10']]);
}, 60_000);
