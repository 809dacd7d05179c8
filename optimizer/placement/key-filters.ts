/**
 * Semi-joins between what silos send: the rows of one subtree are asked for only where a key occurs in the rows of
 * another. Those that the search counted on, and those that cost next to nothing to try: waiting for a quick subtree
 * insures a slow one against an estimate that was far too high. Beyond `most` keys all rows are read after all, so the
 * decision is made anew when the true number of keys is known.
 */
import type { Capabilities } from '../../connectors/capabilities.ts';
import type { Column, ColumnId } from '../../src/plan/expressions.ts';
import type { Join, RelationalNode } from '../../src/plan/nodes.ts';
import { conjuncts, inputsOf } from '../../src/plan/traverse.ts';
import type { CostModel } from '../cost/model.ts';
import { resultWork, subtreeWork } from '../cost/node-work.ts';
import type { Objective } from '../cost/objective.ts';
import { secondsFor } from '../cost/work.ts';
import { ANYWHERE, type KeyFilter } from '../fragments/sites.ts';
import { expressionSupport } from '../fragments/supports.ts';
import { MEDIATOR, type Site } from '../physical.ts';
import type { Estimator } from '../statistics/cardinality.ts';
import { EXACT_TYPES } from './exact-types.ts';
import type { KeyHint } from './reorder.ts';

export interface KeySurroundings {
  readonly estimate: Estimator;
  readonly model: CostModel;
  readonly siteOf: (plan: RelationalNode) => Site;
  readonly capabilitiesOf: (silo: Site) => Capabilities | undefined;
  readonly maySendKeys: (by: RelationalNode, to: Site, key?: Column) => boolean;
  readonly objective: Objective;
  /** True for a leaf that stands for rows which are at the mediator already: nobody waits for its keys. */
  readonly arrived?: (leaf: RelationalNode) => boolean;
}

/** Keys are only waited for unasked when that takes less than this part of what reading all rows takes. */
const QUICK = 0.02;

/** What is left of the cost where keys are waited for, and the seconds that must be saved by it. */
const SAVES = 0.7;
const WORTH_WAITING = 0.005;

export function keyFilters(
  plan: RelationalNode,
  hints: readonly KeyHint[],
  around: KeySurroundings,
): ReadonlyMap<RelationalNode, KeyFilter> {
  const filters = new Map<RelationalNode, KeyFilter>();
  const candidates = [...keyCandidates(plan, around)];
  const wanted = (candidate: Candidate): boolean =>
    hints.some(({ reduced, keys }) => candidate.column.id === reduced && candidate.key.id === keys);
  // Those the search counted on come first; of the others the quickest.
  candidates.sort((a, b) => Number(wanted(b)) - Number(wanted(a)) || a.wait - b.wait);
  for (const candidate of candidates) {
    const { reader, by, column, key, wait, whole, most } = candidate;
    if (filters.has(reader) || waitsFor(by, reader, filters)) continue;
    const unasked = candidate.saves || wait <= QUICK * whole;
    // Who counts bytes waits for keys that wait for keys.
    const chained = filters.has(by) && !(candidate.saves && around.objective !== 'time');
    if (!wanted(candidate) && (!unasked || chained || !candidate.pays)) continue;
    filters.set(reader, {
      by,
      byColumn: by.columns.findIndex(({ id }) => id === key.id),
      column: column.id,
      most,
    });
    if (!isLawful(filters, around)) filters.delete(reader);
  }
  return filters;
}

/** Keys that were reduced by others' keys tell of those as well: all of a chain may go to where its end goes. */
function isLawful(filters: ReadonlyMap<RelationalNode, KeyFilter>, around: KeySurroundings): boolean {
  for (const reader of filters.keys()) {
    const to = around.siteOf(reader);
    for (let by = filters.get(filters.get(reader)!.by); by !== undefined; by = filters.get(by.by)) {
      if (!around.maySendKeys(by.by, to, by.by.columns[by.byColumn])) return false;
    }
  }
  return true;
}

/** Every single semi-join that the plan admits, whether it pays or not: for comparing plans. */
export const everyKeyFilter = (
  plan: RelationalNode,
  around: KeySurroundings,
): readonly ReadonlyMap<RelationalNode, KeyFilter>[] =>
  [...keyCandidates(plan, around)].map(
    ({ reader, by, column, key }) =>
      new Map([
        [
          reader,
          {
            by,
            byColumn: by.columns.findIndex(({ id }) => id === key.id),
            column: column.id,
            most: Number.MAX_SAFE_INTEGER,
          },
        ],
      ]),
  );

interface Candidate {
  readonly reader: RelationalNode;
  readonly by: RelationalNode;
  readonly column: Column;
  readonly key: Column;
  /** Seconds until the keys are there, and those that reading all rows takes. */
  readonly wait: number;
  readonly whole: number;
  readonly most: number;
  /** The keys are expected to save more than they cost. For time that is true only of joins that the search does not order. */
  readonly saves: boolean;
  /** False where keys that are there already are too many: the reader need not be stopped for them. */
  readonly pays: boolean;
}

function* keyCandidates(plan: RelationalNode, around: KeySurroundings): Generator<Candidate> {
  if (isSent(plan, around)) return;
  if (plan.kind === 'join') yield* ofJoin(plan, around);
  for (const input of inputsOf(plan)) yield* keyCandidates(input, around);
}

const isSent = (plan: RelationalNode, { siteOf }: KeySurroundings): boolean => {
  const site = siteOf(plan);
  return site !== MEDIATOR && site !== ANYWHERE;
};

/** Sides of a join whose rows are of no use without a partner on the other side. */
const REDUCIBLE: Readonly<Record<Join['type'], readonly ('left' | 'right')[]>> = {
  inner: ['left', 'right'],
  left: ['right'],
  right: ['left'],
  full: [],
  cross: [],
  semi: ['left', 'right'],
  anti: ['right'],
};

/** The columns of a join by which one side's rows could be reduced to those with a partner. */
export function joinKeys(
  join: Join,
): readonly { readonly side: 'left' | 'right'; readonly own: ColumnId; readonly other: ColumnId }[] {
  return conjuncts(join.on).flatMap((part) => {
    const [a, b] = part.kind === 'call' && part.name === '=' ? part.args : [];
    if (a?.kind !== 'column' || b?.kind !== 'column') return [];
    if (a.type.kind !== b.type.kind || !EXACT_TYPES.has(a.type.kind)) return [];
    return REDUCIBLE[join.type].flatMap((side) => [
      { side, own: a.id, other: b.id },
      { side, own: b.id, other: a.id },
    ]);
  });
}

function* ofJoin(join: Join, around: KeySurroundings): Generator<Candidate> {
  for (const { side, own, other } of joinKeys(join)) {
    const reader = sourceOf(join[side], own, around);
    if (reader === undefined || !isSent(reader.plan, around)) continue;
    for (const by of keySources(join[side === 'left' ? 'right' : 'left'], other, around)) {
      if (reader.plan === by.plan) continue;
      const candidate = priced(reader, by, join.type !== 'inner', around);
      if (candidate !== undefined) yield candidate;
    }
  }
}

/** A subtree, and a column of it. */
interface Source {
  readonly plan: RelationalNode;
  readonly id: ColumnId;
}

/** The sent subtree from which the column comes, when dropping rows there drops just those rows here. */
function sourceOf(plan: RelationalNode, id: ColumnId, around: KeySurroundings): Source | undefined {
  if (!plan.columns.some((column) => column.id === id)) return undefined;
  if (isSent(plan, around) || around.arrived?.(plan) === true) return { plan, id };
  switch (plan.kind) {
    case 'filter':
    case 'project':
    case 'sort':
      return sourceOf(plan.input, id, around);
    case 'aggregate': {
      // Without a group's rows there is no such group; the others stay as they are.
      const group = plan.groups[plan.columns.findIndex((column) => column.id === id)];
      const plain = plan.groupingSets === undefined && group?.kind === 'column';
      return plain ? sourceOf(plan.input, group.id, around) : undefined;
    }
    case 'join': {
      const keepsLeft = plan.type !== 'right' && plan.type !== 'full';
      const keepsRight = plan.type === 'inner' || plan.type === 'cross' || plan.type === 'right';
      return (
        (keepsLeft ? sourceOf(plan.left, id, around) : undefined) ??
        (keepsRight ? sourceOf(plan.right, id, around) : undefined)
      );
    }
    default:
      return undefined;
  }
}

/** Where keys for the column may be had: its own source, and for who counts bytes whatever it must be equal to. */
function* keySources(plan: RelationalNode, id: ColumnId, around: KeySurroundings): Generator<Source> {
  const own = sourceOf(plan, id, around);
  if (own !== undefined) yield own;
  if (around.objective !== 'time' && !isSent(plan, around)) yield* equalSources(plan, id, around);
}

function* equalSources(plan: RelationalNode, id: ColumnId, around: KeySurroundings): Generator<Source> {
  if (plan.kind === 'filter' || plan.kind === 'project' || plan.kind === 'sort') {
    yield* equalSources(plan.input, id, around);
  }
  if (plan.kind !== 'join' || (plan.type !== 'inner' && plan.type !== 'semi') || isSent(plan, around)) return;
  for (const { side, own, other } of joinKeys(plan)) {
    // Every value of the column has a partner, which is one of these.
    if (own === id) yield* keySources(plan[side === 'left' ? 'right' : 'left'], other, around);
  }
  for (const side of [plan.left, plan.right]) yield* equalSources(side, id, around);
}

function priced(
  { plan: reader, id: own }: Source,
  { plan: by, id: other }: Source,
  unordered: boolean,
  around: KeySurroundings,
): Candidate | undefined {
  const { estimate, model, siteOf, objective } = around;
  const column = reader.columns.find(({ id }) => id === own)!;
  const key = by.columns.find(({ id }) => id === other)!;
  const site = siteOf(reader);
  const capabilities = around.capabilitiesOf(site);
  if (capabilities === undefined || !acceptsKeys(column, capabilities)) return undefined;
  if (!around.maySendKeys(by, site, key)) return undefined;
  const { seconds } = model.profile(site);
  const result = resultWork(reader, estimate);
  const local = secondsFor(subtreeWork(reader, estimate), seconds);
  const sending = secondsFor(result, seconds);
  const distinct = Math.max(1, estimate(reader).columns.get(own)?.distinct ?? 1);
  const width = estimate(by).columns.get(other)?.width ?? 8;
  // Each key brings its share of the rows back, costs its own bytes, and its part of a statement that reads again.
  const batch = capabilities.maxListLength ?? 1000;
  const perKey = sending / distinct + width * seconds.bytes + (local + seconds.startup) / batch;
  const source = model.profile(siteOf(by)).seconds;
  const arrived = around.arrived?.(by) === true;
  const wait = arrived
    ? 0
    : secondsFor(subtreeWork(by, estimate), source) + secondsFor(resultWork(by, estimate), source);
  const whole = local + sending;
  const bytesPerKey = result.bytes / distinct + width;
  const most = objective === 'time' ? Math.floor(whole / perKey) : Math.floor(result.bytes / bytesPerKey);
  const keys = estimate(by).columns.get(other)?.distinct ?? most;
  const reduced = wait + local + seconds.startup + keys * perKey;
  const saves =
    objective === 'time'
      ? reduced < SAVES * Math.max(wait, whole) && whole - reduced > WORTH_WAITING
      : keys * bytesPerKey < SAVES * result.bytes;
  return {
    ...{ reader, by, column, key, wait, whole, most },
    saves: (unordered || objective !== 'time') && saves,
    pays: !arrived || keys <= most,
  };
}

/** True when the silo takes a list of keys for the column. */
export function acceptsKeys(column: Column, capabilities: Capabilities): boolean {
  if (capabilities.inPlace === true) return false;
  const list = expressionSupport(
    {
      kind: 'call',
      name: 'in_list',
      args: [
        { kind: 'column', id: column.id, type: column.type },
        { kind: 'literal', value: null, type: column.type },
      ],
      type: { kind: 'boolean' },
    },
    capabilities,
  );
  return list !== 'none' && EXACT_TYPES.has(column.type.kind);
}

/** True when `subtree` starts only after `other`, directly or not. */
function waitsFor(
  subtree: RelationalNode,
  other: RelationalNode,
  filters: ReadonlyMap<RelationalNode, KeyFilter>,
): boolean {
  const by = filters.get(subtree)?.by;
  return by !== undefined && (by === other || waitsFor(by, other, filters));
}
