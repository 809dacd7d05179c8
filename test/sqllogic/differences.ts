/** Queries of ../shared/data/sqllogic that do not hold, each with its reason; docs/sql-differences.md explains them. */
import type { PlacementName } from './placements.ts';

export interface Difference {
  readonly file: string;
  readonly lines: readonly number[];
  /** Where it does not hold; everywhere when absent. */
  readonly placements?: readonly PlacementName[];
  readonly reason: string;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    file: 'duckdb/select/test_multi_column_reference.slt',
    lines: [13],
    reason: "a silo's further schemas are addressed as silo__schema.table (docs/design.md §4)",
  },
  {
    file: 'duckdb/function/numeric/decimal_mod.slt',
    lines: [24],
    reason: 'the remainder needs more than the 38 digits of a DuckDB decimal',
  },
  {
    file: 'duckdb/function/numeric/test_round_integers.slt',
    lines: [19, 27],
    placements: ['pushdown-off', 'mediator', 'spread', 'random'],
    reason: 'DuckDB rounds decimals to a constant number of digits only',
  },
  {
    file: 'duckdb/types/decimal/decimal_exponent.slt',
    lines: [19],
    reason: 'a hundred decimals are more than the 38 digits of a DuckDB decimal',
  },
  {
    file: 'duckdb/types/decimal/test_decimal_ops.slt',
    lines: [144, 186],
    reason: 'round(x, 100000) has 16,383 decimals in PostgreSQL; a DuckDB decimal keeps those the value has',
  },
];

/** The reason why a query may fail in a placement, or undefined when it must hold. */
export const reasonFor = (file: string, line: number, placement: PlacementName): string | undefined =>
  DIFFERENCES.find(
    (known) => known.file === file && known.lines.includes(line) && (known.placements?.includes(placement) ?? true),
  )?.reason;
