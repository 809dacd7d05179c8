/** Statements that have been looked at: what they are, who answers them, and with which columns. */
import type { ResultColumn } from '../../../connectors/connector.ts';
import type { Command } from '../statements/command.ts';
import { oidOf, sizeOf, typmodOf } from '../values/oids.ts';
import type { FieldDescription } from '../wire/backend.ts';

export interface Prepared {
  readonly text: string;
  readonly command: Command;
  /** Who answers it. */
  readonly by: 'endpoint' | 'oracle' | 'engine';
  readonly parameterOids: readonly number[];
  /** Undefined for statements without rows. */
  readonly fields: readonly FieldDescription[] | undefined;
  /** The query inside DECLARE or COPY. */
  readonly inner?: Prepared;
}

/** How a column of the engine is announced. `origins`: the same columns in the catalog, where they are known. */
export function describeColumns(
  columns: readonly ResultColumn[],
  origins: readonly FieldDescription[] | undefined,
): FieldDescription[] {
  const known = origins?.length === columns.length ? origins : undefined;
  return columns.map(({ name, type }, i) => ({
    name,
    tableOid: known?.[i]?.tableOid ?? 0,
    attribute: known?.[i]?.attribute ?? 0,
    typeOid: oidOf(type),
    typeSize: sizeOf(type),
    typmod: typmodOf(type),
  }));
}
