/**
 * Which column of a file holds a column of the table, and what stands in for one that the file lacks (Iceberg table
 * specification, "Column Projection": the identity partition value, then the name mapping, then the initial default, then NULL).
 */
import { columnOf, type FileColumn, type Footer } from './formats/footers.ts';
import type { DataFile, FieldSource, LakeColumn } from './tables/table.ts';

/** A column of the table that files hold. */
export type FieldColumn = LakeColumn & { readonly source: FieldSource };

export const isField = (column: LakeColumn): column is FieldColumn => column.source.kind === 'field';

/** A column of the table in one file. */
export interface Projected {
  readonly column: FieldColumn;
  /** The name or field id under which DuckDB finds it; one that the file does not have when it lacks the column. */
  readonly key: string | number;
  /** As the file has it. */
  readonly found: FileColumn | undefined;
  /** The value where it is lacking, in text form. */
  readonly otherwise: string | null;
}

export function project(columns: readonly FieldColumn[], footer: Footer, file: DataFile): readonly Projected[] {
  const byName = footer.columns.every(({ fieldId }) => fieldId === undefined);
  return columns.map((column) => {
    const { id, initial, names } = column.source;
    const found =
      typeof id === 'number' && byName
        ? footer.columns.find(({ name }) => names?.includes(name))
        : columnOf(footer, id);
    const constant = found === undefined ? file.constant?.(column) : undefined;
    return {
      column,
      key: found === undefined ? lacking(id, byName) : byName || typeof id === 'string' ? found.name : id,
      found,
      otherwise: constant === undefined ? (initial ?? null) : constant,
    };
  });
}

/** All keys of a file are of one type. No writer calls a column so. */
const lacking = (id: string | number, byName: boolean): string | number =>
  typeof id === 'number' && !byName ? id : `\u0001${id}`;
