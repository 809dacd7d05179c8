/** CREATE and DROP FEDERATED TABLE: the members must exist, and must have one shape. */
import type { TableInfo } from '../../../connectors/connector.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import { didYouMean } from '../../plan/nearest.ts';
import { isNumeric, isText, type SqlType, sameType, typeName } from '../../plan/types.ts';
import type { CreateFederatedTable } from '../../sql/statements/statement.ts';
import type { Engine } from '../engine.ts';
import type { StatementResult } from '../result.ts';
import { done } from '../rows.ts';

export async function createFederatedTable(
  engine: Engine,
  statement: CreateFederatedTable,
  signal: AbortSignal,
): Promise<StatementResult> {
  const name = statement.name.value;
  if (engine.catalog.federatedTables.get(name) !== undefined) {
    if (statement.ifNotExists) return done('CREATE FEDERATED TABLE');
    throw new CausewayError(SQLSTATE.duplicateTable, `there is a federated table "${name}" already`, {
      hint: `DROP FEDERATED TABLE ${name} first.`,
    });
  }
  if (engine.catalog.views.get(name) !== undefined) {
    throw new CausewayError(SQLSTATE.duplicateTable, `there is a view "${name}" already`);
  }
  const members = statement.members.map(({ silo, table }) => ({ silo: silo.value, table: table.value }));
  const tables = await Promise.all(
    members.map(async ({ silo, table }) => ({ silo, info: await findTable(engine, silo, table, signal) })),
  );
  const [first, ...rest] = tables;
  for (const other of rest) if (first !== undefined) requireSameShape(first, other);
  engine.catalog.federatedTables.put({
    name,
    members: tables.map(({ silo, info }) => ({ silo, table: info.table })),
  });
  engine.changed();
  return done('CREATE FEDERATED TABLE');
}

export function dropFederatedTable(engine: Engine, name: string, ifExists: boolean): StatementResult {
  if (!engine.catalog.federatedTables.remove(name) && !ifExists) {
    const names = engine.catalog.federatedTables.list().map((table) => table.name);
    const hint = didYouMean(name, names);
    throw new CausewayError(
      SQLSTATE.undefinedTable,
      `there is no federated table "${name}"`,
      hint === undefined ? {} : { hint },
    );
  }
  engine.changed();
  return done('DROP FEDERATED TABLE');
}

async function findTable(engine: Engine, silo: string, table: string, signal: AbortSignal): Promise<TableInfo> {
  const tables = await engine.silos.tables(silo, signal);
  const found =
    tables.find((info) => info.table === table) ?? tables.find((info) => info.table.toLowerCase() === table);
  if (found !== undefined) return found;
  const hint = didYouMean(
    table,
    tables.map((info) => info.table),
  );
  throw new CausewayError(
    SQLSTATE.undefinedTable,
    `silo "${silo}" has no table "${table}"`,
    hint === undefined ? { silo } : { silo, hint },
  );
}

interface Member {
  readonly silo: string;
  readonly info: TableInfo;
}

function requireSameShape(a: Member, b: Member): void {
  const label = ({ silo, info }: Member): string => `${silo}.${info.table}`;
  for (const column of a.info.columns) {
    const twin = b.info.columns.find(({ name }) => name === column.name);
    if (twin === undefined) {
      throw new CausewayError(
        SQLSTATE.undefinedColumn,
        `${label(b)} has no column "${column.name}", which ${label(a)} has`,
        {
          hint:
            didYouMean(
              column.name,
              b.info.columns.map(({ name }) => name),
            ) ?? 'Make a view with the same columns in that silo.',
        },
      );
    }
    if (compatible(column.type, twin.type)) continue;
    throw new CausewayError(
      SQLSTATE.datatypeMismatch,
      `column "${column.name}" is ${typeName(column.type)} in ${label(a)} and ${typeName(twin.type)} in ${label(b)}`,
      { hint: 'Make a view in one of the silos that casts it.' },
    );
  }
}

/** As in a UNION: numbers with numbers, text with text, timestamps with dates. */
const compatible = (a: SqlType, b: SqlType): boolean =>
  sameType(a, b) ||
  (isNumeric(a) && isNumeric(b)) ||
  (isText(a) && isText(b)) ||
  ((a.kind === 'date' || a.kind.startsWith('timestamp')) && (b.kind === 'date' || b.kind.startsWith('timestamp')));
