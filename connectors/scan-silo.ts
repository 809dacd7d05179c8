/**
 * A silo that is only scanned: whoever writes a connector gives its tables and the rows of one scan, as they come; everything
 * else that a silo must do follows here.
 */
import { CausewayError, SQLSTATE } from '../src/plan/errors.ts';
import type { Connector, Fragment, ScanFragment, Silo, TableInfo } from './connector.ts';
import { type RowValue, rowBatches } from './row-batches.ts';

export interface ScanSiloParts<Table> {
  readonly connector: Pick<Connector, 'kind'>;
  /** As in {@link Silo}. */
  readonly context: string;
  readonly tables: Readonly<Record<string, Table>>;
  columnsOf(table: Table): TableInfo['columns'];
  /** Values of `scan.sourceColumns` in their order; filters beyond what the capabilities promise need no attention. */
  rows(table: Table, scan: ScanFragment, signal: AbortSignal): AsyncIterable<readonly RowValue[]>;
}

/** The silo; nothing is kept open between two scans. */
export function scanSilo<Table>({ connector, context, tables, columnsOf, rows }: ScanSiloParts<Table>): Silo {
  return {
    context,
    tables: async () =>
      Object.entries(tables).map(([table, found]) => ({ table, kind: 'table', columns: columnsOf(found) })),
    statistics: async () => undefined,
    run: async (fragment: Fragment, signal: AbortSignal) => {
      if (fragment.kind !== 'scan') {
        throw new CausewayError(SQLSTATE.featureNotSupported, `a ${connector.kind} silo runs scans only`);
      }
      const { columns, table } = fragment;
      const found = Object.hasOwn(tables, table.table) ? tables[table.table] : undefined;
      if (found === undefined) {
        throw new CausewayError(SQLSTATE.undefinedTable, `relation "${table.table}" does not exist`);
      }
      return { kind: 'batches', columns, batches: rowBatches(columns, rows(found, fragment, signal)) };
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
