/** A silo behind a link of a given speed: every answer comes later, by the latency and by its bytes' time on the wire. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordBatch } from 'apache-arrow';
import type { Fragment, FragmentResult, Silo } from '../../connectors/connector.ts';
import { batchBytes } from '../../src/engine/execution/report.ts';

export interface Link {
  readonly name: string;
  /** Seconds there and back. */
  readonly latency: number;
  readonly bytesPerSecond: number;
}

/** All statements of the silo share the link, in both directions. */
export function throttled(silo: Silo, link: Link): Silo {
  let free = 0;
  const carry = async (bytes: number, signal: AbortSignal): Promise<void> => {
    const now = performance.now();
    free = Math.max(now, free) + (bytes / link.bytesPerSecond) * 1000;
    if (free <= now + 1) return;
    const until = free;
    await sleep(free - now, undefined, { signal }).catch((thrown: unknown) => {
      // A cancelled answer is not sent to its end: the link is free again.
      if (free === until) free = performance.now();
      throw thrown;
    });
  };
  return {
    context: silo.context,
    tables: (signal) => silo.tables(signal),
    statistics: (table, signal) => silo.statistics(table, signal),
    async run(fragment: Fragment, signal: AbortSignal): Promise<FragmentResult> {
      await sleep(link.latency * 1000, undefined, { signal });
      await carry(fragment.kind === 'sql' ? fragment.text.length : 100, signal);
      const result = await silo.run(fragment, signal);
      if (result.kind !== 'batches') throw new Error('the benchmark throttles silos that send rows');
      const { batches } = result;
      const slowed = async function* (): AsyncGenerator<RecordBatch> {
        for await (const batch of batches) {
          await carry(batchBytes(batch), signal);
          yield batch;
        }
      };
      return { ...result, batches: slowed() };
    },
    [Symbol.asyncDispose]: () => silo[Symbol.asyncDispose](),
  };
}
