/** Cuts a plan whose nodes have sites into fragments, each one request to its site, linked by exchanges of rows. */
import type { ResultColumn } from '../../connectors/connector.ts';
import type { Dialect } from '../../connectors/dialect.ts';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { Expression } from '../../src/plan/expressions.ts';
import { type MemoryTable, node, type RelationalNode } from '../../src/plan/nodes.ts';
import {
  expressionsOf,
  hasSubquery,
  inputsOf,
  mapExpression,
  mapExpressions,
  withInputs,
} from '../../src/plan/traverse.ts';
import type { OptimizerContext } from '../context.ts';
import {
  type Exchange,
  exchangeName,
  type Fragment,
  type FragmentId,
  MEDIATOR,
  type PhysicalPlan,
  type Site,
} from '../physical.ts';
import { mediatorDialect } from '../unparse/mediator-dialect.ts';
import { uniqueNames } from '../unparse/select.ts';
import { unparse } from '../unparse/unparse.ts';
import { scanRequest } from './scan-request.ts';
import { ANYWHERE, type PlacedPlan } from './sites.ts';

export function cutIntoFragments({ plan, siteOf, keys }: PlacedPlan, context: OptimizerContext): PhysicalPlan {
  const fragments: Fragment[] = [];
  /** The same request to the same site is made once. */
  const byRequest = new Map<string, Fragment>();

  const fragmentOf = (root: RelationalNode): Fragment => {
    const site = siteOf(root) === ANYWHERE ? MEDIATOR : siteOf(root);
    const inputs = new Map<FragmentId, Exchange>();
    const own = (each: RelationalNode): RelationalNode => {
      const elsewhere = siteOf(each) !== site && siteOf(each) !== ANYWHERE;
      if (elsewhere) return exchange(each);
      const rebuilt = withInputs(each, inputsOf(each).map(own));
      return expressionsOf(rebuilt).some(hasSubquery) ? mapExpressions(rebuilt, inSubqueries) : rebuilt;
    };
    const inSubqueries = (expression: Expression): Expression =>
      mapExpression(expression, (part) => (part.kind === 'subquery' ? { ...part, plan: own(part.plan) } : part));
    const exchange = (each: RelationalNode): MemoryTable => {
      const from = fragmentOf(each);
      inputs.set(from.id, { kind: 'rows', from: from.id });
      return node({ kind: 'memory-table', name: exchangeName(from.id), columns: each.columns });
    };

    const filter = keys?.get(root);
    if (filter !== undefined) {
      const from = fragmentOf(filter.by).id;
      const keys = { from, fromColumn: filter.byColumn, column: filter.column };
      inputs.set(
        from,
        filter.late === undefined
          ? { kind: 'keys', ...keys, most: filter.most }
          : { kind: 'late-keys', ...keys, ...filter.late },
      );
    }
    const within = own(root);
    const request = requestOf(within, site, context);
    const types = within.columns.map(({ type }) => type);
    // Keys that may come late are no reason to ask twice.
    const reads = [...inputs.values()].filter(({ kind }) => kind !== 'late-keys');
    const key = [site, JSON.stringify(request), JSON.stringify(types), JSON.stringify(reads)].join('\n');
    const known = byRequest.get(key);
    if (known !== undefined) return known;
    const rows = context.rows?.(root);
    const fragment: Fragment = Object.freeze({
      id: fragments.length + 1,
      site,
      plan: within,
      request,
      columns: resultColumns(within),
      inputs: [...inputs.values()],
      ...(rows === undefined ? {} : { rows }),
    });
    fragments.push(fragment);
    byRequest.set(key, fragment);
    return fragment;
  };

  const root = fragmentOf(plan);
  const columns = plan.columns.map(({ name, type }) => ({ name, type }));
  return Object.freeze({ fragments, root: root.id, columns });
}

/** A fragment's columns under names that are unique, as the table that takes them in needs them. */
function resultColumns({ columns }: RelationalNode): readonly ResultColumn[] {
  const names = uniqueNames(columns);
  return columns.map(({ type }, i) => ({ name: names[i]!, type }));
}

/** What a site is asked for a subtree: a statement in its dialect, or a scan. */
export function requestOf(plan: RelationalNode, site: Site, context: OptimizerContext): Fragment['request'] {
  const capabilities = context.silos.get(site)?.capabilities;
  if (site !== MEDIATOR && capabilities?.language === 'scan') {
    const request = scanRequest(plan);
    if (request !== undefined) return request;
    throw new CausewayError(SQLSTATE.internalError, `the silo "${site}" was planned to run more than a scan`);
  }
  const dialect: Dialect | undefined = site === MEDIATOR ? mediatorDialect : capabilities?.dialect;
  if (dialect === undefined) throw new CausewayError(SQLSTATE.undefinedObject, `the silo "${site}" does not exist`);
  return { kind: 'sql', text: unparse(plan, dialect) };
}
