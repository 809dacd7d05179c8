/** A silo's rows as one contiguous Float32 buffer that grows in place, shared with the training threads. */
import type { RecordBatch, Vector } from 'apache-arrow';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { CategoryDictionary } from './category-dictionary.ts';
import { readNumbers } from './column-reader.ts';
import { GrowingBuffer } from './growing-buffer.ts';

/** Names of the stream's columns, in their order: the time, the entity if there is one, the features. Only the order counts. */
export interface RowColumns {
  readonly time: string;
  readonly entity?: string;
  readonly features: readonly string[];
  /** Which of the features hold categories; absent: none. */
  readonly categories?: readonly boolean[];
}

/**
 * Rows in the order they came. A feature is stored as its difference from `origin` (its first value), so that float32
 * keeps the spread of a column whose values are large; a category as its number in the column's dictionary. A row with a NULL among
 * its numbers is left out and breaks the sequence; a NULL category is one of its own.
 */
export class RowStore {
  readonly columns: RowColumns;
  readonly #values = new GrowingBuffer('training rows');
  readonly #times = new GrowingBuffer('times of training rows');
  /** Per feature: what was subtracted before rounding to float32. */
  readonly origin: Float64Array;
  /** Per feature with categories: what its numbers stand for. */
  readonly dictionaries: readonly (CategoryDictionary | undefined)[];
  /** Entity names in order of appearance, and the row each begins at. */
  readonly entities: { readonly name: string; readonly start: number }[] = [];
  /** Rows before which the sequence is broken by a NULL. */
  readonly breaks = new Set<number>();
  readonly #seenEntities = new Set<string>();
  readonly #started: boolean[];
  #entity: string | undefined;
  #rows = 0;
  #received = 0;

  constructor(columns: RowColumns) {
    this.columns = columns;
    this.origin = new Float64Array(columns.features.length);
    this.#started = columns.features.map(() => false);
    this.dictionaries = columns.features.map((name, f) =>
      columns.categories?.[f] === true ? new CategoryDictionary(name) : undefined,
    );
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
    return new Float32Array(this.#values.buffer, 0, this.#rows * this.columns.features.length);
  }

  /** Microseconds since 1970 UTC (or the plain number of an integer column), per row. */
  get times(): Float64Array {
    return new Float64Array(this.#times.buffer, 0, this.#rows);
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
    const { numRows } = batch;
    const incomplete = new Uint8Array(numRows);
    const at = new Float64Array(numRows);
    readNumbers(column(0), time, at, incomplete);
    const firstFeature = entity === undefined ? 1 : 2;
    const read = features.map((name, f) => this.#readFeature(column(firstFeature + f), name, f, incomplete));
    this.#values.reserve((this.#rows + numRows) * features.length * 4);
    this.#times.reserve((this.#rows + numRows) * 8);
    const first = this.#rows;
    this.#place(at, incomplete, entity === undefined ? undefined : column(1));
    const width = features.length;
    const values = this.values;
    read.forEach((from, f) => {
      const origin = this.origin[f]!;
      let to = first * width + f;
      for (let row = 0; row < numRows; row++) {
        if (incomplete[row] === 1) continue;
        values[to] = from[row]! - origin;
        to += width;
      }
    });
  }

  /** Call after the last batch: throws when there are no rows, or when a column was NULL throughout. */
  finish(): void {
    const empty = this.columns.features.find((_, f) => this.#received > 0 && !this.#started[f]);
    if (empty !== undefined) {
      throw new CausewayError(SQLSTATE.trainingFailed, `column "${empty}" is NULL in every row`, {
        hint: 'Leave it out of the training query, or fill it with coalesce().',
      });
    }
  }

  /** The entity of each of these rows, which ascend; '' without an entity column. */
  entitiesOf(rows: readonly number[]): string[] {
    let e = 0;
    return rows.map((row) => {
      while (e + 1 < this.entities.length && this.entities[e + 1]!.start <= row) e++;
      return this.entities[e]!.name;
    });
  }

  /** Times of the last row of every entity, and the usual distance of its rows. */
  lastRows(): readonly { readonly entity: string; readonly time: number; readonly interval: number }[] {
    const { times } = this;
    return this.entities.map(({ name, start }, e) => {
      const end = this.#endOf(e);
      const distances: number[] = [];
      for (let row = Math.max(start + 1, end - 32); row < end; row++) distances.push(times[row]! - times[row - 1]!);
      distances.sort((a, b) => a - b);
      return { entity: name, time: times[end - 1]!, interval: distances[distances.length >> 1] ?? 0 };
    });
  }

  /** Where the rows of every entity end, and how many before that are without a NULL or a gap; split borders do not count. */
  lastRuns(
    maxGap = Number.POSITIVE_INFINITY,
  ): { readonly name: string; readonly end: number; readonly known: number }[] {
    const { times } = this;
    return this.entities.map(({ name, start }, e) => {
      const end = this.#endOf(e);
      let row = end - 1;
      while (row > start && !this.breaks.has(row) && times[row]! - times[row - 1]! <= maxGap) row--;
      return { name, end, known: end - row };
    });
  }

  #endOf(entity: number): number {
    return this.entities[entity + 1]?.start ?? this.#rows;
  }

  /** A column's numbers, checked, or its categories' numbers; marks the rows in which it is NULL. */
  #readFeature(vector: Vector, name: string, feature: number, incomplete: Uint8Array): Float64Array {
    const dictionary = this.dictionaries[feature];
    if (dictionary !== undefined) {
      this.#started[feature] = true;
      return dictionary.read(vector);
    }
    const values = new Float64Array(vector.length);
    const nulls = vector.nullCount === 0 ? undefined : new Uint8Array(vector.length);
    readNumbers(vector, name, values, nulls ?? incomplete);
    for (let row = 0; row < values.length; row++) {
      if (nulls?.[row] === 1) {
        incomplete[row] = 1;
        continue;
      }
      if (!Number.isFinite(values[row])) throw this.#notFinite(name, values[row]!, row);
      if (this.#started[feature]) continue;
      this.#started[feature] = true;
      this.origin[feature] = values[row]!;
    }
    return values;
  }

  #notFinite(column: string, value: number, row: number): CausewayError {
    const place = `row ${this.#received + row + 1}`;
    return new CausewayError(SQLSTATE.trainingFailed, `column "${column}" is ${value} in ${place}`, {
      hint: "Exclude such rows in the training query, or replace them: nullif(column, 'NaN').",
    });
  }

  /** Times, entities and breaks of the rows of a batch. */
  #place(at: Float64Array, incomplete: Uint8Array, entities: Vector | undefined): void {
    const times = new Float64Array(this.#times.buffer, 0, this.#rows + at.length);
    for (let row = 0; row < at.length; row++) {
      this.#received++;
      if (entities) this.#enter(String(entities.get(row)));
      else if (this.entities.length === 0) this.#enter('');
      if (incomplete[row] === 1) {
        this.breaks.add(this.#rows);
        continue;
      }
      if (this.#rows > this.entities.at(-1)!.start && at[row]! < times[this.#rows - 1]!) throw this.#unsorted();
      times[this.#rows++] = at[row]!;
    }
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

  #unsorted(): CausewayError {
    return new CausewayError(
      SQLSTATE.trainingFailed,
      `column "${this.columns.time}" goes back in row ${this.#received}`,
      {
        hint: `Sort the training rows by ${[this.columns.entity, this.columns.time].filter(Boolean).join(', ')}.`,
      },
    );
  }
}
