/** From a row of the buffer to what enters the network: values as they are, categories one-hot or as their embedding. */
import { encodedWidths } from '../../src/plan/categories.ts';
import type { ModelSpec } from '../../src/plan/training.ts';
import type { Floats } from './losses.ts';

/** One column of a row: where it enters, and for categories how. */
interface EncodedColumn {
  readonly column: number;
  /** First of its values among the network's inputs. */
  readonly at: number;
  readonly width: number;
  /** Embeddings: offset of the table (categories × width) among the weights. */
  readonly table: number | undefined;
  readonly kind: 'value' | 'one-hot' | 'embedding';
}

/** Numbers of the columns that each of the network's inputs comes from. */
export const columnOfInput = (spec: Pick<ModelSpec, 'categories'>, columns: number): number[] =>
  encodedWidths(spec, columns).flatMap((width, column) => Array<number>(width).fill(column));

export class InputEncoding {
  /** True where rows are taken as they are. */
  readonly plain: boolean;
  /** True where the gradient flows on into embeddings. */
  readonly trained: boolean;
  readonly #columns: readonly EncodedColumn[];

  /** @param tables offsets of the embeddings' tables among the weights, in the order of `categories` */
  constructor(spec: ModelSpec, columns: number, tables: readonly number[]) {
    const { categories = [] } = spec;
    const embedded = categories.filter(({ dimension }) => dimension !== undefined);
    this.plain = categories.length === 0;
    this.trained = embedded.length > 0;
    let at = 0;
    this.#columns = encodedWidths(spec, columns).map((width, column) => {
      const category = categories.find((each) => each.column === column);
      const table = category?.dimension === undefined ? undefined : tables[embedded.indexOf(category)];
      const kind = category === undefined ? 'value' : table === undefined ? 'one-hot' : 'embedding';
      at += width;
      return { column, at: at - width, width, table, kind };
    });
  }

  /** Writes what the row at `row` of `values` is to the network to `into`, from `to` on. */
  encode(values: Floats, row: number, weights: Floats, into: Floats, to: number): void {
    for (const { at, column, kind, table, width } of this.#columns) {
      const value = values[row + column]!;
      if (kind === 'value') into[to + at] = value;
      else if (kind === 'one-hot') for (let k = 0; k < width; k++) into[to + at + k] = k === value ? 1 : 0;
      else for (let k = 0; k < width; k++) into[to + at + k] = weights[table! + value * width + k]!;
    }
  }

  /** Adds the slopes of a row's inputs to the gradient of the embeddings it reads. */
  addSlopes(values: Floats, row: number, slopes: Floats, from: number, gradient: Floats): void {
    for (const { at, column, kind, table, width } of this.#columns) {
      if (kind !== 'embedding') continue;
      const entry = table! + values[row + column]! * width;
      for (let k = 0; k < width; k++) gradient[entry + k] = gradient[entry + k]! + slopes[from + at + k]!;
    }
  }
}
