/**
 * Subtrees that hold no rows go, and with them the silos of a federated table that `WHERE silo = …` leaves out: their
 * branches ask for `'oslo' = 'berlin'` once the predicate has been pushed into them.
 */
import type { Expression } from '../../src/plan/expressions.ts';
import { type Join, node, type RelationalNode, type SetOperation } from '../../src/plan/nodes.ts';
import { transformPlan } from '../../src/plan/traverse.ts';

export const pruneEmpty = (plan: RelationalNode): RelationalNode => transformPlan(plan, withoutEmpty);

const empty = ({ columns }: RelationalNode): RelationalNode => node({ kind: 'values', rows: [], columns });

const isEmpty = (plan: RelationalNode): boolean => plan.kind === 'values' && plan.rows.length === 0;

const neverHolds = (predicate: Expression): boolean =>
  predicate.kind === 'literal' && (predicate.value === false || predicate.value === null);

function withoutEmpty(plan: RelationalNode): RelationalNode {
  switch (plan.kind) {
    case 'filter':
      if (neverHolds(plan.predicate) || isEmpty(plan.input)) return empty(plan);
      return plan.predicate.kind === 'literal' && plan.input.columns.length === plan.columns.length ? plan.input : plan;
    case 'project':
    case 'sort':
    case 'distinct':
    case 'window':
      return isEmpty(plan.input) ? empty(plan) : plan;
    case 'limit': {
      const none = plan.count?.kind === 'literal' && Number(plan.count.value ?? 1) === 0;
      return none || isEmpty(plan.input) ? empty(plan) : plan;
    }
    case 'aggregate':
      return plan.groups.length > 0 && plan.groupingSets === undefined && isEmpty(plan.input) ? empty(plan) : plan;
    case 'join':
      return joinWithoutEmpty(plan);
    case 'set-operation':
      return unionWithoutEmpty(plan);
    default:
      return plan;
  }
}

function joinWithoutEmpty(plan: Join): RelationalNode {
  const [noLeft, noRight] = [isEmpty(plan.left), isEmpty(plan.right)];
  const never = plan.on !== undefined && neverHolds(plan.on);
  switch (plan.type) {
    case 'inner':
    case 'cross':
    case 'semi':
      return noLeft || noRight || never ? empty(plan) : plan;
    case 'anti':
      return noLeft ? empty(plan) : noRight || never ? plan.left : plan;
    case 'left':
      return noLeft ? empty(plan) : plan;
    case 'right':
      return noRight ? empty(plan) : plan;
    case 'full':
      return noLeft && noRight ? empty(plan) : plan;
  }
}

function unionWithoutEmpty(plan: SetOperation): RelationalNode {
  if (plan.operator !== 'union' || !plan.inputs.some(isEmpty)) return plan;
  const places = plan.inputs.flatMap((input, i) => (isEmpty(input) ? [] : [i]));
  const inputs = places.map((place) => plan.inputs[place]!);
  if (inputs.length === 0) return empty(plan);
  if (inputs.length === 1) {
    const [input] = inputs;
    const expressions = input!.columns.map(({ id, type }): Expression => ({ kind: 'column', id, type }));
    const rows = node({ kind: 'project', input: input!, expressions, columns: plan.columns });
    return plan.all ? rows : node({ kind: 'distinct', input: rows, columns: plan.columns });
  }
  const silos = plan.silos === undefined ? {} : { silos: places.map((place) => plan.silos![place]!) };
  return node({ ...plan, inputs, ...silos });
}
