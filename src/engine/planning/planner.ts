/** The optimizer with its memory: statistics, speeds of sites, true row counts. One per engine, shared by all sessions. */
import type { OptimizerContext } from '../../../optimizer/context.ts';
import { CostModel, type StoredSite } from '../../../optimizer/cost/model.ts';
import type { Objective } from '../../../optimizer/cost/objective.ts';
import { type Fragment, MEDIATOR } from '../../../optimizer/physical.ts';
import { type PlannedStatement, type PlanningInput, planStatement } from '../../../optimizer/plan-statement.ts';
import { PolicyBook } from '../../../optimizer/policy/book.ts';
import { type LoadedStatistics, StatisticsCache, type StoredStatistics } from '../../../optimizer/statistics/cache.ts';
import type { EstimationInput } from '../../../optimizer/statistics/cardinality.ts';
import { Feedback, qError } from '../../../optimizer/statistics/feedback.ts';
import { signature } from '../../../optimizer/statistics/signature.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import { nodesOf } from '../../plan/traverse.ts';
import type { FragmentReport } from '../execution/report.ts';
import type { SiloPool } from '../silo-pool.ts';
import { boundPolicies } from './policies.ts';

export interface PlanRequest {
  readonly plan: RelationalNode;
  readonly context: OptimizerContext;
  readonly objective: Objective;
  readonly signal: AbortSignal;
  /** False for rows that stay on their silo's side: policies are about what leaves. */
  readonly leaves: boolean;
  /** Of the session's user. */
  readonly roles?: ReadonlySet<string>;
  /** Also price the alternatives. */
  readonly explain?: boolean;
}

export interface Planned extends PlannedStatement {
  /** Milliseconds that planning waited for the silos' statistics. */
  readonly statisticsMs: number;
  /** What it was planned with. */
  readonly input: PlanningInput;
}

/** Learned speeds are written no more often: they only tell the next process where to begin. */
const SAVE_AFTER_MS = 1000;

/** A kept plan that was made for so many times more or fewer rows than came is made anew. */
const SURPRISING = 4;

export class Planner implements Disposable {
  readonly statistics: StatisticsCache;
  readonly model: CostModel;
  readonly #feedback = new Feedback();
  readonly #silos: SiloPool;
  readonly #catalog: Pick<Catalog, 'policies'>;
  readonly #signatures = new WeakMap<Fragment, string>();
  readonly #told = new Set<string>();
  #saving: NodeJS.Timeout | undefined;

  constructor(silos: SiloPool, catalog: Catalog) {
    this.#silos = silos;
    this.#catalog = catalog;
    this.statistics = new StatisticsCache(
      async (silo, table, signal) => (await silos.open(silo)).silo.statistics(table, signal),
      { store: catalog.learned<StoredStatistics>('statistics') },
    );
    this.model = new CostModel(
      (site) => (site === MEDIATOR ? MEDIATOR : (catalog.silos.get(site)?.kind ?? site)),
      catalog.learned<StoredSite>('speed'),
    );
  }

  /**
   * Plans a bound statement.
   * @throws CausewayError CW001 when policies leave no plan
   */
  async plan({ plan, context, objective, signal, leaves, roles, explain }: PlanRequest): Promise<Planned> {
    const scans = [...nodesOf(plan)].filter((each) => each.kind === 'scan');
    const loaded: LoadedStatistics = await this.statistics.load(scans, signal);
    const policies = leaves ? await this.policies(signal, roles) : new PolicyBook([]);
    const estimation: EstimationInput = { statistics: loaded.of, feedback: this.#feedback };
    const input: PlanningInput = { context, estimation, model: this.model, objective, policies };
    const planned = planStatement(plan, input, explain);
    return {
      ...planned,
      input,
      statisticsMs: loaded.waited,
      notices: [...loaded.notices, ...this.#leftAside(context.silos.keys()), ...planned.notices],
    };
  }

  /** Stored cost models that could not be read; each is told of once. */
  #leftAside(silos: Iterable<string>): readonly string[] {
    return [...silos, MEDIATOR].flatMap((site) => {
      const notice = this.model.notices.get(site);
      if (notice === undefined || this.#told.has(site)) return [];
      this.#told.add(site);
      return [notice];
    });
  }

  /** All policies in force for a user of these roles. */
  async policies(signal: AbortSignal, roles?: ReadonlySet<string>): Promise<PolicyBook> {
    const stored = this.#catalog.policies.list();
    return stored.length === 0
      ? new PolicyBook([])
      : new PolicyBook(await boundPolicies(stored, this.#silos, signal), roles);
  }

  /**
   * Learns the true rows and the speed from a fragment that ran to its end.
   * @returns true when the rows were so many more or fewer than expected that the statement should be planned anew
   */
  observe({ physical, cost }: PlannedStatement, report: FragmentReport): boolean {
    const fragment = physical.fragments.find(({ id }) => id === report.fragment);
    const expected = cost.fragments.find((each) => each.fragment === report.fragment);
    if (fragment === undefined || expected === undefined) return false;
    if (report.keys !== undefined || report.uncounted || report.stopped) return false;
    const name = this.#signature(fragment);
    if (name !== '') this.#feedback.observe(name, report.rows);
    if (fragment.site === MEDIATOR) return false;
    const amounts = { ...expected.work, produced: report.rows, bytes: report.bytes };
    this.model.observe(fragment.site, amounts, report.milliseconds / 1000);
    this.#saving ??= setTimeout(() => this.#save(), SAVE_AFTER_MS).unref();
    return name !== '' && fragment.rows !== undefined && qError(fragment.rows, report.rows) > SURPRISING;
  }

  /** Empty for a fragment that reads others' rows: what it puts out is about them. */
  #signature(fragment: Fragment): string {
    let found = this.#signatures.get(fragment);
    if (found === undefined) {
      const readsOthers = [...nodesOf(fragment.plan)].some((each) => each.kind === 'memory-table');
      found = readsOthers ? '' : signature(fragment.plan);
      this.#signatures.set(fragment, found);
    }
    return found;
  }

  #save(): void {
    clearTimeout(this.#saving);
    this.#saving = undefined;
    this.model.save();
  }

  [Symbol.dispose](): void {
    this.#save();
  }

  /** Forgets a silo that was dropped. */
  forget(silo: string): void {
    this.statistics.forget(silo);
    this.model.forget(silo);
  }
}
