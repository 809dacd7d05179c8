/**
 * A name for "the rows this node puts out" that does not depend on column ids, join order or projections, so that what
 * one statement measured serves the next one.
 */
import { createHash } from 'node:crypto';
import type { ColumnId, Expression } from '../../src/plan/expressions.ts';
import type { RelationalNode, Scan } from '../../src/plan/nodes.ts';
import { conjuncts, expressionsOf, inputsOf } from '../../src/plan/traverse.ts';

/** `silo.table`, or `silo.schema.table` away from the silo's own schema; `@version` for a state of the past. */
export const tableKey = (scan: Pick<Scan, 'silo' | 'schema' | 'table' | 'version'>): string =>
  [scan.silo, scan.schema, scan.table].filter((part) => part !== undefined).join('.') +
  (scan.version === undefined ? '' : `@${scan.version}`);

/** The signature of `node`: readable for a table, a short hash otherwise. */
export function signature(node: RelationalNode): string {
  if (node.kind === 'scan') return tableKey(node);
  const names = new Map<ColumnId, string>();
  const text = describe(node, names);
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

/** An inner-join region as its leaves and all its conditions, each sorted. */
interface Region {
  readonly leaves: string[];
  readonly conditions: Expression[];
}

function describe(node: RelationalNode, names: Map<ColumnId, string>): string {
  const region: Region = { leaves: [], conditions: [] };
  collect(node, names, region);
  const leaves = region.leaves.sort();
  if (region.conditions.length === 0 && leaves.length === 1) return leaves[0]!;
  const conditions = region.conditions.map((each) => expressionText(each, names)).sort();
  return `${leaves.join('⋈')}[${conditions.join('∧')}]`;
}

function collect(node: RelationalNode, names: Map<ColumnId, string>, region: Region): void {
  switch (node.kind) {
    case 'filter':
      collect(node.input, names, region);
      region.conditions.push(...conjuncts(node.predicate));
      return;
    case 'sort':
      collect(node.input, names, region);
      return;
    case 'project':
      collect(node.input, names, region);
      node.columns.forEach((column, i) => {
        names.set(column.id, expressionText(node.expressions[i]!, names));
      });
      return;
    case 'join':
      if ((node.type === 'inner' || node.type === 'cross') && node.lateral !== true) {
        collect(node.left, names, region);
        collect(node.right, names, region);
        region.conditions.push(...conjuncts(node.on));
        return;
      }
      region.leaves.push(leaf(node, names));
      return;
    default:
      region.leaves.push(leaf(node, names));
  }
}

function leaf(node: RelationalNode, names: Map<ColumnId, string>): string {
  if (node.kind === 'scan') {
    const table = tableKey(node);
    node.columns.forEach((column, i) => {
      names.set(column.id, `${table}.${node.sourceColumns[i]}`);
    });
    return table;
  }
  const inputs = inputsOf(node).map((input) => describe(input, names));
  const own = expressionsOf(node).map((each) => expressionText(each, names));
  const kind = node.kind === 'join' ? `${node.type} join` : node.kind;
  const extra = node.kind === 'native-query' ? node.text : node.kind === 'mediator-query' ? node.texts.join('$') : '';
  node.columns.forEach((column, i) => {
    if (!names.has(column.id)) names.set(column.id, `${kind}#${i}`);
  });
  return `${kind}(${inputs.join(';')}|${own.join(';')}|${extra})`;
}

function expressionText(expression: Expression, names: Map<ColumnId, string>): string {
  switch (expression.kind) {
    case 'column':
      return names.get(expression.id) ?? '?';
    case 'literal':
      return `${expression.type.kind}:${String(expression.value)}`;
    case 'parameter':
      return `$${expression.index}`;
    case 'call': {
      const args = expression.args.map((arg) => expressionText(arg, names));
      if (expression.name === '=' || expression.name === 'or') args.sort();
      return `${expression.name}(${args.join(',')})`;
    }
    case 'cast':
      return `cast(${expressionText(expression.operand, names)},${expression.type.kind})`;
    case 'case': {
      const branches = expression.branches.map(
        (branch) => `${expressionText(branch.when, names)}:${expressionText(branch.then, names)}`,
      );
      const otherwise = expression.otherwise === undefined ? '' : expressionText(expression.otherwise, names);
      return `case(${branches.join(',')};${otherwise})`;
    }
    case 'subquery': {
      const operands = expression.operands.map((operand) => expressionText(operand, names));
      return `${expression.form}(${operands.join(',')};${describe(expression.plan, names)})`;
    }
  }
}
