/** The part of a federated query that each silo answers with its own rows: what TRAIN runs in every silo. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { ColumnId, Expression } from '../../src/plan/expressions.ts';
import { node, type RelationalNode, type SetOperation } from '../../src/plan/nodes.ts';
import { conjuncts, expressionsOf, hasSubquery, inputsOf, nodesOf, transformPlan } from '../../src/plan/traverse.ts';
import { MEDIATOR, type Site } from '../physical.ts';

type Federated = SetOperation & { readonly silos: readonly string[] };

const isFederated = (plan: RelationalNode): plan is Federated =>
  plan.kind === 'set-operation' && plan.silos !== undefined;

/**
 * The query restricted to each silo of its federated tables; together the parts answer what the whole query answers. A
 * query without a federated table has one part: at the silo it reads, or at the mediator when it reads several.
 *
 * @throws CausewayError (featureNotSupported) when the query mixes rows of different silos
 */
export function siloPlans(plan: RelationalNode): ReadonlyMap<Site, RelationalNode> {
  const unions = [...nodesOf(plan)].filter(isFederated);
  if (unions.length === 0) return new Map([[onlySilo(plan), plan]]);
  partition(plan, new Map());
  const silos = [...new Set(unions.flatMap((union) => union.silos))];
  return new Map(silos.map((silo) => [silo, restrictTo(plan, silo)]));
}

function onlySilo(plan: RelationalNode): Site {
  const silos = new Set<Site>();
  for (const each of nodesOf(plan)) if (each.kind === 'scan' || each.kind === 'native-query') silos.add(each.silo);
  return silos.size === 1 ? [...silos][0]! : MEDIATOR;
}

/** The plan with each federated table replaced by the silo's own branch, under the same column ids. */
const restrictTo = (plan: RelationalNode, silo: string): RelationalNode =>
  transformPlan(plan, (each) => {
    if (!isFederated(each)) return each;
    const input = each.inputs[each.silos.indexOf(silo)];
    if (input === undefined) return node({ kind: 'values', rows: [], columns: each.columns });
    const expressions = input.columns.map(({ id, type }): Expression => ({ kind: 'column', id, type }));
    return node({ kind: 'project', input, expressions, columns: each.columns });
  });

/** Columns that hold the silo's name; undefined for a plan that every silo reads alike. */
type SiloColumns = ReadonlySet<ColumnId> | undefined;

const cannot = (what: string, hint: string): CausewayError =>
  new CausewayError(SQLSTATE.featureNotSupported, `${what} mixes rows of different silos`, { hint });

const isOneOf = (expression: Expression, columns: ReadonlySet<ColumnId>): boolean =>
  expression.kind === 'column' && columns.has(expression.id);

/** Proves that no node combines rows of two silos, and follows the column `silo` upwards. */
function partition(plan: RelationalNode, definitions: Map<string, SiloColumns>): SiloColumns {
  if (isFederated(plan)) return new Set(plan.columns.filter(({ name }) => name === 'silo').map(({ id }) => id));
  if (plan.kind === 'cte-reference') {
    const known = definitions.get(plan.name);
    return known === undefined
      ? undefined
      : new Set(plan.columns.filter(({ name }) => name === 'silo').map(({ id }) => id));
  }
  if (plan.kind === 'with') {
    definitions.set(plan.name, partition(plan.definition, definitions));
    return partition(plan.body, definitions);
  }
  if (plan.kind === 'join') return partitionJoin(plan, definitions);
  const below = inputsOf(plan).map((input) => partition(input, definitions));
  const subqueries = expressionsOf(plan).filter(hasSubquery);
  const federated = below.filter((columns) => columns !== undefined);
  if (subqueries.some((expression) => readsFederated(expression))) {
    throw cannot('a subquery over a federated table', 'Write it as a join on the column "silo".');
  }
  const columns = federated[0];
  if (columns === undefined) return undefined;
  const grouped = (keys: readonly Expression[]): boolean => keys.some((key) => isOneOf(key, columns));
  switch (plan.kind) {
    case 'filter':
    case 'sort':
      return columns;
    case 'project':
      return new Set(plan.columns.filter((_, i) => isOneOf(plan.expressions[i]!, columns)).map(({ id }) => id));
    case 'aggregate':
      if (!grouped(plan.groups)) throw cannot('GROUP BY', 'Add the column "silo" to GROUP BY.');
      return new Set(
        plan.columns.filter((_, i) => i < plan.groups.length && isOneOf(plan.groups[i]!, columns)).map(({ id }) => id),
      );
    case 'window':
      if (!plan.calls.every((call) => grouped(call.partitionBy))) {
        throw cannot('a window', 'Add the column "silo" to PARTITION BY.');
      }
      return columns;
    case 'distinct':
      if (!plan.columns.some(({ id }) => columns.has(id)))
        throw cannot('DISTINCT', 'Select the column "silo" as well.');
      return columns;
    case 'set-operation': {
      if (plan.operator !== 'union' || !plan.all || federated.length !== below.length) {
        throw cannot(plan.operator.toUpperCase(), 'Only UNION ALL of federated tables is answered silo by silo.');
      }
      return new Set(
        plan.columns
          .filter((_, i) => plan.inputs.every((input, n) => below[n]!.has(input.columns[i]!.id)))
          .map(({ id }) => id),
      );
    }
    default:
      throw cannot(plan.kind === 'limit' ? 'LIMIT' : 'this query', 'Leave it out, or name one silo in WHERE silo = ….');
  }
}

const readsFederated = (expression: Expression): boolean => {
  if (expression.kind === 'subquery') return [...nodesOf(expression.plan)].some(isFederated);
  return expression.kind === 'call' && expression.args.some(readsFederated);
};

function partitionJoin(
  plan: Extract<RelationalNode, { kind: 'join' }>,
  definitions: Map<string, SiloColumns>,
): SiloColumns {
  const left = partition(plan.left, definitions);
  const right = partition(plan.right, definitions);
  if (left !== undefined && right !== undefined) {
    const bySilo = conjuncts(plan.on).some(
      (part) =>
        part.kind === 'call' &&
        part.name === '=' &&
        ((isOneOf(part.args[0]!, left) && isOneOf(part.args[1]!, right)) ||
          (isOneOf(part.args[0]!, right) && isOneOf(part.args[1]!, left))),
    );
    if (!bySilo) throw cannot('a join of two federated tables', 'Join on the column "silo" as well: USING (silo, …).');
    return new Set([...left, ...right]);
  }
  // Rows that every silo reads alike may be joined to each silo's own, as long as none of them is kept unmatched.
  const { type } = plan;
  const inner = type === 'inner' || type === 'cross';
  if (left !== undefined && !inner && type !== 'left' && type !== 'semi' && type !== 'anti') {
    throw cannot(`a ${type} join`, 'Put the federated table on the side whose rows are kept.');
  }
  if (right !== undefined && !inner && type !== 'right') {
    throw cannot(`a ${type} join`, 'Put the federated table on the side whose rows are kept.');
  }
  return left ?? right;
}
