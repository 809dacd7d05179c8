/** A queue that is written from anywhere and read as an async iterable. */

export class Outbox<T> implements AsyncIterable<T> {
  readonly #limit: number;
  #items: T[] = [];
  #closed = false;
  #failure: unknown;
  #wake: PromiseWithResolvers<void> = Promise.withResolvers();
  #room: PromiseWithResolvers<void> = Promise.withResolvers();

  /** `limit`: items that may wait before `push` does. */
  constructor(limit = Number.POSITIVE_INFINITY) {
    this.#limit = limit;
  }

  /** Queues an item (nothing after close), and resolves when the reader has caught up. */
  async push(item: T): Promise<void> {
    if (this.#closed) return;
    this.#items.push(item);
    this.#wake.resolve();
    while (this.#items.length >= this.#limit && !this.#closed) {
      this.#room = Promise.withResolvers();
      await this.#room.promise;
    }
  }

  /** Ends the iteration after what is queued, with an error if one is given. */
  close(failure?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#failure = failure;
    this.#wake.resolve();
    this.#room.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      for (;;) {
        const items = this.#items;
        this.#items = [];
        this.#room.resolve();
        yield* items;
        if (this.#items.length > 0) continue;
        if (this.#closed) {
          if (this.#failure !== undefined) throw this.#failure;
          return;
        }
        this.#wake = Promise.withResolvers();
        await this.#wake.promise;
      }
    } finally {
      this.close();
    }
  }
}
