/**
 * Bytes that cross silos' borders, against the fewest of any placement found by trying them all. Three PostgreSQL silos, so that
 * every byte that moves is counted: what the mediator reads in place moves none.
 */
import type { OptimizerContext } from '../../optimizer/context.ts';
import { MEDIATOR, type PhysicalPlan } from '../../optimizer/physical.ts';
import { islandOf } from '../../optimizer/placement/island.ts';
import { planStatement } from '../../optimizer/plan-statement.ts';
import { PolicyBook } from '../../optimizer/policy/book.ts';
import { estimator } from '../../optimizer/statistics/cardinality.ts';
import { runPhysical } from '../../src/engine/run-plan.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { nodesOf } from '../../src/plan/traverse.ts';
import { everyPlan } from '../optimizer/every-plan.ts';
import { placed, QUERIES, threeServers } from './queries.ts';
import { type Run, ratio } from './setup.ts';
import { rowsOf, type Silos } from './silos.ts';
import { printTable } from './table.ts';

const signal = new AbortController().signal;

export async function movedBytes({ silos, otherPlans, mostRelations }: Run): Promise<void> {
  const { session } = silos;
  await rowsOf(session, 'SET causeway.optimize_for = egress');
  const rows: string[][] = [];
  let worst = 0;
  for (const { name, text } of QUERIES) {
    const sql = placed(text, threeServers);
    // Twice: the second plan knows what the first one taught.
    await captured(silos, sql);
    const { plan, context } = await captured(silos, sql);
    const { of: statistics } = await silos.engine.planner.statistics.load(
      [...nodesOf(plan)].filter((each) => each.kind === 'scan'),
      signal,
    );
    const { model } = silos.engine.planner;
    const estimation = { statistics };
    const planning = { context, estimation, model, objective: 'egress' as const, policies: new PolicyBook([]) };
    const chosen = await bytesOf(silos, planStatement(plan, planning).physical, context);
    const islands = [...nodesOf(plan)].map((each) => islandOf(each, () => false)?.relations.length ?? 0);
    const exhaustive = Math.max(...islands) <= mostRelations;
    const others = exhaustive
      ? everyPlan(plan, context, { estimate: estimator(estimation), model }, 'exchanges')
      : [planStatement(plan, { ...planning, context: { ...context, pushdown: 'off' } }).physical];
    let least = chosen;
    for (const each of others.slice(0, otherPlans)) least = Math.min(least, await bytesOf(silos, each, context, least));
    const all = exhaustive && others.length <= otherPlans;
    const count = `${Math.min(others.length, otherPlans)}${all ? '' : ', not all'}`;
    if (all) worst = Math.max(worst, chosen / Math.max(1, least));
    rows.push([
      name,
      count,
      chosen.toLocaleString('en'),
      least.toLocaleString('en'),
      ratio(chosen, Math.max(1, least)),
    ]);
  }
  await rowsOf(session, 'RESET causeway.optimize_for');
  printTable(
    `Bytes out of three PostgreSQL silos, optimized for egress, and the fewest of all plans run (aim: ≤ 1.2; worst of the exhaustive ones ${worst.toFixed(2)})`,
    ['query', 'plans run', 'chosen', 'fewest', 'ratio'],
    rows,
  );
}

/** The statement as it was bound, and what the optimizer knows about its silos. */
async function captured(
  { engine, session }: Silos,
  sql: string,
): Promise<{ readonly plan: RelationalNode; readonly context: OptimizerContext }> {
  const { planner } = engine;
  const plan = planner.plan.bind(planner);
  let seen: { plan: RelationalNode; context: OptimizerContext } | undefined;
  planner.plan = (request) => {
    seen ??= request;
    return plan(request);
  };
  // Another text each time: a kept plan would not come by here.
  await rowsOf(session, `${sql} -- ${captures++}`);
  planner.plan = plan;
  return seen!;
}

let captures = 0;

/** Bytes that left the silos when the plan ran to its end; once they are more than `enough` it is stopped. */
async function bytesOf(
  { engine, session }: Silos,
  plan: PhysicalPlan,
  context: OptimizerContext,
  enough = Number.POSITIVE_INFINITY,
): Promise<number> {
  let bytes = 0;
  const stop = new AbortController();
  const { batches } = runPhysical(plan, context, {
    engine,
    settings: session.settings,
    signal: stop.signal,
    memory: () => Promise.reject(new Error('no query reads memory tables')),
    onFragment(report) {
      if (report.site !== MEDIATOR) bytes += report.bytes;
      if (bytes > enough) stop.abort();
    },
  });
  try {
    for await (const _ of batches);
  } catch (thrown) {
    if (!stop.signal.aborted) throw thrown;
  }
  return bytes;
}
