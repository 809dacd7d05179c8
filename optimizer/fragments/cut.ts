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
  type UnderWay,
} from '../physical.ts';
import { mediatorDialect } from '../unparse/mediator-dialect.ts';
import { uniqueNames } from '../unparse/select.ts';
import { unparse } from '../unparse/unparse.ts';
import { scanRequest } from './scan-request.ts';
import { ANYWHERE, type PlacedPlan } from './sites.ts';

const NOTHING_BEGUN: UnderWay = { done: new Map(), running: [], nextId: 1 };

export function cutIntoFragments({ plan, siteOf, keys, early }: PlacedPlan, context: OptimizerContext): PhysicalPlan {
  const { done, running, nextId } = context.underWay ?? NOTHING_BEGUN;
  const begun = [...done.values(), ...running].sort((a, b) => a.id - b.id);
  const fragments: Fragment[] = [...begun];
  let id = nextId;
  /** The same request to the same site is made once. */
  const byRequest = new Map(begun.map((fragment) => [requestKey(fragment), fragment]));

  const fragmentOf = (root: RelationalNode): Fragment => {
    const arrived = root.kind === 'memory-table' ? done.get(root.name) : undefined;
    if (arrived !== undefined) return arrived;
    const site = siteOf(root) === ANYWHERE ? MEDIATOR : siteOf(root);
    const inputs = new Map<FragmentId, Exchange>();
    const own = (each: RelationalNode): RelationalNode => {
      const elsewhere = (siteOf(each) !== site && siteOf(each) !== ANYWHERE) || (each !== root && early?.has(each));
      if (elsewhere) return exchange(each);
      const arrived = each.kind === 'memory-table' ? done.get(each.name) : undefined;
      if (arrived !== undefined) inputs.set(arrived.id, { kind: 'rows', from: arrived.id });
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
      inputs.set(from, {
        kind: 'keys',
        ...{ from, fromColumn: filter.byColumn, column: filter.column, most: filter.most },
      });
    }
    const within = own(root);
    const request = requestOf(within, site, context);
    const asked = { site, plan: within, request, inputs: [...inputs.values()] };
    const key = requestKey(asked);
    const known = byRequest.get(key);
    if (known !== undefined) return known;
    const rows = context.rows?.(root);
    const fragment: Fragment = Object.freeze({
      id: id++,
      ...asked,
      columns: resultColumns(within),
      ...(rows === undefined ? {} : { rows }),
    });
    fragments.push(fragment);
    byRequest.set(key, fragment);
    return fragment;
  };

  const root = fragmentOf(plan);
  const columns = plan.columns.map(({ name, type }) => ({ name, type }));
  return Object.freeze({
    fragments: begun.length === 0 ? fragments : neededBy(root, fragments),
    root: root.id,
    columns,
  });
}

/** The same for fragments that ask the same of the same site; up to how many keys are sent is no part of it. */
const requestKey = ({ site, plan, request, inputs }: Pick<Fragment, 'site' | 'plan' | 'request' | 'inputs'>): string =>
  [
    site,
    JSON.stringify(request, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)),
    JSON.stringify(plan.columns.map(({ type }) => type)),
    JSON.stringify(inputs, (name, value: unknown) => (name === 'most' ? undefined : value)),
  ].join('\n');

/** The fragments that a fragment reads from, directly or not, and itself. */
function neededBy(root: Fragment, fragments: readonly Fragment[]): readonly Fragment[] {
  const needed = new Set<FragmentId>();
  const visit = ({ id, inputs }: Fragment): void => {
    if (needed.has(id)) return;
    needed.add(id);
    for (const { from } of inputs) visit(fragments.find((each) => each.id === from)!);
  };
  visit(root);
  return fragments.filter(({ id }) => needed.has(id));
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
