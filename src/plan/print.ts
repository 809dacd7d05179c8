/** Plans as indented text, one node per line: for EXPLAIN, for golden tests, for people. */
import type { AggregateCall, Column, ColumnId, Expression, SortKey, WindowCall } from './expressions.ts';
import type { RelationalNode } from './nodes.ts';
import { expressionsOf, inputsOf, nodesOf, partsOf } from './traverse.ts';
import { typeName } from './types.ts';

/** Says how a column is named in the text. */
type ColumnNames = (id: ColumnId) => string;

/** The plan as text; each line ends with what `note` says about its node. */
export function printPlan(plan: RelationalNode, note?: (node: RelationalNode) => string): string {
  const names = namesIn(plan);
  const lines: string[] = [];
  const visit = (node: RelationalNode, depth: number): void => {
    const said = note?.(node) ?? '';
    lines.push(`${'  '.repeat(depth)}${printNode(node, names)}${said === '' ? '' : `  ${said}`}`);
    for (const input of inputsOf(node)) visit(input, depth + 1);
    for (const expression of expressionsOf(node)) subqueries(expression, depth + 1);
  };
  const subqueries = (expression: Expression, depth: number): void => {
    if (expression.kind === 'subquery') {
      lines.push(`${'  '.repeat(depth)}Subquery`);
      visit(expression.plan, depth + 1);
    }
    for (const part of partsOf(expression)) subqueries(part, depth);
  };
  visit(plan, 0);
  return lines.join('\n');
}

/** Names of the columns in a plan; a name that two columns share is followed by `#` and the id. */
function namesIn(plan: RelationalNode): ColumnNames {
  const byId = new Map<ColumnId, string>();
  for (const node of nodesOf(plan)) for (const column of node.columns) byId.set(column.id, column.name);
  const counts = new Map<string, number>();
  for (const name of byId.values()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return (id) => {
    const name = byId.get(id);
    return name === undefined || counts.get(name)! > 1 ? `${name ?? ''}#${id}` : name;
  };
}

function printNode(node: RelationalNode, names: ColumnNames): string {
  const text = (expression: Expression): string => printExpression(expression, names);
  const columns = (list: readonly Column[]): string => list.map((column) => names(column.id)).join(', ');
  switch (node.kind) {
    case 'scan':
      return `Scan ${[node.silo, node.schema, node.table].filter((part) => part !== undefined).join('.')} (${columns(node.columns)})`;
    case 'values':
      return `Values ${node.rows.length} row${node.rows.length === 1 ? '' : 's'} (${columns(node.columns)})`;
    case 'filter':
      return `Filter ${text(node.predicate)}`;
    case 'project':
      return `Project ${node.expressions
        .map((expression, i) => {
          const name = names(node.columns[i]!.id);
          const value = text(expression);
          return value === name ? name : `${name} := ${value}`;
        })
        .join(', ')}`;
    case 'join':
      return `Join ${node.type}${node.lateral === true ? ' lateral' : ''}${node.on === undefined ? '' : ` on ${text(node.on)}`}`;
    case 'aggregate': {
      const calls = node.aggregates.map((call, i) => {
        const name = names(node.columns[node.groups.length + i]!.id);
        return `${name} := ${printAggregate(call, names)}`;
      });
      const sets = node.groupingSets?.map((set) => `(${set.join(', ')})`).join(', ');
      const groups = node.groups.length === 0 ? '' : ` by ${node.groups.map(text).join(', ')}`;
      return `Aggregate${groups}${sets === undefined ? '' : ` sets ${sets}`}${calls.length === 0 ? '' : `: ${calls.join(', ')}`}`;
    }
    case 'window':
      return `Window ${node.calls
        .map(
          (call, i) =>
            `${names(node.columns[node.columns.length - node.calls.length + i]!.id)} := ${printWindow(call, names)}`,
        )
        .join(', ')}`;
    case 'sort':
      return `Sort ${printKeys(node.keys, names)}`;
    case 'limit':
      return [
        'Limit',
        node.count === undefined ? '' : text(node.count),
        node.offset === undefined ? '' : `offset ${text(node.offset)}`,
        node.withTies === true ? 'with ties' : '',
      ]
        .filter((part) => part !== '')
        .join(' ');
    case 'distinct':
      return node.on === undefined ? 'Distinct' : `Distinct on ${node.on.map(text).join(', ')}`;
    case 'set-operation':
      return `${capital(node.operator)}${node.all ? ' all' : ''}${node.silos === undefined ? '' : ` of silos ${node.silos.join(', ')}`}`;
    case 'with':
      return `With ${node.name}${node.recursive ? ' recursive' : ''}`;
    case 'cte-reference':
      return `Reference ${node.name}`;
    case 'table-function':
      return `Function ${node.name}(${node.args.map(text).join(', ')})`;
    case 'native-query':
      return `Native query at ${node.silo}: ${node.text}`;
    case 'mediator-query':
      return `Mediator query: ${node.texts.map((part, i) => part + (i in node.values ? text(node.values[i]!) : '')).join('')}`;
    case 'memory-table':
      return `Memory ${node.name} (${columns(node.columns)})`;
  }
}

const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1);

const printKeys = (keys: readonly SortKey[], names: ColumnNames): string =>
  keys
    .map(({ expression, descending, nullsFirst }) => {
      const nulls = nullsFirst === descending ? '' : ` nulls ${nullsFirst ? 'first' : 'last'}`;
      return `${printExpression(expression, names)}${descending ? ' desc' : ''}${nulls}`;
    })
    .join(', ');

function printAggregate(call: AggregateCall, names: ColumnNames): string {
  const args = call.args.map((arg) => printExpression(arg, names)).join(', ') || (call.name === 'count' ? '*' : '');
  const order = call.orderBy.length === 0 ? '' : ` order by ${printKeys(call.orderBy, names)}`;
  const filter = call.filter === undefined ? '' : ` filter ${printExpression(call.filter, names)}`;
  return `${call.name}(${call.distinct ? 'distinct ' : ''}${args}${order})${filter}`;
}

function printWindow(call: WindowCall, names: ColumnNames): string {
  const parts = [
    call.partitionBy.length === 0
      ? ''
      : `by ${call.partitionBy.map((part) => printExpression(part, names)).join(', ')}`,
    call.orderBy.length === 0 ? '' : `order ${printKeys(call.orderBy, names)}`,
  ].filter((part) => part !== '');
  return `${call.name}(${call.args.map((arg) => printExpression(arg, names)).join(', ')}) over (${parts.join(' ')})`;
}

/** An expression on one line: operators infix, everything else as a call. */
function printExpression(expression: Expression, names: ColumnNames): string {
  const text = (part: Expression): string => printExpression(part, names);
  switch (expression.kind) {
    case 'column':
      return names(expression.id);
    case 'literal':
      return typeof expression.value === 'string' ? `'${expression.value}'` : String(expression.value ?? 'null');
    case 'parameter':
      return `$${expression.index}`;
    case 'cast':
      return `${text(expression.operand)}::${typeName(expression.type)}`;
    case 'case': {
      const branches = expression.branches.map(({ when, then }) => `when ${text(when)} then ${text(then)}`).join(' ');
      return `case ${branches}${expression.otherwise === undefined ? '' : ` else ${text(expression.otherwise)}`} end`;
    }
    case 'subquery':
      return `${expression.form}(${expression.operands.map(text).join(', ')}${expression.operands.length > 0 ? ' ' : ''}subquery)`;
    case 'call': {
      const infix = /^(\W+|and|or)$/.test(expression.name) && expression.args.length >= 2;
      if (!infix) return `${expression.name}(${expression.args.map(text).join(', ')})`;
      return expression.args
        .map((arg) => (arg.kind === 'call' && /^(\W+|and|or)$/.test(arg.name) ? `(${text(arg)})` : text(arg)))
        .join(` ${expression.name} `);
    }
  }
}
