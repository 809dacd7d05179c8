/**
 * Brings a plan into a form that the policies let out of the silos, or says why there is none.
 *
 * A table whose rows may leave keeps its place; with conditions on them, a filter is put over it. A table of which only
 * aggregates may leave must lie below an aggregate that its own silo computes: small groups are withheld there.
 */
import type { AggregateCall, Column, ColumnId, Expression } from '../../src/plan/expressions.ts';
import { type Aggregate, node, type RelationalNode, type Scan } from '../../src/plan/nodes.ts';
import {
  expressionsOf,
  hasSubquery,
  inputsOf,
  mapExpression,
  mapExpressions,
  subqueriesOf,
  withInputs,
} from '../../src/plan/traverse.ts';
import { scalar } from '../../src/plan/types.ts';
import { type BoundPolicy, minGroupOf, type PolicyBook, TO_MEDIATOR } from './book.ts';
import { conditionalScan } from './conditional-scan.ts';
import { aggregatedTable, countsOf, unsafeCall } from './released.ts';
import { policyViolation, type Refusal } from './violation.ts';

export interface Constrained {
  readonly plan: RelationalNode;
  /** Subtrees whose result may leave although the rows below may not; they must run in that silo. */
  readonly released: ReadonlyMap<RelationalNode, string>;
  /** What the user should know: rows and groups that policies keep back. */
  readonly notices: readonly string[];
}

/**
 * @param plan after pruning: a scan's columns are those the statement reads
 * @throws CausewayError CW001 naming policy, columns and the smallest change that would be legal
 */
export function constrain(plan: RelationalNode, book: PolicyBook, nextId: () => ColumnId): Constrained {
  const released = new Map<RelationalNode, string>();
  if (book.empty) return { plan, released, notices: [] };
  const notices = new Set<string>();
  const visitor = new Constrainer(book, nextId, released, notices);
  const { node: legal, refusals } = visitor.visit(plan);
  if (refusals.length > 0) throw policyViolation(refusals, book);
  return { plan: legal, released, notices: [...notices] };
}

/** May the result of a subtree of the constrained plan be sent to the mediator? */
export function mayLeave(plan: RelationalNode, { released }: Pick<Constrained, 'released'>, book: PolicyBook): boolean {
  if (released.has(plan)) return true;
  if (plan.kind === 'scan') {
    return !book.guards(plan.silo) || book.rows(plan, plan.sourceColumns, TO_MEDIATOR).length > 0;
  }
  return [...inputsOf(plan), ...subqueriesOf(plan)].every((input) => mayLeave(input, { released }, book));
}

interface Visited {
  readonly node: RelationalNode;
  /** Tables below whose rows may not leave, unless an aggregate above makes up for it. */
  readonly refusals: readonly Refusal[];
}

class Constrainer {
  readonly #book: PolicyBook;
  readonly #nextId: () => ColumnId;
  readonly #released: Map<RelationalNode, string>;
  readonly #notices: Set<string>;
  /** Tables below an aggregate that may leave as it is. */
  readonly #asAggregate = new Set<Scan>();

  constructor(book: PolicyBook, nextId: () => ColumnId, released: Map<RelationalNode, string>, notices: Set<string>) {
    this.#book = book;
    this.#nextId = nextId;
    this.#released = released;
    this.#notices = notices;
  }

  visit(plan: RelationalNode): Visited {
    if (plan.kind === 'scan') return this.#scan(plan);
    if (plan.kind === 'native-query' && this.#book.guards(plan.silo)) {
      return { node: plan, refusals: [{ table: { silo: plan.silo, table: '*' }, columns: [], reason: 'native' }] };
    }
    if (plan.kind === 'aggregate') this.#preferWhole(plan);
    const refusals: Refusal[] = [];
    const inputs = inputsOf(plan).map((input) => {
      const visited = this.visit(input);
      refusals.push(...visited.refusals);
      return visited.node;
    });
    let rebuilt = withInputs(plan, inputs);
    if (expressionsOf(rebuilt).some(hasSubquery)) {
      rebuilt = mapExpressions(rebuilt, (expression) =>
        mapExpression(expression, (part) => {
          if (part.kind !== 'subquery') return part;
          const visited = this.visit(part.plan);
          refusals.push(...visited.refusals);
          return visited.node === part.plan ? part : { ...part, plan: visited.node };
        }),
      );
    }
    if (rebuilt.kind === 'aggregate' && refusals.length > 0) return this.#aggregate(rebuilt, refusals);
    return { node: rebuilt, refusals };
  }

  /** Where both are allowed, an aggregate over all rows is taken before one over those rows that a WHERE lets leave. */
  #preferWhole(aggregate: Aggregate): void {
    const table = aggregatedTable(aggregate.input);
    if (typeof table === 'string' || aggregate.groupingSets !== undefined) return;
    if (aggregate.aggregates.some((call) => unsafeCall(call, aggregate.input) !== undefined)) return;
    const policy = this.#book.aggregates(table, TO_MEDIATOR)[0];
    if (policy !== undefined && policy.condition === undefined) this.#asAggregate.add(table);
  }

  #scan(scan: Scan): Visited {
    if (!this.#book.guards(scan.silo)) return { node: scan, refusals: [] };
    const policies = this.#book.rows(scan, scan.sourceColumns, TO_MEDIATOR);
    const cut = policies.every((policy) => policy.condition !== undefined);
    if (policies.length > 0 && !(cut && this.#asAggregate.has(scan))) {
      return { node: this.#conditional(scan, policies), refusals: [] };
    }
    const refusal: Refusal = { table: scan, columns: scan.sourceColumns, reason: 'rows' };
    return { node: scan, refusals: [refusal] };
  }

  /** The scan under the policies' WHERE, as any of them may let a row pass. */
  #conditional(scan: Scan, policies: readonly BoundPolicy[]): RelationalNode {
    const { node: conditional, notice } = conditionalScan(scan, policies, this.#nextId);
    if (notice === undefined) return scan;
    this.#notices.add(notice);
    this.#released.set(conditional, scan.silo);
    return conditional;
  }

  /** Withholds small groups, where that is all it takes to make the aggregate legal. */
  #aggregate(aggregate: Aggregate, refusals: readonly Refusal[]): Visited {
    const table = aggregatedTable(aggregate.input);
    const because = (reason: string): Visited => ({
      node: aggregate,
      refusals: refusals.map((refusal) => ({ ...refusal, aggregate: reason })),
    });
    if (typeof table === 'string') return because(table);
    const unsafe = aggregate.aggregates
      .map((call) => unsafeCall(call, aggregate.input))
      .find((why) => why !== undefined);
    if (unsafe !== undefined) return because(unsafe);
    if (aggregate.groupingSets !== undefined) return because('GROUPING SETS mix groups of different sizes');
    let minGroup = 1;
    const used: BoundPolicy[] = [];
    for (const refusal of refusals) {
      const policy =
        refusal.table.silo === table.silo ? this.#book.aggregates(refusal.table, TO_MEDIATOR)[0] : undefined;
      if (policy === undefined || policy.condition !== undefined) {
        return { node: aggregate, refusals };
      }
      minGroup = Math.max(minGroup, minGroupOf(policy));
      used.push(policy);
    }
    const names = [...new Set(used.map((policy) => policy.name))].join(', ');
    this.#notices.add(
      `${table.silo}.${table.table}: groups of fewer than ${minGroup} rows are withheld (policy ${names})`,
    );
    return { node: this.#withGuard(aggregate, minGroup, table.silo), refusals: [] };
  }

  #withGuard(aggregate: Aggregate, minGroup: number, silo: string): RelationalNode {
    const bigint = scalar('bigint');
    const counts = countsOf(aggregate);
    const wanted = new Set<ColumnId | '*'>(['*']);
    for (const { args } of aggregate.aggregates) for (const arg of args) if (arg.kind === 'column') wanted.add(arg.id);
    for (const counted of counts.values()) wanted.delete(counted);
    const types = new Map(aggregate.input.columns.map((column) => [column.id, column.type]));
    const calls = [...wanted].map(
      (counted): AggregateCall => ({
        name: 'count',
        args: counted === '*' ? [] : [{ kind: 'column', id: counted, type: types.get(counted) ?? bigint }],
        distinct: false,
        orderBy: [],
        type: bigint,
      }),
    );
    const added = calls.map((_, i): Column => ({ id: this.#nextId(), name: `rows_${i + 1}`, type: bigint }));
    const wide = node({
      ...aggregate,
      aggregates: [...aggregate.aggregates, ...calls],
      columns: [...aggregate.columns, ...added],
    });
    const enough = [...countsOf(wide).keys()].map(
      (id): Expression => ({
        kind: 'call',
        name: '>=',
        args: [
          { kind: 'column', id, type: bigint },
          { kind: 'literal', value: minGroup, type: bigint },
        ],
        type: scalar('boolean'),
      }),
    );
    const filtered = node({
      kind: 'filter',
      input: wide,
      predicate:
        enough.length === 1 ? enough[0]! : { kind: 'call', name: 'and', args: enough, type: scalar('boolean') },
      columns: wide.columns,
    });
    const guarded = node({
      kind: 'project',
      input: filtered,
      expressions: aggregate.columns.map(
        (column): Expression => ({ kind: 'column', id: column.id, type: column.type }),
      ),
      columns: aggregate.columns,
    });
    this.#released.set(guarded, silo);
    return guarded;
  }
}
