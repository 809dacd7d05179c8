/** FETCH FIRST … WITH TIES by ranks, for engines that have no such clause. */
import type { Expression, WindowCall } from '../../src/plan/expressions.ts';
import { type Limit, node, type RelationalNode } from '../../src/plan/nodes.ts';
import { conjunction, transformPlan } from '../../src/plan/traverse.ts';
import { scalar } from '../../src/plan/types.ts';
import { freshIds } from './fresh-ids.ts';

const bigint = scalar('bigint');

export function expandWithTies(plan: RelationalNode): RelationalNode {
  const nextId = freshIds(plan);
  const call = (name: string, ...args: readonly Expression[]): Expression => ({
    kind: 'call',
    name,
    args,
    type: name === '+' ? bigint : scalar('boolean'),
  });
  const rewritten = (limit: Limit): RelationalNode => {
    const { input: sorted, count, offset } = limit;
    if (limit.withTies !== true || sorted.kind !== 'sort' || count === undefined) return limit;
    // The rows tied with the last one share its rank, which is at most its position.
    const rank = { id: nextId(), name: 'rank', type: bigint };
    const position = { id: nextId(), name: 'position', type: bigint };
    const calls = ['rank', 'row_number'].map(
      (name): WindowCall => ({ name, args: [], partitionBy: [], orderBy: sorted.keys, type: bigint }),
    );
    const ranked = node({ kind: 'window', input: sorted.input, calls, columns: [...sorted.columns, rank, position] });
    const last = offset === undefined ? count : call('+', count, offset);
    const parts = [call('<=', { kind: 'column', id: rank.id, type: bigint }, last)];
    if (offset !== undefined) parts.push(call('>', { kind: 'column', id: position.id, type: bigint }, offset));
    const kept = node({ kind: 'filter', input: ranked, predicate: conjunction(parts)!, columns: ranked.columns });
    return node({ ...sorted, input: kept, columns: limit.columns });
  };
  return transformPlan(plan, (each) => (each.kind === 'limit' ? rewritten(each) : each));
}
