/** SHOW TABLES: everything that can stand in FROM. */
import type { Engine } from '../engine.ts';
import type { StatementResult } from '../result.ts';
import { type Cell, columnsOf, rowsResult } from '../rows.ts';

export async function showTables(engine: Engine, signal: AbortSignal): Promise<StatementResult> {
  const { silos, federatedTables, views } = engine.catalog;
  const perSilo = await Promise.all(
    silos
      .list()
      .map(async ({ name }) =>
        (await engine.silos.tables(name, signal)).map((info): Cell[] => [
          info.schema === undefined ? name : `${name}__${info.schema}`,
          info.table,
          info.kind,
        ]),
      ),
  );
  const own: Cell[][] = [
    ...federatedTables.list().map(({ name }) => ['public', name, 'federated table']),
    ...views.list().map(({ name }) => ['public', name, 'view']),
  ];
  return rowsResult('SHOW TABLES', columnsOf({ schema: 'text', name: 'text', kind: 'text' }), [
    ...own,
    ...perSilo.flat(),
  ]);
}
