/** SHOW TABLES: everything that can stand in FROM. */
import type { StatementResult } from '../result.ts';
import { type Cell, columnsOf, rowsResult } from '../rows.ts';
import { schemaOf } from '../schema-of.ts';
import type { StatementContext } from '../session.ts';

/** Those that the user may read. */
export async function showTables({ engine, signal, access }: StatementContext): Promise<StatementResult> {
  const { silos, federatedTables, views } = engine.catalog;
  const perSilo = await Promise.all(
    silos
      .list()
      .map(async ({ name }) =>
        (await engine.silos.tables(name, signal)).map((info): Cell[] => [
          schemaOf(name, info.schema),
          info.table,
          info.unreadable === undefined ? info.kind : 'unreadable',
        ]),
      ),
  );
  const own: Cell[][] = [
    ...federatedTables.list().map(({ name }) => ['public', name, 'federated table']),
    ...views.list().map(({ name }) => ['public', name, 'view']),
  ];
  return rowsResult('SHOW TABLES', columnsOf({ schema: 'text', name: 'text', kind: 'text' }), [
    ...[...own, ...perSilo.flat()].filter(([schema, name]) => access.mayRead(String(schema), String(name))),
  ]);
}
