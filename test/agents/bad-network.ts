/**
 * A network in user space between agents and the coordinator: a TCP relay that delays, throttles, stalls, resets, swallows
 * and partitions. It stands above TCP: a lost packet shows as what TCP makes of it, a stall of one retransmission. What
 * happens below (tc netem) is in test/engines/network.test.ts.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Weather {
  /** Milliseconds each way, from and to: drawn per piece, order is kept. */
  readonly delay?: readonly [number, number];
  readonly bytesPerSecond?: number;
  /** The part of the pieces that are lost once, and come after another so many milliseconds. */
  readonly loss?: { readonly share: number; readonly retransmitMs: number };
  /** A connection is reset after so many bytes, from and to. */
  readonly resetAfter?: readonly [number, number];
}

const PIECE_BYTES = 16_384;

export class BadNetwork implements Disposable {
  readonly #server: Server;
  readonly #target: number;
  readonly #weather: Weather;
  readonly #sockets = new Set<Socket>();
  readonly #random: () => number;
  #passable: PromiseWithResolvers<void> | undefined;
  #swallowing = false;
  /** Connections that were reset by the weather. */
  resets = 0;

  private constructor(target: number, weather: Weather, seed: number) {
    this.#target = target;
    this.#weather = weather;
    this.#random = seeded(seed);
    this.#server = createServer((inside) => this.#relay(inside));
  }

  static async open(target: number, weather: Weather, seed: number): Promise<BadNetwork> {
    const network = new BadNetwork(target, weather, seed);
    network.#server.listen(0, '127.0.0.1');
    await once(network.#server, 'listening');
    return network;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Nothing passes either way, nobody is told; with `false` it goes on, and what waited is delivered. */
  partition(on: boolean): void {
    this.#passable?.resolve();
    this.#passable = on ? Promise.withResolvers<void>() : undefined;
  }

  /**
   * Half open: what the agent says is lost without a word, what it is told arrives. With `false` the connections of that
   * time are reset, as by a middlebox that has forgotten them.
   */
  swallow(on: boolean): void {
    if (this.#swallowing && !on) for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#swallowing = on;
  }

  [Symbol.dispose](): void {
    this.partition(false);
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #relay(inside: Socket): void {
    const outside = connect(this.#target, '127.0.0.1');
    for (const socket of [inside, outside]) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        inside.destroy();
        outside.destroy();
      });
    }
    const { resetAfter } = this.#weather;
    let left = resetAfter === undefined ? Number.POSITIVE_INFINITY : this.#between(resetAfter);
    const passed = (bytes: number): void => {
      left -= bytes;
      if (left > 0 || inside.destroyed) return;
      this.resets++;
      inside.resetAndDestroy();
      outside.resetAndDestroy();
    };
    this.#carry(inside, outside, passed, () => this.#swallowing);
    this.#carry(outside, inside, passed, () => false);
  }

  #carry(from: Socket, to: Socket, passed: (bytes: number) => void, lost: () => boolean): void {
    const { bytesPerSecond = Number.POSITIVE_INFINITY, delay = [0, 0], loss } = this.#weather;
    let due = 0;
    let before = Promise.resolve();
    from.on('data', (data: Buffer) => {
      for (let at = 0; at < data.length; at += PIECE_BYTES) {
        const piece = data.subarray(at, at + PIECE_BYTES);
        const again = loss !== undefined && this.#random() < loss.share ? loss.retransmitMs : 0;
        const now = performance.now();
        due = Math.max(due + (1000 * piece.length) / bytesPerSecond, now + this.#between(delay) + again);
        const wait = due - now;
        before = before.then(async () => {
          const late = wait - (performance.now() - now);
          if (late > 0) await sleep(late);
          await this.#passable?.promise;
          if (to.destroyed || lost()) return;
          to.write(piece);
          passed(piece.length);
        });
      }
    });
    from.on('end', () => void before.then(() => to.end()));
  }

  #between([least, most]: readonly [number, number]): number {
    return least + this.#random() * (most - least);
  }
}

/** Numbers below 1, the same for the same seed (a linear congruential generator: only variety is wanted). */
function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}
