import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pushdownConformance } from '../../connectors/conformance-pushdown.ts';
import { rowBatches } from '../../connectors/row-batches.ts';
import { sqlite } from '../../connectors/sqlite/connector.ts';
import { planRunner } from './runner.ts';

pushdownConformance({
  connector: sqlite,
  runner: planRunner,
  open: async () => {
    const directory = mkdtempSync(join(tmpdir(), 'causeway-sqlite-'));
    const options = { path: join(directory, 'silo.db'), create: 'true' };
    const signal = new AbortController().signal;
    return {
      options,
      async load(tables) {
        await using silo = await sqlite.connect(options, signal);
        for (const { name, columns, rows } of tables) {
          const batches = rowBatches(columns, rows);
          await silo.write!({ table: { table: name }, columns, batches, mode: 'create' }, signal);
        }
      },
      [Symbol.asyncDispose]: async () => rmSync(directory, { recursive: true, force: true }),
    };
  },
});
