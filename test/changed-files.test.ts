import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { files } from '../connectors/files/connector.ts';
import { Mediator } from '../operators/mediator/mediator.ts';
import { scalar } from '../src/plan/types.ts';

const signal = new AbortController().signal;

test('a file that is written anew is read anew, at once', async () => {
  const path = mkdtempSync(join(tmpdir(), 'causeway-files-'));
  const instance = await DuckDBInstance.create(':memory:');
  const writer = await instance.connect();
  const write = (rows: number) =>
    writer.run(`COPY (SELECT i, i::VARCHAR AS t FROM range(${rows}) r(i)) TO '${join(path, 't.parquet')}'`);
  await write(10);
  await using silo = await files.connect({ path }, signal);
  await using mediator = await Mediator.open({});
  const columns = [{ name: 'sum', type: scalar('text') }];
  const read = async (): Promise<unknown> => {
    const text = "SELECT count(*) || ' ' || coalesce(max(i), -1) || ' ' || max(t) FROM t";
    const result = await silo.run({ kind: 'sql', text, columns }, signal);
    if (result.kind !== 'relation') throw new Error('expected a relation');
    await using session = await mediator.session();
    for await (const batch of session.query(result.select, columns, signal)) return batch.getChildAt(0)?.get(0);
    return undefined;
  };
  try {
    for (const rows of [10, 500_000, 3, 200_000, 9]) {
      await write(rows);
      expect(await read()).toMatch(new RegExp(`^${rows} ${rows - 1} `));
    }
  } finally {
    writer.closeSync();
    instance.closeSync();
    rmSync(path, { recursive: true, force: true });
  }
});
