/** Estimates that agree with what a running plan has shown. */
import { node, type RelationalNode, type Scan } from '../../src/plan/nodes.ts';
import { nodesOf } from '../../src/plan/traverse.ts';
import { exchangeName, type Fragment, type FragmentProgress } from '../physical.ts';
import type { EstimationInput } from './cardinality.ts';
import { grownDistinct } from './estimate.ts';
import { signature, tableKey } from './signature.ts';

/** An estimate that is off by more than this is not to be relied on. */
export const FAR = 4;

/**
 * Rows a fragment is believed to have in the end. More rows than expected refute the estimate: nobody knows how many are
 * still to come, and of an error that may have any order of magnitude, what has shown is the smaller part.
 */
export function believedRows(expected: number, { rows, done }: FragmentProgress): number {
  if (done || rows <= expected) return done ? rows : expected;
  return rows > FAR * expected ? 4 * rows : 2 * rows;
}

export interface Shown extends FragmentProgress {
  readonly fragment: Fragment;
  /** Rows it was expected to have, under the keys that it was sent. */
  readonly expected: number;
}

/** What is known of tables and sub-plans, corrected by what fragments have shown. */
export function correctedBy(shown: readonly Shown[], known: EstimationInput): EstimationInput {
  const factors = new Map<string, number>();
  const counted = new Map<string, number>();
  const rows = new Map<string, number>();
  const plans = new Map<string, RelationalNode>();
  for (const each of shown) {
    const { fragment, expected, done } = each;
    if (done) {
      plans.set(exchangeName(fragment.id), fragment.plan);
      rows.set(exchangeName(fragment.id), each.rows);
    }
    const believed = believedRows(expected, each);
    const factor = believed / Math.max(1, expected);
    if (done ? !isWholeTable(fragment.plan) : factor <= 1) continue;
    const table = onlyTable(fragment.plan);
    if (table !== undefined) factors.set(tableKey(table), Math.max(factor, factors.get(tableKey(table)) ?? 0));
    else if (fragment.inputs.length === 0) counted.set(signature(fragment.plan), believed);
  }
  const { feedback, statistics } = known;
  return {
    ...known,
    statistics(scan) {
      const table = statistics(scan);
      const factor = factors.get(tableKey(scan));
      if (table?.rows === undefined || factor === undefined) return table;
      const before = Math.max(1, table.rows);
      const columns = Object.entries(table.columns).map(([name, column]) => [
        name,
        column.distinct === undefined
          ? column
          : { ...column, distinct: grownDistinct(column.distinct, before, factor) },
      ]);
      return { ...table, rows: before * factor, columns: Object.fromEntries(columns) };
    },
    feedback: {
      size: counted.size + (feedback?.size ?? 0),
      rowsOf: (name) =>
        counted.get(name) ?? (factors.size > 0 && factors.has(name) ? undefined : feedback?.rowsOf(name)),
    },
    memoryPlan: (name) => plans.get(name) ?? known.memoryPlan?.(name),
    memoryRows: (name) => rows.get(name) ?? known.memoryRows?.(name),
  };
}

/** The table whose rows a sub-plan passes on one by one, filtered perhaps. */
function onlyTable(plan: RelationalNode): Scan | undefined {
  const scans = [...nodesOf(plan)].filter((each) => each.kind === 'scan');
  const simple = [...nodesOf(plan)].every(({ kind }) => kind === 'scan' || kind === 'filter' || kind === 'project');
  return simple ? scans[0] : undefined;
}

const isWholeTable = (plan: RelationalNode): boolean =>
  plan.kind === 'scan' || (plan.kind === 'project' && isWholeTable(plan.input));

/** A plan with what has arrived as tables in memory. */
export const memoryTable = (name: string, { columns }: RelationalNode): RelationalNode =>
  node({ kind: 'memory-table', name, columns });
