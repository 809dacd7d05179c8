/**
 * What an aggregate may look like when only aggregates may leave: groups of enough rows, and functions from which no
 * single row's value can be read.
 */
import type { AggregateCall, Expression } from '../../src/plan/expressions.ts';
import type { Aggregate, RelationalNode, Scan } from '../../src/plan/nodes.ts';
import { columnsOf, conjuncts, substitute } from '../../src/plan/traverse.ts';

/** Functions whose value says nothing certain about one row of a large enough group; min and max do. */
const SAFE = new Set(['count', 'sum', 'avg', 'stddev', 'stddev_pop', 'stddev_samp', 'variance', 'var_pop', 'var_samp']);

const ARITHMETIC = new Set(['+', '-', '*']);

/**
 * Why the call may not leave, or undefined. A condition inside an argument or a FILTER would make groups of its own that
 * no minimum is checked for, so an argument is arithmetic over one column of the table.
 * @param input what the aggregate reads; its projections are looked through
 */
export function unsafeCall(call: AggregateCall, input: RelationalNode): string | undefined {
  if (!SAFE.has(call.name)) return `${call.name} reveals single values`;
  if (call.filter !== undefined) return `FILTER makes smaller groups inside ${call.name}`;
  if (call.distinct && call.name !== 'count') return `${call.name}(DISTINCT …) reveals single values`;
  for (const arg of call.args.map((each) => overTable(each, input))) {
    if (!plainArithmetic(arg) || columnsOf(arg).size > 1) return `${call.name} is over more than one plain column`;
  }
  return undefined;
}

/** The expression in terms of the table's own columns. */
function overTable(expression: Expression, input: RelationalNode): Expression {
  switch (input.kind) {
    case 'filter':
    case 'sort':
      return overTable(expression, input.input);
    case 'join':
      return overTable(expression, input.left);
    case 'project': {
      const computed = new Map(input.columns.map((column, i) => [column.id, input.expressions[i]!]));
      return overTable(
        substitute(expression, (id) => computed.get(id)),
        input.input,
      );
    }
    default:
      return expression;
  }
}

function plainArithmetic(expression: Expression): boolean {
  switch (expression.kind) {
    case 'column':
    case 'literal':
      return true;
    case 'cast':
      return plainArithmetic(expression.operand);
    case 'call':
      return ARITHMETIC.has(expression.name) && expression.args.every(plainArithmetic);
    default:
      return false;
  }
}

/**
 * The one table an aggregate is over, when each row of the aggregate's input is one row of it: filters, projections and
 * semi-joins in between, but nothing that multiplies rows, for then a group would seem larger than it is.
 * @returns the scan, or why it is not so
 */
export function aggregatedTable(input: RelationalNode): Scan | string {
  switch (input.kind) {
    case 'scan':
      return input;
    case 'filter':
    case 'sort':
    case 'project':
      return aggregatedTable(input.input);
    case 'join':
      return input.type === 'semi' || input.type === 'anti'
        ? aggregatedTable(input.left)
        : 'a join below the aggregate may count a row more than once';
    default:
      return `a ${input.kind} stands below the aggregate`;
  }
}

/** The columns that hold count(*) or count(column) of an aggregate, by what they count; `*` for all rows. */
export function countsOf(aggregate: Aggregate): ReadonlyMap<number, number | '*'> {
  const counts = new Map<number, number | '*'>();
  aggregate.aggregates.forEach((call, i) => {
    if (call.name !== 'count' || call.distinct || call.filter !== undefined) return;
    const column = aggregate.columns[aggregate.groups.length + i]!.id;
    const [arg] = call.args;
    if (arg === undefined) counts.set(column, '*');
    else if (arg.kind === 'column') counts.set(column, arg.id);
  });
  return counts;
}

/** Lower bounds that a predicate sets: `column >= number`, one of its conjuncts. */
export function lowerBounds(predicate: Expression): ReadonlyMap<number, number> {
  const bounds = new Map<number, number>();
  for (const part of conjuncts(predicate)) {
    if (part.kind !== 'call' || part.name !== '>=') continue;
    const [column, bound] = part.args;
    if (column?.kind === 'column' && bound?.kind === 'literal') bounds.set(column.id, Number(bound.value));
  }
  return bounds;
}
