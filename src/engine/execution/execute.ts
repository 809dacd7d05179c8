/**
 * Runs a physical plan: silos work on their fragments at the same time, their rows move into the mediator, the mediator
 * answers the rest as a stream. A plan of one silo's fragment alone streams straight through.
 */
import type { RecordBatch } from 'apache-arrow';
import type { FragmentResult, ResultColumn, Silo } from '../../../connectors/connector.ts';
import type { OptimizerContext } from '../../../optimizer/context.ts';
import { requestOf } from '../../../optimizer/fragments/cut.ts';
import {
  exchangeName,
  type Fragment,
  type FragmentId,
  type KeysExchange,
  type LateKeysExchange,
  MEDIATOR,
  type PhysicalPlan,
} from '../../../optimizer/physical.ts';
import { CausewayError, canceled, SQLSTATE, throwIfAborted } from '../../plan/errors.ts';
import type { Literal } from '../../plan/expressions.ts';
import type { Admission } from './admission.ts';
import { collectKeys, restrictedPlans } from './keys.ts';
import { bringUnlessKeysPay } from './late-keys.ts';
import type { ExecutionMediator, ExecutionSession } from './mediator.ts';
import { type FragmentReport, measure } from './report.ts';
import { requestTo, runAt } from './run-fragment.ts';
import { splitOf } from './split.ts';

export interface ExecutionContext {
  readonly silo: (name: string, signal: AbortSignal) => Promise<Silo>;
  readonly mediator: ExecutionMediator;
  readonly admission: Admission;
  /** Capabilities of the silos, for fragments whose text depends on keys found while running. */
  readonly optimizer: OptimizerContext;
  /** Of a plan that is one silo's statement: the values of `$1` … in it, none for a statement that comes again as it is. */
  readonly parameters?: readonly (string | null)[];
  readonly onFragment?: (report: FragmentReport) => void;
}

export interface Execution {
  readonly columns: readonly ResultColumn[];
  /** Iterate once. Work starts with the first batch asked for, and stops when iteration stops. */
  readonly batches: AsyncIterable<RecordBatch>;
}

export function execute(plan: PhysicalPlan, context: ExecutionContext, signal: AbortSignal): Execution {
  return { columns: plan.columns, batches: stream(plan, context, signal) };
}

async function* stream(
  plan: PhysicalPlan,
  context: ExecutionContext,
  signal: AbortSignal,
): AsyncGenerator<RecordBatch> {
  throwIfAborted(signal);
  const stop = new AbortController();
  const everything = AbortSignal.any([signal, stop.signal]);
  const root = plan.fragments.find(({ id }) => id === plan.root)!;
  let complete = false;
  try {
    if (root.site !== MEDIATOR && root.inputs.length === 0) yield* straight(root, plan.columns, context, everything);
    else yield* mediated(plan, root, context, everything, stop);
    // A silo that ends its stream quietly when it is cancelled must not pass for a complete answer.
    throwIfAborted(signal);
    complete = true;
  } catch (thrown) {
    if (signal.aborted) throw signal.reason instanceof CausewayError ? signal.reason : canceled(thrown);
    throw stop.signal.aborted ? stop.signal.reason : thrown;
  } finally {
    if (!complete) stop.abort(canceled());
  }
}

/** One fragment, one silo: its batches as they come. */
async function* straight(
  root: Fragment,
  columns: readonly ResultColumn[],
  context: ExecutionContext,
  signal: AbortSignal,
): AsyncGenerator<RecordBatch> {
  const started = performance.now();
  const silo = await context.silo(root.site, signal);
  const result = await runAt(silo, root.site, requestTo(root.request, root.plan, columns, context.parameters), signal);
  if (result.kind === 'batches') {
    const { batches, total } = measure(result.batches);
    yield* batches;
    context.onFragment?.({ fragment: root.id, site: root.site, ...total, milliseconds: performance.now() - started });
    return;
  }
  try {
    await using session = await context.mediator.session();
    const { batches, total } = measure(session.query(result.select, columns, signal));
    yield* batches;
    context.onFragment?.({ fragment: root.id, site: root.site, ...total, milliseconds: performance.now() - started });
  } finally {
    await result.release?.();
  }
}

async function* mediated(
  plan: PhysicalPlan,
  root: Fragment,
  context: ExecutionContext,
  signal: AbortSignal,
  stop: AbortController,
): AsyncGenerator<RecordBatch> {
  const leave = await context.admission.enter(signal);
  const held: (() => Promise<void>)[] = [];
  try {
    await using session = await context.mediator.session();
    const keys = plan.fragments.flatMap(({ inputs }) => inputs.filter((input) => input.kind === 'keys'));
    const keySources = new Set(keys.map(({ from }) => from));
    const expected = (id: FragmentId): number => plan.fragments.find((each) => each.id === id)?.rows ?? 1;
    const taken = new Map<FragmentId, number>();
    await gather(plan, root, { session, held, keySources, taken, expected, context, signal, stop });
    const started = performance.now();
    const { batches, total } = measure(session.query(textOf(root), plan.columns, signal));
    for await (const batch of batches) {
      // Blocking operators are through: the rest is the reader's pace, which must not keep others waiting.
      leave();
      yield batch;
    }
    context.onFragment?.({ fragment: root.id, site: root.site, ...total, milliseconds: performance.now() - started });
  } finally {
    leave();
    for (const release of held) await release();
  }
}

/** What the fragments of one statement share. */
interface Gathering {
  readonly session: ExecutionSession;
  /** What silos keep for us until the statement is over. */
  readonly held: (() => Promise<void>)[];
  /** Fragments whose keys others wait for. */
  readonly keySources: ReadonlySet<FragmentId>;
  /** Rows of the fragments that are done, and those that were expected of each. */
  readonly taken: Map<FragmentId, number>;
  readonly expected: (fragment: FragmentId) => number;
  readonly context: ExecutionContext;
  readonly signal: AbortSignal;
  readonly stop: AbortController;
}

/** Brings the rows of all fragments but the root into the session; the first failure stops the others. */
async function gather(plan: PhysicalPlan, root: Fragment, gathering: Gathering): Promise<void> {
  const { signal, stop } = gathering;
  const done = new Map<FragmentId, Promise<void>>();
  for (const fragment of plan.fragments) {
    if (fragment.id === root.id) continue;
    // Nobody waits for keys that may come late.
    const inputs = fragment.inputs.flatMap(({ from, kind }) => (kind === 'late-keys' ? [] : [done.get(from)]));
    const run = Promise.all(inputs).then(() => bring(fragment, gathering, done));
    done.set(
      fragment.id,
      run.catch((thrown) => {
        if (!stop.signal.aborted) stop.abort(thrown);
        throw thrown;
      }),
    );
  }
  const settled = await Promise.allSettled(done.values());
  if (settled.some(({ status }) => status === 'rejected')) throwIfStopped(signal, settled);
}

function throwIfStopped(signal: AbortSignal, settled: readonly PromiseSettledResult<void>[]): void {
  const first = settled.find((each) => each.status === 'rejected');
  throw signal.aborted ? signal.reason : first?.reason;
}

async function bring(
  fragment: Fragment,
  { session, held, keySources, context, signal, taken, expected }: Gathering,
  done: ReadonlyMap<FragmentId, Promise<void>>,
): Promise<void> {
  throwIfAborted(signal);
  const started = performance.now();
  const name = exchangeName(fragment.id);
  if (fragment.site === MEDIATOR) {
    await session.materialize(name, textOf(fragment), fragment.columns, signal);
    return;
  }
  const silo = await context.silo(fragment.site, signal);
  const exchange = fragment.inputs.find((input) => input.kind === 'keys');
  const type = fragment.plan.columns.find(({ id }) => id === exchange?.column)?.type;
  const keys =
    exchange === undefined || type === undefined ? undefined : await collectKeys(exchange, type, session, signal);
  const requests =
    exchange === undefined || keys === undefined ? [fragment] : withKeys(fragment, exchange, keys, context);
  const late = fragment.inputs.find((input) => input.kind === 'late-keys');
  const enough = new AbortController();
  const until = late === undefined ? signal : AbortSignal.any([signal, enough.signal]);
  const result = await answers(silo, fragment, requests, context.optimizer, until);
  if (result.kind === 'relation' && result.release !== undefined) held.push(result.release);
  if (late !== undefined && result.kind === 'batches') {
    const restricted = async (found: readonly Literal[]): Promise<FragmentResult> => {
      const again = await answers(silo, fragment, withKeys(fragment, late, found, context), context.optimizer, signal);
      if (again.kind === 'relation' && again.release !== undefined) held.push(again.release);
      return again;
    };
    const fewer = (source: FragmentId): number => expected(source) / Math.max(1, taken.get(source) ?? expected(source));
    const report = await bringUnlessKeysPay(fragment, late, result, restricted, {
      session,
      done,
      fewer,
      signal,
      stop: () => enough.abort(canceled()),
    });
    taken.set(fragment.id, report.rows);
    const milliseconds = performance.now() - started;
    context.onFragment?.({ fragment: fragment.id, site: fragment.site, ...report, milliseconds });
    return;
  }
  const measured = result.kind === 'batches' ? measure(result.batches) : undefined;
  let rows: number | undefined;
  if (result.kind === 'relation' && keySources.has(fragment.id)) {
    // It is read for its keys and again for its rows: a view would read the files twice.
    await session.materialize(name, result.select, fragment.columns, signal);
  } else {
    const batches = measured?.batches;
    rows = await session.ingest(name, batches === undefined ? result : { ...result, kind: 'batches', batches }, signal);
  }
  if (rows !== undefined) taken.set(fragment.id, rows);
  context.onFragment?.({
    fragment: fragment.id,
    site: fragment.site,
    rows: rows ?? 0,
    bytes: measured?.total.bytes ?? 0,
    milliseconds: performance.now() - started,
    ...(measured === undefined ? { uncounted: true } : {}),
    ...(keys === undefined ? {} : { keys: keys.length }),
  });
}

function withKeys(
  fragment: Fragment,
  exchange: KeysExchange | LateKeysExchange,
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
type Asked = Pick<Fragment, 'request' | 'plan'>;

/**
 * One request answers as it is; several (batches of keys, which are disjoint) one after the other; none with no rows.
 * A silo that answers with something the mediator reads by itself is asked once, for all rows.
 */
async function answers(
  silo: Silo,
  fragment: Fragment,
  requests: readonly Asked[],
  optimizer: OptimizerContext,
  signal: AbortSignal,
): Promise<FragmentResult> {
  const { columns, site } = fragment;
  const split = requests[0] === fragment ? splitOf(fragment, optimizer) : undefined;
  const ask = ({ plan, request }: Asked): Promise<FragmentResult> => {
    const whole = requestTo(request, plan, columns);
    return runAt(silo, site, whole.kind === 'sql' && split !== undefined ? { ...whole, split } : whole, signal);
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

function textOf({ request, id }: Fragment): string {
  if (request.kind === 'sql') return request.text;
  throw new CausewayError(SQLSTATE.internalError, `fragment ${id} of the mediator is not a query`);
}
