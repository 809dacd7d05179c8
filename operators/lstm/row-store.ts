/** A silo's rows as one contiguous Float32 buffer that grows in place, shared with the training threads. */
import type { RecordBatch } from 'apache-arrow';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { numberReader } from './column-reader.ts';

/** Names of the stream's columns, in their order: the time, the entity if there is one, the features. Only the order counts. */
export interface RowColumns {
  readonly time: string;
  readonly entity?: string;
  readonly features: readonly string[];
}

/** Address space reserved per buffer; memory is taken only as rows come. */
const RESERVED_BYTES = 2 ** 38;

function growable(): SharedArrayBuffer {
  return new SharedArrayBuffer(0, { maxByteLength: RESERVED_BYTES });
}

/**
 * Rows in the order they came. A feature is stored as its difference from `origin` (its first value), so that float32
 * keeps the spread of a column whose values are large. A row with a NULL among its features is left out and breaks the sequence.
 */
export class RowStore {
  readonly columns: RowColumns;
  readonly #values = growable();
  readonly #times = growable();
  /** Per feature: what was subtracted before rounding to float32. */
  readonly origin: Float64Array;
  /** Entity names in order of appearance, and the row each begins at. */
  readonly entities: { readonly name: string; readonly start: number }[] = [];
  /** Rows before which the sequence is broken by a NULL. */
  readonly breaks = new Set<number>();
  readonly #seenEntities = new Set<string>();
  readonly #notNull: Float64Array;
  readonly #started: boolean[];
  #entity: string | undefined;
  #rows = 0;
  #received = 0;

  constructor(columns: RowColumns) {
    this.columns = columns;
    this.origin = new Float64Array(columns.features.length);
    this.#notNull = new Float64Array(columns.features.length);
    this.#started = columns.features.map(() => false);
  }

  /** Rows kept. */
  get rows(): number {
    return this.#rows;
  }

  /** Rows left out because of a NULL. */
  get incompleteRows(): number {
    return this.#received - this.#rows;
  }

  /** Rows × features, row by row. */
  get values(): Float32Array {
    return new Float32Array(this.#values, 0, this.#rows * this.columns.features.length);
  }

  /** Microseconds since 1970 UTC (or the plain number of an integer column), per row. */
  get times(): Float64Array {
    return new Float64Array(this.#times, 0, this.#rows);
  }

  /**
   * Adds a batch. Throws when a column is missing or not a number, when a value is NaN or infinite (naming column and row), or when
   * rows are not sorted by entity, then time.
   */
  append(batch: RecordBatch): void {
    const { time, entity, features } = this.columns;
    const column = (index: number) => {
      const vector = batch.getChildAt(index);
      if (vector) return vector;
      throw new CausewayError(SQLSTATE.undefinedColumn, `the training rows have ${batch.numCols} columns`, {
        detail: `Expected: ${[time, entity, ...features].filter(Boolean).join(', ')}.`,
      });
    };
    const width = features.length;
    const firstFeature = entity === undefined ? 1 : 2;
    const readTime = numberReader(column(0), time);
    const readers = features.map((name, f) => numberReader(column(firstFeature + f), name));
    const entities = entity === undefined ? undefined : column(1);
    const begin = this.#rows;
    this.#reserve(begin + batch.numRows);
    const values = new Float32Array(this.#values);
    const times = new Float64Array(this.#times);

    for (let i = 0; i < batch.numRows; i++) {
      this.#received++;
      if (entities) this.#enter(String(entities.get(i)));
      else if (this.entities.length === 0) this.#enter('');
      const at = readTime(i);
      let complete = at !== undefined;
      for (let f = 0; f < width; f++) {
        const value = readers[f]!(i);
        if (value === undefined) {
          complete = false;
          continue;
        }
        if (!Number.isFinite(value)) throw this.#notFinite(features[f]!, value);
        this.#notNull[f]!++;
        if (!this.#started[f]) {
          this.#started[f] = true;
          this.origin[f] = value;
        }
        values[this.#rows * width + f] = value - this.origin[f]!;
      }
      if (!complete) {
        this.breaks.add(this.#rows);
        continue;
      }
      if (this.#rows > this.entities.at(-1)!.start && at! < times[this.#rows - 1]!) throw this.#unsorted(time);
      times[this.#rows++] = at!;
    }
  }

  /** Call after the last batch: throws when there are no rows, or when a column was NULL throughout. */
  finish(): void {
    const empty = this.columns.features.find((_, f) => this.#received > 0 && this.#notNull[f] === 0);
    if (empty !== undefined) {
      throw new CausewayError(SQLSTATE.trainingFailed, `column "${empty}" is NULL in every row`, {
        hint: 'Leave it out of the training query, or fill it with coalesce().',
      });
    }
  }

  #reserve(rows: number): void {
    const grow = (buffer: SharedArrayBuffer, bytes: number) => {
      if (buffer.byteLength >= bytes) return;
      try {
        buffer.grow(Math.max(bytes, Math.ceil((buffer.byteLength * 1.25) / 65_536) * 65_536));
      } catch (cause) {
        throw new CausewayError(SQLSTATE.outOfMemory, `no memory for ${rows} training rows`, {
          hint: 'Select fewer columns or a shorter time, or give the process more memory.',
          cause,
        });
      }
    };
    grow(this.#values, rows * this.columns.features.length * 4);
    grow(this.#times, rows * 8);
  }

  #enter(entity: string): void {
    if (entity === this.#entity) return;
    if (this.#seenEntities.has(entity)) {
      throw new CausewayError(SQLSTATE.trainingFailed, `rows of "${entity}" do not come in one piece`, {
        hint: `Sort the training rows by ${this.columns.entity}, ${this.columns.time}.`,
      });
    }
    this.#seenEntities.add(entity);
    this.#entity = entity;
    this.entities.push({ name: entity, start: this.#rows });
  }

  #notFinite(column: string, value: number): CausewayError {
    return new CausewayError(SQLSTATE.trainingFailed, `column "${column}" is ${value} in row ${this.#received}`, {
      hint: "Exclude such rows in the training query, or replace them: nullif(column, 'NaN').",
    });
  }

  #unsorted(time: string): CausewayError {
    return new CausewayError(SQLSTATE.trainingFailed, `column "${time}" goes back in row ${this.#received}`, {
      hint: `Sort the training rows by ${[this.columns.entity, time].filter(Boolean).join(', ')}.`,
    });
  }
}
