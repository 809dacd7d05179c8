import { expect, test } from 'vitest';
import type { Silo, SqlFragment } from '../../../connectors/connector.ts';
import { rowBatches } from '../../../connectors/row-batches.ts';
import { runAt } from './run-fragment.ts';

test('what a silo has to tell of its rows is told once they were read', async () => {
  const columns = [{ name: 'i', type: { kind: 'bigint' } }] as const;
  const told: string[] = [];
  const silo = {
    run: async () => ({
      ...{ kind: 'batches', columns, batches: rowBatches(columns, [[1n]]) },
      notices: () => ['read the slow way'],
    }),
  } as unknown as Silo;
  const request: SqlFragment = { kind: 'sql', text: 'SELECT 1', columns };
  const result = await runAt(silo, 'berlin', request, new AbortController().signal, (message) => told.push(message));
  if (result.kind !== 'batches') throw new Error('no batches');
  expect(told).toEqual([]);
  for await (const batch of result.batches) expect([batch.numRows, told]).toEqual([1, []]);
  expect(told).toEqual(['silo "berlin": read the slow way']);
});
