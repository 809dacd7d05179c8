/** Plans that a silo without SQL can answer: columns of one table under simple filters and a limit. */
import type { ScanFilter, ScanFragment } from '../../connectors/connector.ts';
import type { Expression, LiteralValue } from '../../src/plan/expressions.ts';
import type { RelationalNode, Scan } from '../../src/plan/nodes.ts';
import { conjuncts } from '../../src/plan/traverse.ts';

const COMPARISONS = new Set<string>(['=', '<>', '<', '<=', '>', '>=']);
const MIRRORED: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

/** The request, or undefined when the plan is more than a scan. */
export function scanRequest(plan: RelationalNode): ScanFragment | undefined {
  if (plan.kind === 'limit') {
    const input = scanRequest(plan.input);
    const count = plan.count?.kind === 'literal' ? Number(plan.count.value) : undefined;
    if (input === undefined || count === undefined || plan.offset !== undefined || input.limit !== undefined)
      return undefined;
    return narrowed({ ...input, limit: count }, plan);
  }
  if (plan.kind === 'filter') {
    const scan = scanBelow(plan.input);
    const filters = scan === undefined ? [] : conjuncts(plan.predicate).map((part) => scanFilter(part, scan));
    const input = scanRequest(plan.input);
    if (input === undefined || input.limit !== undefined || filters.length === 0) return undefined;
    if (!filters.every((filter) => filter !== undefined)) return undefined;
    return narrowed({ ...input, filters: [...input.filters, ...filters] }, plan);
  }
  if (plan.kind === 'project') {
    const input = scanRequest(plan.input);
    const scan = scanBelow(plan.input);
    if (input === undefined || scan === undefined) return undefined;
    const sources = plan.expressions.map((expression) => sourceColumn(expression, scan));
    if (!sources.every((source) => source !== undefined)) return undefined;
    return { ...input, sourceColumns: sources, columns: resultColumns(plan) };
  }
  if (plan.kind !== 'scan') return undefined;
  const table = {
    table: plan.table,
    ...(plan.schema === undefined ? {} : { schema: plan.schema }),
    ...(plan.version === undefined ? {} : { version: plan.version }),
  };
  return { kind: 'scan', table, sourceColumns: plan.sourceColumns, columns: resultColumns(plan), filters: [] };
}

const resultColumns = (plan: RelationalNode) => plan.columns.map(({ name, type }) => ({ name, type }));

/** The request with the node's own columns, which may be fewer than its input's. */
function narrowed(request: ScanFragment, plan: RelationalNode): ScanFragment {
  const scan = scanBelow(plan);
  if (scan === undefined) return request;
  const sources = plan.columns.map(
    (column) => scan.sourceColumns[scan.columns.findIndex(({ id }) => id === column.id)],
  );
  if (!sources.every((source) => source !== undefined)) return request;
  return { ...request, sourceColumns: sources, columns: resultColumns(plan) };
}

function scanBelow(plan: RelationalNode): Scan | undefined {
  if (plan.kind === 'scan') return plan;
  return plan.kind === 'filter' || plan.kind === 'limit' ? scanBelow(plan.input) : undefined;
}

const sourceColumn = (expression: Expression, scan: Scan): string | undefined =>
  expression.kind === 'column'
    ? scan.sourceColumns[scan.columns.findIndex(({ id }) => id === expression.id)]
    : undefined;

/** The value of a literal that a filter may hold; NULL compares with nothing. */
const constant = (expression: Expression): Exclude<LiteralValue, null> | undefined =>
  expression.kind === 'literal' && expression.value !== null ? expression.value : undefined;

function scanFilter(predicate: Expression, scan: Scan): ScanFilter | undefined {
  if (predicate.kind !== 'call') return undefined;
  const { name, args } = predicate;
  const [left, ...rest] = args;
  if (left === undefined) return undefined;
  const column = sourceColumn(left, scan);
  if (column !== undefined) {
    if (name === 'is_null' || name === 'is_not_null') return { column, operator: name, values: [] };
    const values = rest.map(constant).filter((value) => value !== undefined);
    if (values.length !== rest.length || values.length === 0) return undefined;
    if (name === 'in_list') return { column, operator: 'in', values };
    return COMPARISONS.has(name) ? { column, operator: name as ScanFilter['operator'], values } : undefined;
  }
  const mirrored = rest.length === 1 ? sourceColumn(rest[0]!, scan) : undefined;
  const value = constant(left);
  if (mirrored === undefined || value === undefined || !COMPARISONS.has(name)) return undefined;
  return { column: mirrored, operator: (MIRRORED[name] ?? name) as ScanFilter['operator'], values: [value] };
}
