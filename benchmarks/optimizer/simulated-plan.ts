/**
 * A plan's time over links of a given speed, computed from what its fragments really sent: nothing sleeps and nothing is
 * timed, so that a busy machine gives the same figures as an idle one.
 */
import { subtreeWork } from '../../optimizer/cost/node-work.ts';
import { defaultProfile } from '../../optimizer/cost/site.ts';
import { type PerUnit, secondsFor } from '../../optimizer/cost/work.ts';
import { MEDIATOR, type PhysicalPlan } from '../../optimizer/physical.ts';
import type { Estimator } from '../../optimizer/statistics/cardinality.ts';
import type { FragmentReport } from '../../src/engine/execution/report.ts';
import type { Link } from './throttled-silo.ts';

/** Keys in one statement, and bytes of one on the wire. */
const KEYS = { batch: 1000, bytes: 8 };

/**
 * Seconds until the last row. A statement takes the link's latency and the engine's work, then its answer waits for the
 * silo's link, which carries one answer at a time.
 * @param reports of a run of the plan: true rows, bytes and keys of each fragment
 * @param estimate the work of engines is priced with it; it is right in these worlds to a few per cent
 */
export function simulatedSeconds(
  plan: PhysicalPlan,
  reports: readonly FragmentReport[],
  links: Readonly<Record<string, Link>>,
  estimate: Estimator,
): number {
  const done = new Map<number, number>();
  const free = new Map<string, number>();
  for (const { id, inputs, plan: subtree, site } of plan.fragments) {
    const ready = Math.max(0, ...inputs.map(({ from }) => done.get(from) ?? 0));
    const report = reports.find(({ fragment }) => fragment === id);
    const rows = report?.rows ?? 0;
    const engine = (kind: string, produced: number): number => {
      const amounts: PerUnit = { ...subtreeWork(subtree, estimate), startup: 0, bytes: 0, produced };
      return secondsFor(amounts, defaultProfile(kind).seconds);
    };
    if (site === MEDIATOR) {
      done.set(id, ready + engine(MEDIATOR, 0));
      continue;
    }
    const link = links[site]!;
    const keys = report?.keys;
    const statements = keys === undefined ? 1 : Math.ceil(keys / KEYS.batch);
    const answered = ready + statements * link.latency + (statements > 0 ? engine('postgres', rows) : 0);
    const sent = (report?.bytes ?? 0) + (keys ?? 0) * KEYS.bytes;
    const end = Math.max(answered, free.get(site) ?? 0) + sent / link.bytesPerSecond;
    free.set(site, end);
    done.set(id, end);
  }
  return done.get(plan.root) ?? 0;
}
