/** What re-planning at fragments' borders costs a SELECT when nothing is wrong: the same plans with and without late keys. */
import { type PhysicalPlan, sendsKeys } from '../../optimizer/physical.ts';
import { planStatement } from '../../optimizer/plan-statement.ts';
import { PolicyBook } from '../../optimizer/policy/book.ts';
import { printTable } from '../select/table.ts';
import { NETWORKS, PLACEMENTS, QUERIES } from './grid.ts';
import type { World } from './world.ts';

const without = (plan: PhysicalPlan): PhysicalPlan => ({
  ...plan,
  fragments: plan.fragments.map((fragment) => ({
    ...fragment,
    inputs: fragment.inputs.filter(({ kind }) => kind !== 'late-keys'),
  })),
});

/** Processor time of this process: the links' waiting is no work, and other processes' work is not counted. */
export async function replanOverhead(world: World, repeats: number): Promise<void> {
  const links = NETWORKS['all fast']!;
  const model = await world.calibrated(links, 'simulated');
  const rows: string[][] = [];
  for (const [name, sql] of Object.entries(QUERIES)) {
    const bound = await world.bind(sql, PLACEMENTS[0]!);
    const { of: statistics } = await world.statistics(bound);
    const policies = new PolicyBook([]);
    const { physical } = planStatement(bound, {
      ...{ context: world.context, estimation: { statistics }, model, objective: 'time', policies },
    });
    const late = physical.fragments
      .flatMap(({ inputs }) => inputs.filter(sendsKeys))
      .filter(({ kind }) => kind !== 'keys');
    if (late.length === 0) continue;
    const plain = without(physical);
    const times: Record<'watched' | 'plain', number[]> = { watched: [], plain: [] };
    for (let repeat = 0; repeat < 5 * repeats; repeat++) {
      for (const [which, plan] of [
        ['plain', plain],
        ['watched', physical],
      ] as const) {
        const before = process.cpuUsage();
        await world.run(plan, links);
        const { user, system } = process.cpuUsage(before);
        times[which].push((user + system) / 1000);
      }
    }
    const [a, b] = [Math.min(...times.plain), Math.min(...times.watched)];
    rows.push([name, String(late.length), a.toFixed(1), b.toFixed(1), `${(100 * (b / a - 1)).toFixed(1)} %`]);
  }
  printTable(
    'SELECT, nothing wrong: processor time with and without re-planning, ms (least of the runs)',
    ['query', 'fragments that may be asked anew', 'without', 'with', 'overhead'],
    rows,
  );
}
