/**
 * Brings the rows of all fragments but the result's to the mediator: silos work side by side, a fragment waits for those whose keys
 * it needs. When the truth is far from the estimates, the rest is planned anew at the border of a fragment: what the new plan
 * has no use for is stopped, what it has in common with the old one goes on.
 */
import {
  exchangeName,
  type Fragment,
  type FragmentId,
  type FragmentProgress,
  MEDIATOR,
  type PhysicalPlan,
  type Progress,
} from '../../../optimizer/physical.ts';
import { canceled } from '../../plan/errors.ts';
import { type Bringing, bring } from './bring.ts';
import type { FragmentReport, Measured } from './report.ts';

export interface Revision {
  /** True when a fragment has shown that its estimate was far off. */
  readonly surprising: (fragment: FragmentId, shown: FragmentProgress) => boolean;
  /** A better plan for the rest; it keeps the numbers of the fragments that it still needs. */
  readonly revise: (progress: Progress) => PhysicalPlan | undefined;
}

export interface Gathering extends Pick<Bringing, 'session' | 'held' | 'context' | 'signal'> {
  readonly stop: AbortController;
}

/** A fragment that was begun, or waits for keys. */
interface Task {
  readonly fragment: Fragment;
  readonly stop: AbortController;
  readonly total: Measured['total'];
  readonly over: Promise<void>;
  report?: FragmentReport;
  /** Its rows are all at the mediator. */
  done: boolean;
  /** Rows after which it is looked at again. */
  look: number;
  begun: number;
}

/** Each time a fragment has so many times more rows it is looked at again. */
const AGAIN = 4;

/** A plan that was wrong so often will not become right. */
const MOST_REVISIONS = 4;

/** The first failure stops the others. */
export function gather(
  plan: PhysicalPlan,
  gathering: Gathering,
): {
  /** The plan that is left when all its fragments but the last one are done. */
  readonly plan: Promise<PhysicalPlan>;
  /** Waits for what was stopped. */
  readonly ended: () => Promise<void>;
} {
  const { session, signal, stop, context } = gathering;
  const { revision } = context;
  const tasks = new Map<FragmentId, Task>();
  const stopped: Promise<void>[] = [];
  let current = plan;
  let revisions = 0;
  let surprised = Promise.withResolvers<'surprised'>();

  const begin = (fragment: Fragment): void => {
    const own = new AbortController();
    const total = { rows: 0, bytes: 0 };
    const givesKeys = current.fragments.some(({ inputs }) =>
      inputs.some(({ kind, from }) => kind === 'keys' && from === fragment.id),
    );
    const onBatch = (): void => {
      if (total.rows < task.look) return;
      task.look = AGAIN * total.rows;
      if (revision?.surprising(fragment.id, { rows: total.rows, done: false })) surprised.resolve('surprised');
    };
    const run = async (): Promise<void> => {
      await Promise.all(fragment.inputs.map(({ from }) => tasks.get(from)?.over));
      task.begun = performance.now();
      const report = await bring(fragment, {
        ...gathering,
        ...{ givesKeys, total },
        siteOf: (id) => current.fragments.find((each) => each.id === id)?.site ?? MEDIATOR,
        ...(revision === undefined ? {} : { signal: AbortSignal.any([signal, own.signal]), onBatch }),
      });
      task.done = true;
      if (report === undefined) return;
      task.report = report;
      context.onFragment?.(report);
      if (report.uncounted !== true && revision?.surprising(fragment.id, { rows: report.rows, done: true })) {
        surprised.resolve('surprised');
      }
    };
    const over = Promise.resolve()
      .then(run)
      .catch((thrown) => {
        if (!own.signal.aborted && !stop.signal.aborted) stop.abort(thrown);
        throw thrown;
      });
    const task: Task = { fragment, stop: own, total, over, look: 1, done: false, begun: performance.now() };
    tasks.set(fragment.id, task);
  };

  const end = async ({ fragment, stop: own, total, over, begun, done }: Task): Promise<void> => {
    tasks.delete(fragment.id);
    own.abort(canceled());
    await over.catch(() => {});
    const { id, site } = fragment;
    const milliseconds = performance.now() - begun;
    if (!done && total.bytes > 0) context.onFragment?.({ fragment: id, site, ...total, milliseconds, stopped: true });
    await session.forget(exchangeName(id), signal).catch(() => {});
  };

  const progress = (): Progress =>
    new Map(
      [...tasks].map(([id, { fragment, total, done, report }]): [FragmentId, FragmentProgress] => {
        if (!done) return [id, { rows: total.rows, done }];
        const counted = report !== undefined && report.uncounted !== true;
        return [id, { rows: counted ? report.rows : (fragment.rows ?? 0), done }];
      }),
    );

  const run = async (): Promise<PhysicalPlan> => {
    for (;;) {
      for (const fragment of current.fragments) {
        if (fragment.id !== current.root && !tasks.has(fragment.id)) begin(fragment);
      }
      const all = Promise.allSettled([...tasks.values()].map(({ over }) => over));
      if ((await Promise.race([all, surprised.promise])) !== 'surprised') {
        const failed = (await all).find((each) => each.status === 'rejected');
        if (failed === undefined) return current;
        throw signal.aborted ? signal.reason : failed.reason;
      }
      surprised = Promise.withResolvers();
      const isOpen = [...tasks.values()].some(({ done }) => !done);
      const revised = isOpen && revisions < MOST_REVISIONS ? revision?.revise(progress()) : undefined;
      if (revised === undefined) continue;
      revisions++;
      const needed = new Set(revised.fragments.map(({ id }) => id));
      for (const task of [...tasks.values()]) if (!needed.has(task.fragment.id)) stopped.push(end(task));
      current = revised;
    }
  };
  const ended = async (): Promise<void> => {
    await Promise.allSettled(stopped);
  };
  return { plan: run(), ended };
}
