/**
 * The check at the border: what is about to leave a silo, judged anew from the fragment's own plan. It shares nothing with
 * the planner but the policies themselves, so that a mistake there does not become a leak.
 */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { Column, ColumnId, Expression } from '../../src/plan/expressions.ts';
import { type Aggregate, node, type RelationalNode, type Scan } from '../../src/plan/nodes.ts';
import { columnsOf, conjuncts, expressionsOf, inputsOf, nodesOf, subqueriesOf } from '../../src/plan/traverse.ts';
import { type BoundPolicy, conditionOver, minGroupOf, type PolicyBook } from './book.ts';
import { aggregatedTable, countsOf, lowerBounds, unsafeCall } from './released.ts';

/** Something that must not leave. */
export interface Leak {
  readonly silo: string;
  readonly table: string;
  /** The columns that would leave, or that decide about what leaves. */
  readonly columns: readonly string[];
}

/**
 * What would leave silos unlawfully if the result of `plan` went to `to`; rows that are at home at `to` do not leave.
 * @param resolve the plan whose rows a leaf holds, for leaves that stand for another fragment's result
 */
export function leaksOf(
  plan: RelationalNode,
  to: string,
  book: PolicyBook,
  resolve: (leaf: RelationalNode) => RelationalNode | undefined = () => undefined,
): readonly Leak[] {
  const into: Collection = { read: new Map(), conditions: new Map(), leaks: [], to, book, resolve };
  collect(plan, new Set(plan.columns.map((column) => column.id)), into);
  const { leaks } = into;
  for (const [scan, ids] of into.read) {
    if (scan.silo === to || !book.guards(scan.silo)) continue;
    const columns = scan.sourceColumns.filter((_, i) => ids.has(scan.columns[i]!.id));
    const policies = book.rows(scan, columns, to);
    const lawful = conditionsOf(policies, scan).map(textOf);
    const applied = into.conditions.get(scan);
    const free = policies.some(({ condition }) => condition === undefined);
    if (!free && !applied?.every((condition) => lawful.includes(condition))) {
      const forbidden = columns.filter((column) => book.rows(scan, [column], to).length === 0);
      leaks.push({ silo: scan.silo, table: scan.table, columns: forbidden.length > 0 ? forbidden : columns });
    }
  }
  return leaks;
}

/**
 * @throws CausewayError CW001 when anything would leave unlawfully: a defect of the planner, not of the statement
 */
export function assertLawful(
  plan: RelationalNode,
  to: string,
  book: PolicyBook,
  resolve?: (leaf: RelationalNode) => RelationalNode | undefined,
): void {
  const [leak] = book.empty ? [] : leaksOf(plan, to, book, resolve);
  if (leak === undefined) return;
  const columns = leak.columns.map((column) => `${leak.silo}.${leak.table}.${column}`).join(', ');
  throw new CausewayError(
    SQLSTATE.policyViolation,
    `the plan would let ${columns || `rows of ${leak.silo}.${leak.table}`} leave for ${to}, which no policy allows`,
    { silo: leak.silo, hint: 'Nothing was sent. This is a defect of the planner; please report the statement.' },
  );
}

/** The plan with one of its columns: what a key exchange sends. */
export const onlyColumn = (plan: RelationalNode, column: Column): RelationalNode =>
  node({
    kind: 'project',
    input: plan,
    expressions: [{ kind: 'column', id: column.id, type: column.type }],
    columns: [column],
  });

interface Collection {
  readonly read: Map<Scan, Set<ColumnId>>;
  /** Conditions of policies that a filter directly over the scan applies; a row passes when one of them holds. */
  readonly conditions: Map<Scan, readonly string[]>;
  readonly leaks: Leak[];
  readonly to: string;
  readonly book: PolicyBook;
  readonly resolve: (leaf: RelationalNode) => RelationalNode | undefined;
}

/** Notes for every scan which columns the wanted columns of `plan` depend on. */
function collect(plan: RelationalNode, wanted: ReadonlySet<ColumnId>, into: Collection): void {
  if (plan.kind === 'scan') {
    const columns = into.read.get(plan) ?? new Set<ColumnId>();
    for (const { id } of plan.columns) if (wanted.has(id)) columns.add(id);
    into.read.set(plan, columns);
    return;
  }
  if (plan.kind === 'native-query' && into.book.guards(plan.silo) && plan.silo !== into.to) {
    into.leaks.push({ silo: plan.silo, table: '*', columns: [] });
  }
  const behind = into.resolve(plan);
  if (behind !== undefined) {
    // Columns of a leaf and of what it stands for agree by position.
    const ids = plan.columns.flatMap((column, i) => (wanted.has(column.id) ? [behind.columns[i]!.id] : []));
    collect(behind, new Set(ids), into);
    return;
  }
  if (plan.kind === 'filter' && isGuard(plan.predicate, plan.input, into)) return;
  for (const inner of subqueriesOf(plan)) collect(inner, new Set(inner.columns.map((column) => column.id)), into);
  if (plan.kind === 'project') {
    const needed = new Set<ColumnId>();
    plan.expressions.forEach((expression, i) => {
      if (wanted.has(plan.columns[i]!.id)) columnsOf(expression, needed);
    });
    collect(plan.input, needed, into);
    return;
  }
  if (plan.kind === 'filter') {
    const needed = new Set(wanted);
    for (const part of conjuncts(plan.predicate)) {
      if (!isMandated(part, plan.input, into)) columnsOf(part, needed);
    }
    collect(plan.input, needed, into);
    return;
  }
  if (plan.kind === 'set-operation' || plan.kind === 'with') {
    for (const input of inputsOf(plan)) collect(input, new Set(input.columns.map((column) => column.id)), into);
    return;
  }
  const needed = plan.kind === 'aggregate' ? new Set<ColumnId>() : new Set(wanted);
  for (const expression of expressionsOf(plan)) columnsOf(expression, needed);
  if (plan.kind === 'distinct' && plan.on === undefined) for (const { id } of plan.columns) needed.add(id);
  for (const input of inputsOf(plan)) {
    const all = plan.kind === 'mediator-query' ? input.columns.map((column) => column.id) : needed;
    collect(input, new Set(all), into);
  }
}

/** A policy's own WHERE: its columns decide which rows leave because the owner said so. */
function isMandated(part: Expression, input: RelationalNode, { book, to, conditions }: Collection): boolean {
  if (input.kind !== 'scan' || !book.guards(input.silo)) return false;
  const mandated = conditionsOf(book.on(input, to), input);
  if (mandated.length === 0) return false;
  const known = new Set(mandated.map(textOf));
  const alternatives = known.has(textOf(part)) || part.kind !== 'call' || part.name !== 'or' ? [part] : part.args;
  const applied = alternatives.map(textOf);
  if (!applied.every((alternative) => known.has(alternative))) return false;
  conditions.set(input, applied);
  return true;
}

const conditionsOf = (policies: readonly BoundPolicy[], scan: Scan): readonly Expression[] =>
  policies.map((policy) => conditionOver(policy, scan)).filter((condition) => condition !== undefined);

/** Equal expressions have equal texts. */
const textOf = (expression: Expression): string =>
  JSON.stringify(expression, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));

/**
 * True for a filter that withholds small groups of an aggregate whose functions reveal no single row, over tables whose
 * aggregates may leave.
 */
function isGuard(predicate: Expression, input: RelationalNode, { book, to }: Collection): boolean {
  if (input.kind !== 'aggregate' || input.groupingSets !== undefined) return false;
  const scans = [...nodesOf(input)].filter((each) => each.kind === 'scan');
  const table = aggregatedTable(input.input);
  if (typeof table === 'string' || scans.some((scan) => scan.silo !== table.silo)) return false;
  if (input.aggregates.some((call) => unsafeCall(call, input.input) !== undefined)) return false;
  let least = 1;
  for (const scan of scans) {
    if (!book.guards(scan.silo) || book.rows(scan, scan.sourceColumns, to).some(({ where }) => where === undefined))
      continue;
    const policy = book.aggregates(scan, to)[0];
    if (policy === undefined || policy.where !== undefined) return false;
    least = Math.max(least, minGroupOf(policy));
  }
  return everyCountIsBound(input, predicate, least);
}

/** All rows of a group are counted, and the values of each aggregated column, and each count has the bound. */
function everyCountIsBound(aggregate: Aggregate, predicate: Expression, least: number): boolean {
  const bounds = lowerBounds(predicate);
  const counted = new Set<ColumnId | '*'>();
  for (const [column, what] of countsOf(aggregate)) if ((bounds.get(column) ?? 0) >= least) counted.add(what);
  if (!counted.has('*')) return false;
  return aggregate.aggregates.every((call) => call.args.every((arg) => arg.kind !== 'column' || counted.has(arg.id)));
}
