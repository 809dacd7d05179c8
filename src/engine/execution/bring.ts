/** One fragment's rows, from its silo into the session. */
import type { RecordBatch } from 'apache-arrow';
import type { FragmentResult, Silo } from '../../../connectors/connector.ts';
import { requestOf } from '../../../optimizer/fragments/cut.ts';
import {
  exchangeName,
  type Fragment,
  type FragmentId,
  type KeysExchange,
  MEDIATOR,
  type Site,
} from '../../../optimizer/physical.ts';
import { throwIfAborted } from '../../plan/errors.ts';
import type { Literal } from '../../plan/expressions.ts';
import type { ExecutionContext } from './execute.ts';
import { collectKeys, keyBytes, restrictedPlans } from './keys.ts';
import type { ExecutionSession } from './mediator.ts';
import { type FragmentReport, type Measured, measure } from './report.ts';
import { requestTo, runAt, textOf } from './run-fragment.ts';
import { splitOf } from './split.ts';

export interface Bringing {
  readonly session: ExecutionSession;
  /** What silos keep for us until the statement is over. */
  readonly held: (() => Promise<void>)[];
  readonly context: ExecutionContext;
  readonly signal: AbortSignal;
  /** True when others wait for the fragment's keys. */
  readonly givesKeys: boolean;
  /** The site of another fragment of the plan. */
  readonly siteOf: (fragment: FragmentId) => Site;
  /** Grows while rows come. */
  readonly total: Measured['total'];
  readonly onBatch?: () => void;
}

/** @returns undefined for a fragment of the mediator */
export async function bring(fragment: Fragment, bringing: Bringing): Promise<FragmentReport | undefined> {
  const { session, held, context, signal, givesKeys, siteOf, total, onBatch } = bringing;
  throwIfAborted(signal);
  const started = performance.now();
  const name = exchangeName(fragment.id);
  if (fragment.site === MEDIATOR) {
    await session.materialize(name, textOf(fragment), fragment.columns, signal);
    return undefined;
  }
  const silo = await context.silo(fragment.site, signal);
  const exchange = fragment.inputs.find((input) => input.kind === 'keys');
  const type = fragment.plan.columns.find(({ id }) => id === exchange?.column)?.type;
  const keys =
    exchange === undefined || type === undefined ? undefined : await collectKeys(exchange, type, session, signal);
  const requests =
    exchange === undefined || keys === undefined ? [fragment] : withKeys(fragment, exchange, keys, context);
  const result = await answers(silo, fragment, requests, context, signal);
  if (result.kind === 'relation' && result.release !== undefined) held.push(result.release);
  const measured = result.kind === 'batches' ? measure(result.batches, total, onBatch) : undefined;
  let rows: number | undefined;
  if (result.kind === 'relation' && givesKeys) {
    // It is read for its keys and again for its rows: a view would read the files twice.
    await session.materialize(name, result.select, fragment.columns, signal);
  } else {
    const batches = measured?.batches;
    rows = await session.ingest(name, batches === undefined ? result : { ...result, kind: 'batches', batches }, signal);
  }
  return {
    fragment: fragment.id,
    site: fragment.site,
    rows: rows ?? 0,
    bytes: total.bytes,
    milliseconds: performance.now() - started,
    ...(measured === undefined ? { uncounted: true } : {}),
    ...(keys === undefined || exchange === undefined
      ? {}
      : { keys: keys.length, keysOf: { site: siteOf(exchange.from), bytes: keyBytes(keys) } }),
  };
}

function withKeys(
  fragment: Fragment,
  exchange: KeysExchange,
  keys: readonly Literal[],
  context: ExecutionContext,
): readonly Asked[] {
  const batch = context.optimizer.silos.get(fragment.site)?.capabilities.maxListLength ?? 1000;
  return restrictedPlans(fragment, exchange, keys, batch).map((plan) => ({
    plan,
    request: requestOf(plan, fragment.site, context.optimizer),
  }));
}

/** A fragment's request with the subtree it was made from. */
type Asked = Pick<Fragment, 'request' | 'plan' | 'rows'>;

/**
 * One request answers as it is; several (batches of keys, which are disjoint) one after the other; none with no rows.
 * A silo that answers with something the mediator reads by itself is asked once, for all rows.
 */
async function answers(
  silo: Silo,
  fragment: Fragment,
  requests: readonly Asked[],
  { onNotice, optimizer }: Pick<ExecutionContext, 'onNotice' | 'optimizer'>,
  signal: AbortSignal,
): Promise<FragmentResult> {
  const { columns, site } = fragment;
  const split = requests[0] === fragment ? splitOf(fragment, optimizer) : undefined;
  const ask = ({ plan, request, rows }: Asked): Promise<FragmentResult> => {
    const whole = requestTo(request, plan, columns, rows);
    return runAt(
      silo,
      site,
      whole.kind === 'sql' && split !== undefined ? { ...whole, split } : whole,
      signal,
      onNotice,
    );
  };
  const [request, ...more] = requests;
  if (request === undefined) return { kind: 'batches', columns, batches: nothing() };
  const first = await ask(request);
  if (more.length === 0) return first;
  if (first.kind === 'relation') {
    await first.release?.();
    return ask(fragment);
  }
  const all = async function* (): AsyncGenerator<RecordBatch> {
    yield* first.batches;
    for (const next of more) {
      const result = await ask(next);
      if (result.kind === 'batches') yield* result.batches;
    }
  };
  return { kind: 'batches', columns, batches: all() };
}

async function* nothing(): AsyncGenerator<RecordBatch> {}
