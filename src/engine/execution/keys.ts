/** Semi-join key exchange: a fragment is asked only for the rows whose key occurs on the other side of a join. */

import { exchangeName, type Fragment, type KeysExchange } from '../../../optimizer/physical.ts';
import { pushPredicates } from '../../../optimizer/rules/push-predicates.ts';
import type { Expression, Literal } from '../../plan/expressions.ts';
import { node, type RelationalNode } from '../../plan/nodes.ts';
import { type SqlType, scalar } from '../../plan/types.ts';
import type { ExecutionSession } from './mediator.ts';

/** More keys than this are not sent: reading the rows whole is cheaper than asking for nearly all of them. */
const MOST_KEYS = 50_000;

/** The distinct keys, or undefined when there are more than pay ({@link MOST_KEYS} at most). NULL joins with nothing. */
export async function collectKeys(
  exchange: KeysExchange,
  type: SqlType,
  session: ExecutionSession,
  signal: AbortSignal,
): Promise<readonly Literal[] | undefined> {
  const most = Math.min(exchange.most ?? MOST_KEYS, MOST_KEYS);
  const column = `c${exchange.fromColumn + 1}`;
  const names = Array.from({ length: exchange.fromColumn + 1 }, (_, i) => `c${i + 1}`).join(', ');
  const text =
    `SELECT DISTINCT CAST(${column} AS VARCHAR) FROM "${exchangeName(exchange.from)}" AS t(${names}) ` +
    `WHERE ${column} IS NOT NULL LIMIT ${most + 1}`;
  const keys: Literal[] = [];
  for await (const batch of session.query(text, [{ name: 'key', type: scalar('text') }], signal)) {
    const values = batch.getChildAt(0);
    for (let i = 0; i < batch.numRows; i++) keys.push(keyLiteral(String(values?.get(i)), type));
  }
  return keys.length > most ? undefined : keys;
}

/** Bytes of the keys as values: text in UTF-8, numbers in their own width. */
export function keyBytes(keys: readonly Literal[]): number {
  let bytes = 0;
  for (const { value, type } of keys) {
    if (typeof value === 'string') bytes += Buffer.byteLength(value);
    else bytes += typeof value === 'bigint' ? 8 : type.kind === 'smallint' ? 2 : typeof value === 'boolean' ? 1 : 4;
  }
  return bytes;
}

function keyLiteral(text: string, type: SqlType): Literal {
  const isInteger = type.kind === 'smallint' || type.kind === 'integer';
  const value =
    type.kind === 'boolean' ? text === 'true' : isInteger ? Number(text) : type.kind === 'bigint' ? BigInt(text) : text;
  return { kind: 'literal', value, type };
}

/** The fragment's plan for one batch of keys after the other; without keys there is nothing to ask for. */
export function restrictedPlans(
  fragment: Fragment,
  exchange: KeysExchange,
  keys: readonly Literal[],
  batch: number,
): readonly RelationalNode[] {
  const plans: RelationalNode[] = [];
  const column = fragment.plan.columns.find(({ id }) => id === exchange.column);
  if (column === undefined) return [fragment.plan];
  const key: Expression = { kind: 'column', id: column.id, type: column.type };
  for (let at = 0; at < keys.length; at += batch) {
    const args = [key, ...keys.slice(at, at + batch)];
    const predicate: Expression = { kind: 'call', name: 'in_list', args, type: scalar('boolean') };
    plans.push(
      pushPredicates(node({ kind: 'filter', input: fragment.plan, predicate, columns: fragment.plan.columns })),
    );
  }
  return plans;
}
