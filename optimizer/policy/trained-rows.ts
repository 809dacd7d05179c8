/** The rows that a model may learn from, where a policy lets updates leave for some of a table's rows only. */
import type { RelationalNode } from '../../src/plan/nodes.ts';
import type { PrivacySpec } from '../../src/plan/training.ts';
import { transformPlan } from '../../src/plan/traverse.ts';
import { freshIds } from '../rules/fresh-ids.ts';
import type { PolicyBook } from './book.ts';
import { conditionalScan } from './conditional-scan.ts';

export interface TrainedRows {
  readonly plan: RelationalNode;
  /** What the user should know: rows that policies leave out. */
  readonly notices: readonly string[];
}

/** The feature query under the WHERE of the policies that let its updates, or sums of a model's errors, leave. */
export function trainedRows(plan: RelationalNode, privacy: PrivacySpec | undefined, book: PolicyBook): TrainedRows {
  if (book.empty) return { plan, notices: [] };
  const nextId = freshIds(plan);
  const notices = new Set<string>();
  const kept = transformPlan(plan, (each) => {
    if (each.kind !== 'scan') return each;
    const policy = book.updates(each, privacy);
    if (policy === undefined) return each;
    const conditional = conditionalScan(each, [policy], nextId);
    if (conditional.notice !== undefined) notices.add(conditional.notice);
    return conditional.node;
  });
  return { plan: kept, notices: [...notices] };
}
