/**
 * Plans that were made without the values of parameters and the statement's time: they are filled in at each run, and the
 * fragments' requests written anew. Such a plan is used only as long as it is the one that the values ask for.
 */
import type { OptimizerContext } from '../../../optimizer/context.ts';
import { requestOf } from '../../../optimizer/fragments/cut.ts';
import { sameRequests } from '../../../optimizer/plan-statement.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import type { ReadyPlan } from './plan-cache.ts';
import type { Planned } from './planner.ts';

type Fill = (plan: RelationalNode) => RelationalNode;

export class OpenPlan {
  readonly #planned: Planned;
  readonly #facts: OptimizerContext;
  #surprises = 0;
  #doubtful = false;

  private constructor({ planned, facts }: ReadyPlan) {
    this.#planned = planned;
    this.#facts = facts;
  }

  /** Undefined unless `open`, filled, is the plan that was made for the same values. */
  static of(open: ReadyPlan, made: Planned, fill: Fill): OpenPlan | undefined {
    const plan = new OpenPlan(open);
    return plan.isAs(made, fill) ? plan : undefined;
  }

  /** The plan for this run's values; undefined where they cannot be said in it, such as a NULL in a scan's filter. */
  filled(fill: Fill): ReadyPlan | undefined {
    try {
      const fragments = this.#planned.physical.fragments.map((fragment) => {
        const plan = fill(fragment.plan);
        return { ...fragment, plan, request: requestOf(plan, fragment.site, this.#facts) };
      });
      const { physical, placement } = this.#planned;
      const planned = {
        ...this.#planned,
        physical: { ...physical, fragments },
        // The rest may be planned anew while it runs, from this.
        placement: { ...placement, plan: fill(placement.plan) },
      };
      return { planned, facts: this.#facts };
    } catch (thrown) {
      if (thrown instanceof CausewayError && thrown.sqlstate === SQLSTATE.internalError) return undefined;
      throw thrown;
    }
  }

  /** True when filling it gives the plan that was made for the same values. */
  isAs({ physical }: Planned, fill: Fill): boolean {
    this.#doubtful = false;
    const filled = this.filled(fill);
    return filled !== undefined && sameRequests(filled.planned.physical, physical);
  }

  /**
   * To be compared with a plan made for the values at its next run: after rows that were not as expected, each time after
   * twice as many of them.
   */
  get doubtful(): boolean {
    return this.#doubtful;
  }

  /** Rows of a run were not as expected. */
  surprised(): void {
    this.#surprises++;
    if ((this.#surprises & (this.#surprises - 1)) === 0) this.#doubtful = true;
  }
}
