/** A training query's rows as an engine hands them to code of ours: one object each, in the order of entity and time. */
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import type { RowOrder } from '../windows.ts';

export interface EngineRow {
  /** Microseconds since 1970 UTC, or the plain number of a number column. */
  readonly time: number | null;
  readonly entity: string | null;
  readonly features: readonly (number | null)[];
}

/** As of the row store: rows with a NULL are left out and break the sequence. */
export interface EngineRows extends RowOrder {
  /** Rows × features, as differences from `origin`, so that float32 keeps the spread of large values. */
  readonly values: Float32Array;
  readonly origin: Float64Array;
  readonly rows: number;
  readonly incompleteRows: number;
}

/** @throws CausewayError CW002 naming a column that is NULL throughout, or holds what is no finite number */
export function readRows(given: readonly EngineRow[], names: readonly string[]): EngineRows {
  const width = names.length;
  const times = new Float64Array(given.length);
  const values = new Float32Array(given.length * width);
  const origin = new Float64Array(width);
  const started = names.map(() => false);
  const entityStarts: number[] = [];
  const breaks = new Set<number>();
  let entity: string | null | undefined;
  let rows = 0;
  given.forEach((row, received) => {
    if (row.entity !== entity || received === 0) entityStarts.push(rows);
    entity = row.entity;
    let complete = row.time !== null;
    row.features.forEach((value, f) => {
      if (value === null) complete = false;
      else if (!Number.isFinite(value)) throw failed(`column "${names[f]}" is ${value} in row ${received + 1}`);
      else if (!started[f]) {
        started[f] = true;
        origin[f] = value;
      }
    });
    if (!complete) {
      breaks.add(rows);
      return;
    }
    times[rows] = row.time!;
    row.features.forEach((value, f) => {
      values[rows * width + f] = value! - origin[f]!;
    });
    rows++;
  });
  const empty = names.find((_, f) => given.length > 0 && !started[f]);
  if (empty !== undefined) throw failed(`column "${empty}" is NULL in every row`);
  return {
    ...{ entityStarts, breaks, origin, rows, incompleteRows: given.length - rows },
    times: times.subarray(0, rows),
    values: values.subarray(0, rows * width),
  };
}

const failed = (message: string) => new CausewayError(SQLSTATE.trainingFailed, message);
