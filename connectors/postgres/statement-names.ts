/** Which statements a connection's server has prepared: by text, the least recently used forgotten first. */
import type { PreparedStatement } from './row-messages.ts';

/** Each takes memory at the server, in every connection. */
const MOST_STATEMENTS = 100;

export class StatementNames {
  readonly #names = new Map<string, string>();
  readonly #most: number;
  #forget: string[] = [];
  #next = 1;

  constructor(most = MOST_STATEMENTS) {
    this.#most = most;
  }

  /** The statement `text`, to be run now. */
  use(text: string): PreparedStatement {
    const known = this.#names.get(text);
    if (known !== undefined) {
      this.#names.delete(text);
      this.#names.set(text, known);
      return { name: known, text: undefined, forget: [] };
    }
    if (this.#names.size >= this.#most) this.drop(this.#names.keys().next().value!);
    const name = `causeway_${this.#next++}`;
    this.#names.set(text, name);
    const forget = this.#forget;
    this.#forget = [];
    return { name, text, forget };
  }

  /** It is prepared anew at its next use. The server may have it or not, and is told to forget it. */
  drop(text: string): void {
    const name = this.#names.get(text);
    if (name === undefined) return;
    this.#names.delete(text);
    this.#forget.push(name);
  }
}
