import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ResultColumn } from '../../connectors/connector.ts';
import { scalar } from '../../src/plan/types.ts';
import { Mediator } from './mediator.ts';

const signal = new AbortController().signal;
const columns: readonly ResultColumn[] = [{ name: 'n', type: scalar('bigint') }];
/** One value of some 120 MB: it cannot be spilled. */
const LARGE = "SELECT length(string_agg(repeat('x', 1000), '')) AS n FROM range(120000)";

let mediator: Mediator;
beforeAll(async () => {
  mediator = await Mediator.open({ memoryLimit: '2GB' });
});
afterAll(() => mediator[Symbol.asyncDispose]());

async function run(limit?: string): Promise<unknown> {
  await using session = await mediator.session(limit);
  for await (const batch of session.query(LARGE, columns, signal)) return batch.getChildAt(0)?.get(0);
  return undefined;
}

it('fails a statement above its limit, saying which setting to change, and leaves the next one its own', async () => {
  await expect(run('60MB')).rejects.toMatchObject({
    sqlstate: '53200',
    hint: expect.stringContaining('causeway.memory_limit'),
  });
  expect(await run('2GB')).toBe(120_000_000n);
  expect(await run()).toBe(120_000_000n);
});
