/**
 * Re-planning at a fragment's border: a silo is being read whole, as the estimates had it, when another fragment is done and
 * its keys are known. If what is still to come is far more than the rows that those keys match, the silo is asked anew,
 * with the keys. That is so when the rows were thought to be few, or the keys many.
 */
import type { RecordBatch } from 'apache-arrow';
import type { FragmentResult } from '../../../connectors/connector.ts';
import { exchangeName, type Fragment, type FragmentId, type LateKeysExchange } from '../../../optimizer/physical.ts';
import type { Literal } from '../../plan/expressions.ts';
import { collectKeys } from './keys.ts';
import type { ExecutionSession } from './mediator.ts';
import { measure } from './report.ts';

export interface LateContext {
  readonly session: ExecutionSession;
  readonly done: ReadonlyMap<FragmentId, Promise<void>>;
  /** How many times fewer rows the source of the keys has had than was thought; 1 while nobody knows. */
  readonly fewer: (source: FragmentId) => number;
  readonly signal: AbortSignal;
  /** Ends the whole answer. */
  readonly stop: () => void;
}

interface Brought {
  readonly rows: number;
  /** With those of an answer that was not read to its end. */
  readonly bytes: number;
  readonly keys?: number;
}

/** What is saved must be so many times what it costs: the rest of an answer is under way already. */
const CLEARLY = 1.5;

/** Estimates are off by this much before anybody looks for keys. */
const FAR = 4;

/** Rows still to come, at least: as expected, or, where more have come, as many again. */
const remaining = (late: LateKeysExchange, rows: number): number => Math.max(late.rows, 2 * rows) - rows;

/**
 * @param restricted asks for the rows of some keys
 * @param answer the whole answer, which has begun
 */
export async function bringUnlessKeysPay(
  fragment: Fragment,
  late: LateKeysExchange,
  answer: Extract<FragmentResult, { kind: 'batches' }>,
  restricted: (keys: readonly Literal[]) => Promise<FragmentResult>,
  { session, done, fewer, signal, stop }: LateContext,
): Promise<Brought> {
  const name = exchangeName(fragment.id);
  const first = measure(answer.batches);
  const type = fragment.plan.columns.find(({ id }) => id === late.column)?.type;
  let source: 'running' | 'done' | 'asked' = 'running';
  let keys: readonly Literal[] | undefined;
  const found = Promise.withResolvers<undefined>();
  void done.get(late.from)?.then(
    () => {
      source = 'done';
    },
    // Its failure stops the whole statement.
    () => {},
  );
  const left = (): number => remaining(late, first.total.rows);
  const askForKeys = (): void => {
    const far = first.total.rows > FAR * late.rows || fewer(late.from) > FAR;
    if (source !== 'done' || type === undefined || !far || left() <= CLEARLY * late.restart) return;
    source = 'asked';
    // Meanwhile the rows go on coming.
    collectKeys(late, type, session, signal).then(
      (all) => {
        keys = all;
        found.resolve(undefined);
      },
      () => {},
    );
  };
  let switched = false;
  const batches = async function* (): AsyncGenerator<RecordBatch> {
    const iterator = first.batches[Symbol.asyncIterator]();
    for (;;) {
      const next = iterator.next();
      const step = await (keys === undefined ? Promise.race([next, found.promise]) : next);
      switched = keys !== undefined && CLEARLY * (late.restart + keys.length * late.perKey) < left();
      if (switched) {
        // What is under way fails, which is no news.
        next.catch(() => {});
        stop();
        return;
      }
      const { done: over, value } = step ?? (await next);
      if (over === true) return;
      yield value;
      askForKeys();
    }
  };
  await session.ingest(name, { ...answer, batches: batches() }, signal);
  if (!switched || keys === undefined) return first.total;
  await session.forget(name, signal);
  const again = await restricted(keys);
  if (again.kind === 'relation') {
    await session.ingest(name, again, signal);
    return { rows: 0, bytes: first.total.bytes, keys: keys.length };
  }
  const second = measure(again.batches);
  await session.ingest(name, { ...again, batches: second.batches }, signal);
  return { rows: second.total.rows, bytes: first.total.bytes + second.total.bytes, keys: keys.length };
}
