/** Rows and column statistics of every plan node, from the leaves up. */
import type { ColumnStatistics, TableStatistics } from '../../connectors/connector.ts';
import type { Column, ColumnId, Expression } from '../../src/plan/expressions.ts';
import type { Join, RelationalNode, Scan, SetOperation } from '../../src/plan/nodes.ts';
import { conjuncts } from '../../src/plan/traverse.ts';
import {
  type ColumnEstimate,
  DEFAULT_DISTINCT,
  DEFAULT_ROWS,
  type RelationEstimate,
  resized,
  typicalWidth,
  unknownColumn,
  withRows,
} from './estimate.ts';
import type { Feedback } from './feedback.ts';
import { equalitySelectivity, innerJoin, joinCondition, matchFraction } from './joins.ts';
import { onScale } from './scale.ts';
import { selectivity } from './selectivity.ts';
import { signature, tableKey } from './signature.ts';

export interface EstimationInput {
  /** A table's statistics, already fetched; undefined when nothing is known. */
  readonly statistics: (scan: Pick<Scan, 'silo' | 'schema' | 'table' | 'version'>) => TableStatistics | undefined;
  readonly feedback?: Pick<Feedback, 'rowsOf' | 'size'>;
  /** Rows of a table that the engine holds in memory, where they are counted. */
  readonly memoryRows?: (name: string) => number | undefined;
  /** The plan whose result a table in memory will hold: another fragment's. */
  readonly memoryPlan?: (name: string) => RelationalNode | undefined;
  /** The share of that plan's rows that will be there, 0 … 1. */
  readonly memoryShare?: (name: string) => number;
}

export type Estimator = (node: RelationalNode) => RelationEstimate;

/** An estimator that remembers each node's answer. */
export function estimator(input: EstimationInput): Estimator {
  const known = new WeakMap<RelationalNode, RelationEstimate>();
  const definitions = new Map<string, RelationalNode>();
  const open = new Set<RelationalNode>();

  const estimate: Estimator = (node) => {
    const found = known.get(node);
    if (found !== undefined) return found;
    if (node.kind === 'with') definitions.set(node.name, node.definition);
    open.add(node);
    const computed = corrected(node, ofNode(node));
    open.delete(node);
    known.set(node, computed);
    return computed;
  };

  const corrected = (node: RelationalNode, computed: RelationEstimate): RelationEstimate => {
    if (input.feedback === undefined || input.feedback.size === 0) return computed;
    const seen = input.feedback.rowsOf(signature(node));
    return seen === undefined ? computed : withRows(computed, seen);
  };

  const ofNode = (node: RelationalNode): RelationEstimate => {
    switch (node.kind) {
      case 'scan':
        return ofScan(node, input.statistics(node));
      case 'values':
        return flat(node.columns, node.rows.length);
      case 'filter': {
        const below = estimate(node.input);
        return pinned(withRows(below, below.rows * selectivity(node.predicate, below)), node.predicate);
      }
      case 'project': {
        const below = estimate(node.input);
        const columns = node.columns.map(
          (column, i) => [column.id, ofExpression(node.expressions[i]!, below)] as const,
        );
        return { rows: below.rows, columns: new Map(columns) };
      }
      case 'join':
        return ofJoin(node, estimate(node.left), estimate(node.right));
      case 'aggregate': {
        const below = estimate(node.input);
        const sets = node.groupingSets ?? [node.groups.map((_, i) => i)];
        const rows = sets.reduce(
          (sum, set) =>
            sum +
            groupCount(
              set.map((i) => node.groups[i]!),
              below,
            ),
          0,
        );
        const columns = node.columns.map((column, i) => {
          const group = node.groups[i];
          return [
            column.id,
            group === undefined ? unknownColumn(column.type, rows) : ofExpression(group, below),
          ] as const;
        });
        return { rows, columns: new Map(columns) };
      }
      case 'window': {
        const below = estimate(node.input);
        const columns = new Map(below.columns);
        for (const column of node.columns) {
          if (!columns.has(column.id)) columns.set(column.id, unknownColumn(column.type, below.rows));
        }
        return { rows: below.rows, columns };
      }
      case 'sort':
        return estimate(node.input);
      case 'limit': {
        const below = estimate(node.input);
        const offset = Math.min(below.rows, literalCount(node.offset) ?? 0);
        return withRows(below, Math.min(below.rows - offset, literalCount(node.count) ?? below.rows));
      }
      case 'distinct': {
        const below = estimate(node.input);
        const keys = node.on ?? node.columns.map((column): Expression => ({ kind: 'column', ...column }));
        return withRows(below, groupCount(keys, below));
      }
      case 'set-operation':
        return ofSetOperation(node, node.inputs.map(estimate));
      case 'with': {
        const body = estimate(node.body);
        return renamed(node.columns, node.body.columns, body);
      }
      case 'cte-reference': {
        const definition = definitions.get(node.name);
        // A recursive reference stands inside its own definition, which has no estimate yet.
        if (definition === undefined || open.has(definition)) return flat(node.columns, DEFAULT_ROWS);
        return renamed(node.columns, definition.columns, estimate(definition));
      }
      case 'table-function':
        return flat(node.columns, seriesLength(node.name, node.args));
      case 'memory-table': {
        const behind = input.memoryPlan?.(node.name);
        const counted = input.memoryRows?.(node.name);
        if (behind === undefined) return flat(node.columns, counted ?? DEFAULT_ROWS);
        const rows = counted ?? estimate(behind).rows * (input.memoryShare?.(node.name) ?? 1);
        return renamed(node.columns, behind.columns, resized(estimate(behind), rows));
      }
      case 'native-query':
      case 'mediator-query':
        return flat(node.columns, DEFAULT_ROWS);
    }
  };
  return estimate;
}

function ofScan(scan: Scan, statistics: TableStatistics | undefined): RelationEstimate {
  const rows = statistics?.rows ?? DEFAULT_ROWS;
  const columns = scan.columns.map((column, i): [ColumnId, ColumnEstimate] => {
    const name = scan.sourceColumns[i]!;
    const reported = statistics?.columns[name];
    const fallback = unknownColumn(column.type, rows);
    const estimate: ColumnEstimate = {
      ...fallback,
      ...reported,
      distinct: Math.max(1, Math.min(reported?.distinct ?? inRange(reported, column) ?? fallback.distinct, rows)),
      origin: `${tableKey(scan)}.${name}`,
    };
    return [column.id, estimate];
  });
  return { rows, columns: new Map(columns) };
}

/** Whole numbers and days between two bounds: files know bounds, but seldom how many values lie between. */
function inRange(reported: ColumnStatistics | undefined, { type }: Column): number | undefined {
  if (reported?.min === undefined || reported.max === undefined) return undefined;
  const whole = type.kind === 'smallint' || type.kind === 'integer' || type.kind === 'bigint';
  if (!whole && type.kind !== 'date') return undefined;
  const [from, to] = [onScale(reported.min, type), onScale(reported.max, type)];
  if (from === undefined || to === undefined) return undefined;
  return (to - from) / (whole ? 1 : 86_400_000) + 1;
}

const flat = (columns: readonly Column[], rows: number): RelationEstimate => ({
  rows,
  columns: new Map(columns.map((column) => [column.id, unknownColumn(column.type, rows)])),
});

/** A column compared with a constant has one value left. */
function pinned(estimate: RelationEstimate, predicate: Expression): RelationEstimate {
  const columns = new Map(estimate.columns);
  for (const part of conjuncts(predicate)) {
    if (part.kind !== 'call' || part.name !== '=') continue;
    const [a, b] = part.args;
    const column =
      a?.kind === 'column' && b?.kind !== 'column' ? a : b?.kind === 'column' && a?.kind !== 'column' ? b : undefined;
    const known = column === undefined ? undefined : columns.get(column.id);
    if (column === undefined || known === undefined) continue;
    const { width, origin } = known;
    columns.set(column.id, { distinct: 1, nullFraction: 0, width, ...(origin === undefined ? {} : { origin }) });
  }
  return { rows: estimate.rows, columns };
}

function ofExpression(expression: Expression, below: RelationEstimate): ColumnEstimate {
  switch (expression.kind) {
    case 'column':
      return below.columns.get(expression.id) ?? unknownColumn(expression.type, below.rows);
    case 'literal':
      return { distinct: 1, nullFraction: expression.value === null ? 1 : 0, width: typicalWidth(expression.type) };
    case 'cast': {
      const operand = ofExpression(expression.operand, below);
      return { distinct: operand.distinct, nullFraction: operand.nullFraction, width: typicalWidth(expression.type) };
    }
    case 'call': {
      // A function of some columns has at most as many values as their combinations.
      const args = expression.args.map((arg) => ofExpression(arg, below));
      const combinations = args.reduce((product, arg) => product * arg.distinct, 1);
      const limit = expression.type.kind === 'boolean' ? 2 : Math.max(1, below.rows);
      return {
        distinct: Math.max(1, Math.min(combinations, limit)),
        nullFraction: args.reduce((most, arg) => Math.max(most, arg.nullFraction), 0),
        width: typicalWidth(expression.type),
      };
    }
    default:
      return unknownColumn(expression.type, below.rows);
  }
}

/** Groups of a GROUP BY: combinations of the keys' values, never more than there are rows. */
function groupCount(keys: readonly Expression[], below: RelationEstimate): number {
  if (keys.length === 0) return 1;
  let combinations = 1;
  for (const key of keys) {
    const column = ofExpression(key, below);
    combinations *= column.distinct + (column.nullFraction > 0 ? 1 : 0);
  }
  return Math.min(below.rows, combinations);
}

function ofJoin(join: Join, left: RelationEstimate, right: RelationEstimate): RelationEstimate {
  if (join.type === 'cross' || join.type === 'inner') return innerJoin(left, right, join.on);
  if (join.type === 'semi' || join.type === 'anti') {
    const { equalities, residual } = joinCondition(join.on, left.columns, right.columns);
    const both = { rows: left.rows, columns: new Map([...left.columns, ...right.columns]) };
    const matched = matchFraction(left, right, equalities);
    // Of several partners one that satisfies the rest of the condition is enough.
    const partners = (right.rows * equalitySelectivity(left, right, equalities)) / Math.max(matched, Number.MIN_VALUE);
    const each = residual.reduce((product, part) => product * selectivity(part, both), 1);
    const kept = matched * (1 - (1 - each) ** Math.max(1, partners));
    return withRows(left, left.rows * (join.type === 'semi' ? kept : Math.max(0, 1 - kept)));
  }
  const inner = innerJoin(left, right, join.on);
  let rows = inner.rows;
  if (join.type !== 'right') rows = Math.max(rows, left.rows);
  if (join.type !== 'left') rows = Math.max(rows, right.rows);
  return { rows, columns: inner.columns };
}

function ofSetOperation(operation: SetOperation, inputs: readonly RelationEstimate[]): RelationEstimate {
  const sizes = inputs.map((each) => each.rows);
  const total = sizes.reduce((a, b) => a + b, 0);
  const rows =
    operation.operator === 'union' ? total : operation.operator === 'intersect' ? Math.min(...sizes) : (sizes[0] ?? 0);
  const columns = operation.columns.map((column, i): [ColumnId, ColumnEstimate] => {
    const parts = operation.inputs.map((input, at) => inputs[at]!.columns.get(input.columns[i]?.id ?? -1));
    const known = parts.filter((part) => part !== undefined);
    const distinct = known.reduce((most, part) => Math.max(most, part.distinct), 1);
    const width = known.reduce((sum, part) => sum + part.width, 0) / Math.max(1, known.length);
    return [column.id, { ...unknownColumn(column.type, rows), distinct, ...(width > 0 ? { width } : {}) }];
  });
  const estimate = { rows, columns: new Map(columns) };
  if (operation.all) return estimate;
  return withRows(
    estimate,
    groupCount(
      operation.columns.map((column) => ({ kind: 'column', ...column })),
      estimate,
    ),
  );
}

function renamed(to: readonly Column[], from: readonly Column[], estimate: RelationEstimate): RelationEstimate {
  const columns = to.map((column, i): [ColumnId, ColumnEstimate] => {
    const source = from[i] === undefined ? undefined : estimate.columns.get(from[i].id);
    return [column.id, source ?? unknownColumn(column.type, estimate.rows)];
  });
  return { rows: estimate.rows, columns: new Map(columns) };
}

function literalCount(expression: Expression | undefined): number | undefined {
  if (expression?.kind !== 'literal' || expression.value === null) return undefined;
  const number = Number(expression.value);
  return Number.isFinite(number) && number >= 0 ? number : undefined;
}

/** generate_series over literals is counted; other functions put out what PostgreSQL assumes, ten times more for series. */
function seriesLength(name: string, args: readonly Expression[]): number {
  if (name !== 'generate_series') return DEFAULT_DISTINCT / 20;
  const [from, to] = [literalCount(args[0]), literalCount(args[1])];
  const step = args[2] === undefined ? 1 : literalCount(args[2]);
  if (from === undefined || to === undefined || step === undefined || step === 0) return DEFAULT_ROWS;
  return Math.max(0, Math.floor((to - from) / step) + 1);
}
