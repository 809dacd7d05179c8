/** What re-planning at fragments' borders costs a SELECT when nothing is wrong: the same plans with and without it. */
import { type PlanningInput, planStatement } from '../../optimizer/plan-statement.ts';
import { PolicyBook } from '../../optimizer/policy/book.ts';
import { median, printTable } from '../select/table.ts';
import { PLACEMENTS, QUERIES } from './grid.ts';
import { watchingMicroseconds } from './replan-watching.ts';
import type { World } from './world.ts';

/** Statements of each kind in one block; processor time is counted in units of a block, since a statement takes a few milliseconds. */
const BLOCK = 20;

/**
 * Processor time of this process: other processes' work is not counted. Blocks with and without re-planning take turns, each pair in
 * the other order than the one before it, and the median of their ratios is told.
 * @param blocks pairs of blocks per query
 */
export async function replanOverhead(world: World, blocks: number): Promise<void> {
  const model = await world.calibrated(world.free, 'simulated');
  const rows: string[][] = [];
  const all: number[] = [];
  for (const [name, sql] of Object.entries(QUERIES)) {
    const bound = await world.bind(sql, PLACEMENTS[0]!);
    const { of: statistics } = await world.statistics(bound);
    const input: PlanningInput = {
      ...{ context: world.context, estimation: { statistics }, model, objective: 'time' },
      policies: new PolicyBook([]),
    };
    const planned = planStatement(bound, input);
    if (planned.physical.fragments.length < 3) continue;
    const block = async (watched: boolean): Promise<number> => {
      const before = process.cpuUsage();
      for (let i = 0; i < BLOCK; i++) {
        if (watched) await world.runRevised(planned, input, world.free);
        else await world.run(planned.physical, world.free);
      }
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000 / BLOCK;
    };
    await block(true);
    const [plain, watched]: [number[], number[]] = [[], []];
    for (let pair = 0; pair < blocks; pair++) {
      for (const which of pair % 2 === 0 ? [false, true] : [true, false]) {
        (which ? watched : plain).push(await block(which));
      }
    }
    const ratios = plain.map((each, i) => watched[i]! / each);
    all.push(...ratios);
    rows.push([name, median(plain).toFixed(2), median(watched).toFixed(2), percent(median(ratios))]);
  }
  printTable(
    `SELECT, nothing wrong: processor time of a statement with and without re-planning, ms (medians of ${blocks} pairs of ${BLOCK} statements)`,
    ['query', 'without', 'with', 'overhead'],
    rows,
  );
  console.log(`over all ${BLOCK * all.length} pairs of statements: ${percent(median(all))}`);
  const more = await watchingMicroseconds();
  const quickest = Math.min(...rows.map(([, without]) => Number(without)));
  console.log(
    `the executor alone, without silos and mediator: ${more.toFixed(1)} µs more per statement, ` +
      `${((100 * more) / (1000 * quickest)).toFixed(2)} % of the quickest of these\n`,
  );
}

const percent = (ratio: number): string => `${(100 * (ratio - 1)).toFixed(1)} %`;
