/** What each kind of plan node does, in units of work: the typed cost functions of the relational operators. */
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { expressionsOf, hasSubquery, inputsOf, outerColumns, subqueriesOf } from '../../src/plan/traverse.ts';
import type { Estimator } from '../statistics/cardinality.ts';
import { rowWidth } from '../statistics/estimate.ts';
import { joinCondition } from '../statistics/joins.ts';
import {
  addWork,
  aggregateWork,
  crossWork,
  joinWork,
  NO_WORK,
  type PerUnit,
  shipWork,
  sortWork,
  times,
  work,
} from './work.ts';

/** The node's own work, that of its inputs aside. A correlated subquery is run once per row. */
export function nodeWork(plan: RelationalNode, estimate: Estimator): PerUnit {
  const own = operatorWork(plan, estimate);
  if (!expressionsOf(plan).some(hasSubquery)) return own;
  const rowsIn = inputsOf(plan).reduce((most, input) => Math.max(most, estimate(input).rows), 1);
  let total = own;
  for (const inner of subqueriesOf(plan)) {
    const once = subtreeWork(inner, estimate);
    total = addWork(total, outerColumns(inner).size > 0 ? times(once, rowsIn) : once);
  }
  return total;
}

/** The work of a whole subtree at one site. */
export function subtreeWork(plan: RelationalNode, estimate: Estimator): PerUnit {
  return inputsOf(plan).reduce((sum, input) => addWork(sum, subtreeWork(input, estimate)), nodeWork(plan, estimate));
}

/** Sending the result of a subtree to another site. */
export function resultWork(plan: RelationalNode, estimate: Estimator): PerUnit {
  const result = estimate(plan);
  return shipWork(
    result.rows,
    rowWidth(
      result,
      plan.columns.map((column) => column.id),
    ),
  );
}

function operatorWork(plan: RelationalNode, estimate: Estimator): PerUnit {
  const rows = estimate(plan).rows;
  switch (plan.kind) {
    case 'scan':
    case 'memory-table':
    case 'native-query':
      return work({ scanned: rows });
    case 'join': {
      const left = estimate(plan.left);
      const right = estimate(plan.right);
      const { equalities } = joinCondition(plan.on, left.columns, right.columns);
      const shape = equalities.length > 0 ? joinWork : crossWork;
      return shape(left.rows, right.rows, rows);
    }
    case 'aggregate':
    case 'distinct':
      return aggregateWork(estimate(plan.input).rows, rows);
    case 'window':
      return addWork(sortWork(rows), aggregateWork(rows, rows));
    case 'sort':
      return sortWork(rows);
    case 'limit': {
      // Under a limit a sort keeps only the first rows.
      if (plan.input.kind !== 'sort') return NO_WORK;
      const sorted = estimate(plan.input).rows;
      return work({ sorted: Math.min(0, sortWork(sorted, rows).sorted - sortWork(sorted).sorted) });
    }
    case 'set-operation':
      return plan.all && plan.operator === 'union'
        ? NO_WORK
        : aggregateWork(
            plan.inputs.reduce((sum, input) => sum + estimate(input).rows, 0),
            rows,
          );
    default:
      return NO_WORK;
  }
}
