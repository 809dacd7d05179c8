/**
 * Runs a physical plan: silos work on their fragments at the same time, their rows move into the mediator, the mediator
 * answers the rest as a stream. A plan of one silo's fragment alone streams straight through.
 */
import type { RecordBatch } from 'apache-arrow';
import type { ResultColumn, Silo } from '../../../connectors/connector.ts';
import type { OptimizerContext } from '../../../optimizer/context.ts';
import { type Fragment, MEDIATOR, type PhysicalPlan } from '../../../optimizer/physical.ts';
import { CausewayError, canceled, throwIfAborted } from '../../plan/errors.ts';
import type { Admission } from './admission.ts';
import { gather, type Revision } from './gather.ts';
import type { ExecutionMediator } from './mediator.ts';
import { type FragmentReport, measure } from './report.ts';
import { requestTo, runAt, textOf } from './run-fragment.ts';

export interface ExecutionContext {
  readonly silo: (name: string, signal: AbortSignal) => Promise<Silo>;
  readonly mediator: ExecutionMediator;
  readonly admission: Admission;
  /** Capabilities of the silos, for fragments whose text depends on keys found while running. */
  readonly optimizer: OptimizerContext;
  /** Of a plan that is one silo's statement: the values of `$1` … in it, none for a statement that comes again as it is. */
  readonly parameters?: readonly (string | null)[];
  readonly onFragment?: (report: FragmentReport) => void;
  /** What a silo has to tell of how it read its rows. */
  readonly onNotice?: (message: string) => void;
  /** Plans the rest anew when the truth is far from the estimates; without it the plan runs as it is. */
  readonly revision?: Revision;
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
  const result = await runAt(
    silo,
    root.site,
    requestTo(root.request, root.plan, columns, root.rows, context.parameters),
    signal,
    context.onNotice,
  );
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
    const gathered = gather(plan, { session, held, context, signal, stop });
    // What was stopped on the way ends before the session does.
    held.push(gathered.ended);
    const final = await gathered.plan;
    const last = final.fragments.find(({ id }) => id === final.root) ?? root;
    const started = performance.now();
    const { batches, total } = measure(session.query(textOf(last), plan.columns, signal));
    for await (const batch of batches) {
      // Blocking operators are through: the rest is the reader's pace, which must not keep others waiting.
      leave();
      yield batch;
    }
    context.onFragment?.({ fragment: last.id, site: last.site, ...total, milliseconds: performance.now() - started });
  } finally {
    leave();
    for (const release of held) await release();
  }
}
