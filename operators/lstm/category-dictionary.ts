/** The categories of one column of a silo's rows, numbered as they appear. */
import { DataType, type Vector } from 'apache-arrow';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { readNumbers } from './column-reader.ts';

/** More different values than this are no categories: names, identifiers, free text. */
const MOST_CATEGORIES = 100_000;

/** Of a column's own numbering: NULL. */
const NO_CATEGORY = 0;

export class CategoryDictionary {
  readonly #column: string;
  readonly #codes = new Map<string, number>();
  /** By number; the first stands for NULL. */
  readonly names: string[] = [''];

  constructor(column: string) {
    this.#column = column;
  }

  /**
   * The numbers of a column's values. Text is taken as it is, numbers in their shortest form, booleans as `true` and `false`.
   * @throws CausewayError CW002 when there are too many different ones
   */
  read(vector: Vector): Float64Array {
    const codes = new Float64Array(vector.length);
    const textOf = DataType.isUtf8(vector.type)
      ? (row: number): string | null => vector.get(row)
      : texts(vector, this.#column);
    for (let row = 0; row < codes.length; row++) {
      const text = textOf(row);
      codes[row] = text === null ? NO_CATEGORY : this.#codeOf(text);
    }
    return codes;
  }

  #codeOf(name: string): number {
    const known = this.#codes.get(name);
    if (known !== undefined) return known;
    if (this.names.length > MOST_CATEGORIES) {
      throw new CausewayError(
        SQLSTATE.trainingFailed,
        `column "${this.#column}" has more than ${MOST_CATEGORIES} different values`,
        { hint: 'Leave it out of the training query, or select something coarser (left(…), CASE).' },
      );
    }
    const code = this.names.push(name) - 1;
    this.#codes.set(name, code);
    return code;
  }
}

function texts(vector: Vector, column: string): (row: number) => string | null {
  const numbers = new Float64Array(vector.length);
  const nulls = new Uint8Array(vector.length);
  readNumbers(vector, column, numbers, nulls);
  const boolean = DataType.isBool(vector.type);
  return (row) => (nulls[row] === 1 ? null : boolean ? String(numbers[row] === 1) : String(numbers[row]));
}
