/**
 * The site of every node, by rule: as deep in the silos as their capabilities allow. This is the step that a search by
 * cost may replace; what it hands on is a plan and a site for each of its nodes.
 */
import type { Capabilities } from '../../connectors/capabilities.ts';
import type { ColumnId, Expression } from '../../src/plan/expressions.ts';
import { node, type RelationalNode, type With } from '../../src/plan/nodes.ts';
import {
  conjunction,
  conjuncts,
  expressionsOf,
  hasSubquery,
  inputsOf,
  outerColumns,
  partsOf,
  transformPlan,
} from '../../src/plan/traverse.ts';
import type { OptimizerContext } from '../context.ts';
import { MEDIATOR, type Site } from '../physical.ts';
import { scanRequest } from './scan-request.ts';
import { expressionSupport, runsExactly } from './supports.ts';

/** No table is read: any site will do. */
export const ANYWHERE = '';

/** Rows of one subtree that are wanted only where a key occurs in the rows of another. */
export interface KeyFilter {
  readonly by: RelationalNode;
  /** An index into the columns of `by`. */
  readonly byColumn: number;
  readonly column: ColumnId;
  /** With more keys than this, reading all rows is cheaper. */
  readonly most: number;
}

export interface PlacedPlan {
  readonly plan: RelationalNode;
  readonly siteOf: (node: RelationalNode) => Site;
  /** Semi-joins, by the subtree that is to be reduced; both subtrees are sent to the mediator by silos, or the keys are there already. */
  readonly keys?: ReadonlyMap<RelationalNode, KeyFilter>;
  /** Nodes of the mediator whose rows are made before the statement that reads them. */
  readonly early?: ReadonlySet<RelationalNode>;
}

export type ChooseSites = (plan: RelationalNode, context: OptimizerContext) => PlacedPlan;

/** Every node as close to the tables as it can be answered exactly. */
export const deepestSites: ChooseSites = (plan, context) => {
  const split = context.pushdown === 'off' ? plan : splitFilters(plan, context);
  const sites = assignSites(split, context);
  return { plan: split, siteOf: (each) => sites.get(each) ?? MEDIATOR };
};

/** True when the silo, which already runs the inputs, may run the node too. */
function runsAt(plan: RelationalNode, capabilities: Capabilities): boolean {
  return runsExactly(plan, capabilities) && (capabilities.language === 'sql' || scanRequest(plan) !== undefined);
}

/** A filter that may let too many rows pass: its predicates stand once more in the filter above it. */
function isPrefilter(plan: RelationalNode, above: RelationalNode | undefined, capabilities: Capabilities): boolean {
  if (plan.kind !== 'filter' || above?.kind !== 'filter') return false;
  const checked = new Set(conjuncts(above.predicate));
  return conjuncts(plan.predicate).every((part) => {
    const support = pushed(part, plan.input, capabilities);
    return support === 'exact' || (support === 'superset' && checked.has(part));
  });
}

/**
 * The deepest site of every node.
 * @param raised nodes that shall run at the mediator although a silo could
 */
export function assignSites(
  root: RelationalNode,
  context: OptimizerContext,
  raised?: ReadonlySet<RelationalNode>,
): Map<RelationalNode, Site> {
  const sites = new Map<RelationalNode, Site>();
  const references = new Map<string, Site>();
  const { silos } = context;

  /** `detached`: the surroundings run at the mediator, so what reads their columns must run there as well. */
  const visit = (each: RelationalNode, detached: boolean, above?: RelationalNode): Site => {
    const site = each.kind === 'with' ? siteOfWith(each, detached) : siteAbove(each, detached, above);
    sites.set(each, site);
    return site;
  };

  const siteAbove = (each: RelationalNode, detached: boolean, above?: RelationalNode): Site => {
    if (each.kind === 'scan' || each.kind === 'native-query') return each.silo;
    if (each.kind === 'memory-table' || each.kind === 'mediator-query') {
      for (const input of inputsOf(each)) visit(input, true);
      return MEDIATOR;
    }
    if (each.kind === 'cte-reference') return references.get(each.name) ?? MEDIATOR;
    const below = [...inputsOf(each), ...subplansOf(each)];
    const found = common(below.map((plan) => visit(plan, detached, each)));
    const capabilities = silos.get(found)?.capabilities;
    const runs =
      found === ANYWHERE ||
      (context.pushdown === 'on' &&
        raised?.has(each) !== true &&
        capabilities !== undefined &&
        (runsAt(each, capabilities) || isPrefilter(each, above, capabilities)) &&
        canHold(below, capabilities));
    if (runs && !(detached && outerColumns(each).size > 0)) return found;
    // The node itself goes to the mediator: what below it depends on its columns must follow.
    for (const plan of below) if (outerColumns(plan).size > 0) visit(plan, true);
    for (const plan of orderRead(each)) sites.set(plan, MEDIATOR);
    return MEDIATOR;
  };

  /** Constant rows among the inputs have to be written as VALUES or a SELECT without FROM. */
  const canHold = (below: readonly RelationalNode[], capabilities: Capabilities): boolean =>
    below.every((plan) => sites.get(plan) !== ANYWHERE || constantsRunAt(plan, capabilities));

  const siteOfWith = (plan: With, detached: boolean): Site => {
    const attempt = (): Site => {
      const definition = visit(plan.definition, detached);
      references.set(plan.name, definition);
      const body = visit(plan.body, detached);
      return definition === body || definition === ANYWHERE ? body : MEDIATOR;
    };
    if (plan.recursive) references.set(plan.name, commonSilo(plan) ?? MEDIATOR);
    const site = context.pushdown === 'on' ? attempt() : MEDIATOR;
    const capabilities = silos.get(site)?.capabilities;
    if (capabilities !== undefined && runsAt(plan, capabilities) && readsOnly(plan, site)) return site;
    references.set(plan.name, MEDIATOR);
    visit(plan.definition, true);
    visit(plan.body, true);
    return MEDIATOR;
  };

  const readsOnly = (plan: RelationalNode, site: Site): boolean =>
    inputsOf(plan).every((input) => sites.get(input) === site || sites.get(input) === ANYWHERE);

  visit(root, false);
  return sites;
}

/** The sort whose order a LIMIT or DISTINCT ON reads, with what is between: rows that are handed over lose their order. */
function orderRead(plan: RelationalNode): readonly RelationalNode[] {
  if (plan.kind !== 'limit' && !(plan.kind === 'distinct' && plan.on !== undefined)) return [];
  const between: RelationalNode[] = [];
  for (let each = plan.input; ; each = each.input) {
    if (each.kind !== 'sort' && each.kind !== 'project') return [];
    between.push(each);
    if (each.kind === 'sort') return between;
  }
}

function constantsRunAt(plan: RelationalNode, capabilities: Capabilities): boolean {
  return runsAt(plan, capabilities) && inputsOf(plan).every((input) => constantsRunAt(input, capabilities));
}

/** The only silo that a plan reads, if there is only one. */
function commonSilo(plan: RelationalNode): Site | undefined {
  const found = new Set<Site>();
  transformPlan(plan, (each) => {
    if (each.kind === 'scan' || each.kind === 'native-query') found.add(each.silo);
    return each;
  });
  return found.size === 1 ? [...found][0] : undefined;
}

const common = (sites: readonly Site[]): Site => {
  const named = new Set(sites.filter((site) => site !== ANYWHERE));
  return named.size === 0 ? ANYWHERE : named.size === 1 ? [...named][0]! : MEDIATOR;
};

function subplansOf(plan: RelationalNode): readonly RelationalNode[] {
  const within = (expression: Expression): readonly RelationalNode[] => [
    ...(expression.kind === 'subquery' ? [expression.plan] : []),
    ...partsOf(expression).flatMap(within),
  ];
  return expressionsOf(plan).flatMap(within);
}

/**
 * Parts each filter in up to two: below, what the silo of its input answers (exactly or with too many rows), above, what
 * must be checked at the mediator.
 */
export function splitFilters(plan: RelationalNode, context: OptimizerContext): RelationalNode {
  const sites = new Map<RelationalNode, Site>();
  return transformPlan(plan, (each) => {
    if (each.kind !== 'filter') return each;
    for (const [known, site] of assignSites(each.input, context)) sites.set(known, site);
    const capabilities = context.silos.get(sites.get(each.input) ?? MEDIATOR)?.capabilities;
    if (capabilities === undefined) return each;
    const parts = conjuncts(each.predicate);
    const supports = parts.map((part) => (hasSubquery(part) ? 'keep' : pushed(part, each.input, capabilities)));
    const below = parts.filter((_, i) => supports[i] === 'exact' || supports[i] === 'superset');
    const above = parts.filter((_, i) => supports[i] !== 'exact');
    if (below.length === 0 || above.length === 0) return each;
    const { input } = each;
    const inner = node({ kind: 'filter', input, predicate: conjunction(below)!, columns: input.columns });
    return node({ ...each, input: inner, predicate: conjunction(above)! });
  });
}

function pushed(part: Expression, input: RelationalNode, capabilities: Capabilities) {
  const support = expressionSupport(part, capabilities);
  if (support === 'none' || capabilities.language === 'sql') return support;
  const alone = node({ kind: 'filter', input, predicate: part, columns: input.columns });
  return scanRequest(alone) === undefined ? 'none' : support;
}
