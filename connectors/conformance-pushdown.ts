/**
 * The kit's second half, over plans: what a connector declares is pushed whole and answers the same as with pushdown off;
 * what it does not declare stays at the mediator. The way from a plan to rows is given by the caller, above this layer.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Call, Column, Expression } from '../src/plan/expressions.ts';
import { type FunctionEntry, functionEntries, isVolatile } from '../src/plan/functions.ts';
import { node, type RelationalNode, type Scan } from '../src/plan/nodes.ts';
import { resolveOverload } from '../src/plan/overloads.ts';
import type { ParameterType } from '../src/plan/signatures.ts';
import { columnsOf } from '../src/plan/traverse.ts';
import { isNumeric, type SqlType, scalar, type TypeKind, typeName } from '../src/plan/types.ts';
import { type Capabilities, callSupport, supportOf } from './capabilities.ts';
import type { ConformancePlace } from './conformance.ts';
import { isDeclared, operationCases } from './conformance-operations.ts';
import { SAMPLE_TEXTS, sampleTable, TEXT_ARGUMENTS } from './conformance-samples.ts';
import { typedCases } from './conformance-typed.ts';
import type { Connector, Silo } from './connector.ts';

/** Runs a plan over one silo called `silo`. */
export interface PlanRunner extends AsyncDisposable {
  readonly run: (
    plan: RelationalNode,
    pushdown: 'on' | 'off',
  ) => Promise<{
    readonly rows: readonly (readonly (string | null)[])[];
    /** Where its fragments ran: `silo`, `mediator`. */
    readonly sites: readonly string[];
  }>;
}

export interface PushdownTarget {
  readonly connector: Connector;
  readonly open: () => Promise<Pick<ConformancePlace, 'options' | 'load'> & AsyncDisposable>;
  readonly runner: (connector: Connector, silo: Silo) => Promise<PlanRunner>;
  /** Calls whose answers differ in a way that is known and written down, with the reason. */
  readonly known?: Readonly<Record<string, string>>;
  /** Only what is declared is tried: for slow servers, where another one has shown that the rest stays at the mediator. */
  readonly declaredOnly?: true;
}

export function pushdownConformance({ connector, open, runner, known = {}, declaredOnly }: PushdownTarget): void {
  const { capabilities } = connector;
  let place: Awaited<ReturnType<PushdownTarget['open']>>;
  let silo: Silo;
  let engine: PlanRunner;

  describe(`${connector.kind} answers the same with pushdown on and off`, () => {
    beforeAll(async () => {
      place = await open();
      await place.load([sampleTable(capabilities.types)]);
      silo = await connector.connect(place.options, new AbortController().signal);
      engine = await runner(connector, silo);
    });
    afterAll(async () => {
      await engine?.[Symbol.asyncDispose]();
      await silo?.[Symbol.asyncDispose]();
      await place?.[Symbol.asyncDispose]();
    });

    const compare = async (plan: RelationalNode, exact: boolean) => {
      const [on, off] = [await outcome(engine, plan, 'on'), await outcome(engine, plan, 'off')];
      expect(off.rows).toEqual(on.rows);
      if (on.rows === FAILED) return false;
      if (exact) expect(on.sites).toEqual(['silo']);
      else expect(on.sites).toContain('mediator');
      return true;
    };

    const scan = scanSamples(capabilities.types);
    const pushed = (call: CallCase['call']) => callSupport(capabilities, call);

    const calls = callCases(scan, 'scalar').filter(({ title }) => known[title] === undefined);
    const tried = calls.filter(({ call }) => declaredOnly !== true || pushed(call) === 'exact');
    const groups = [...Map.groupBy(tried, ({ call }) => `${call.name}: ${pushed(call)}`)];
    test.each(groups)('%s', async (_, cases) => {
      const exact = cases.every(({ call }) => pushed(call) === 'exact') && capabilities.operations.project === 'exact';
      const all = cases.map(({ call }) => call);
      // Where one of them fails, each is tried by itself.
      if ((await outcome(engine, project(scan, all), 'on')).rows !== FAILED) await compare(project(scan, all), exact);
      else for (const call of all) await compare(project(scan, [call]), exact);
    });

    const isPushed = ({ name, args }: Call): boolean =>
      capabilities.operations.aggregate === 'exact' &&
      supportOf(capabilities.aggregates, name, args[0]?.type.kind) === 'exact' &&
      orderFor(name, scan).every(() => supportOf(capabilities.functions, '<', 'integer') === 'exact');
    const aggregates = callCases(scan, 'aggregate')
      .filter(({ title }) => known[title] === undefined)
      .filter(({ call }) => declaredOnly !== true || isPushed(call));
    test.each(aggregates)('aggregate $title', async ({ call }) => {
      await compare(aggregatePlan(scan, call), isPushed(call));
    });
    const integers = scansOf(capabilities.types, 'integer', 3)!;
    const typed = (kind: TypeKind) => scansOf(capabilities.types, kind, 2, true)?.();
    const operations = [...operationCases(integers), ...typedCases(capabilities.types, typed)];
    const judged = operations
      .filter(({ title }) => known[`operation ${title}`] === undefined)
      .filter((operation) => declaredOnly !== true || isDeclared(operation, capabilities));
    test.each(judged)('operation $title', async (operation) => {
      await compare(operation.plan, isDeclared(operation, capabilities));
    });
    for (const [title, reason] of Object.entries(known)) test.skip(`${title}: ${reason}`, () => undefined);
  });
}

/** A plan for every call and aggregate that is declared `exact`: what a dialect must be able to spell. */
export function declaredPlans(capabilities: Capabilities): { readonly title: string; readonly plan: RelationalNode }[] {
  const scan = scanSamples(capabilities.types);
  const calls = callCases(scan, 'scalar')
    .filter(({ call }) => callSupport(capabilities, call) === 'exact')
    .map(({ title, call }) => ({ title, plan: project(scan, [call]) }));
  const aggregates = callCases(scan, 'aggregate')
    .filter(({ call: { name, args } }) => supportOf(capabilities.aggregates, name, args[0]?.type.kind) === 'exact')
    .map(({ title, call }) => ({ title, plan: aggregatePlan(scan, call) }));
  return [...calls, ...aggregates];
}

const aggregatePlan = (scan: Scan, { name, args, type }: Call): RelationalNode =>
  node({
    kind: 'aggregate',
    input: reading(scan, args),
    groups: [],
    aggregates: [{ name, args, distinct: false, orderBy: orderFor(name, scan), type }],
    columns: [{ id: 9000, name: 'x', type }],
  });

/** Aggregates whose answer depends on the order of the rows get one. */
const orderFor = (name: string, scan: Scan) =>
  ['string_agg', 'array_agg', 'json_agg', 'jsonb_agg'].includes(name)
    ? [{ expression: reference(scan.columns[0]!), descending: false, nullsFirst: false }]
    : [];

/** What a plan that fails answers: both ways must fail, each with its own words. */
const FAILED = 'an error';

async function outcome(engine: PlanRunner, plan: RelationalNode, pushdown: 'on' | 'off') {
  try {
    const { rows, sites } = await engine.run(plan, pushdown);
    return { rows: rows.map((row) => row.map(comparable)).sort(), sites };
  } catch (thrown) {
    if ((thrown as { sqlstate?: string }).sqlstate === undefined) throw thrown;
    return { rows: FAILED, sites: [] };
  }
}

/** Eleven significant digits: libraries of mathematics differ in the last ones. JSON without its white space. */
function comparable(text: string | null): string | null {
  if (text !== null && /^[[{].*[\]}]$/s.test(text)) {
    try {
      return JSON.stringify(JSON.parse(text));
    } catch {
      return text;
    }
  }
  if (text === null || !/^-?\d+(\.\d+)?(e[+-]\d+)?$/.test(text)) return text;
  const value = Number(text);
  return Number.isSafeInteger(value) ? String(value) : value.toPrecision(11);
}

interface CallCase {
  readonly title: string;
  readonly call: Call;
}

/** One case per signature whose parameters are types of the sample table, or texts with a meaning of their own. */
function callCases(scan: Scan, kind: 'scalar' | 'aggregate'): CallCase[] {
  return functionEntries()
    .filter((entry) =>
      kind === 'aggregate' ? entry.class === kind : entry.class === 'scalar' || entry.class === 'operator',
    )
    .filter(({ name }) => !isVolatile(name) && !UNSTABLE.has(name))
    .flatMap((entry) => entry.signatures.flatMap((signature) => caseOf(entry, signature.parameters, scan.columns)));
}

/** The clock differs between two runs; ordered-set aggregates have a syntax of their own. */
const UNSTABLE = new Set([
  ...['now', 'current_date', 'current_timestamp', 'localtimestamp', 'localtime', 'current_time', 'clock_timestamp'],
  ...['statement_timestamp', 'transaction_timestamp', 'percentile_cont', 'percentile_disc', 'mode', 'any_value'],
]);

function caseOf(entry: FunctionEntry, parameters: readonly ParameterType[], columns: readonly Column[]): CallCase[] {
  if (entry.name === 'age' && parameters.length === 1) return [];
  const literals = TEXT_ARGUMENTS[entry.name];
  const kinds = parameters.map((parameter): SqlType | undefined => {
    if (parameter.kind === 'any' || parameter.kind === 'anynonarray' || parameter.kind === 'anyelement')
      return scalar('integer');
    if (parameter.kind === 'anyarray') return { kind: 'array', element: scalar('integer') };
    return parameter as SqlType;
  });
  if (kinds.some((type) => type === undefined || SAMPLE_TEXTS[typeName(type)] === undefined)) return [];
  const types = columns.map(({ type }) => type.kind);
  if (kinds.some((type) => !types.includes(type!.kind))) return [];
  const wanted = kinds as SqlType[];
  const resolution = resolveOverload(entry.signatures, wanted);
  if (resolution === undefined || resolution === 'ambiguous') return [];
  const choices = (literals?.[wanted.length] ?? [[]]).filter(
    (texts) => entry.name !== 'to_char' || (texts[1]?.includes('9') === true) === isNumeric(wanted[0]!),
  );
  return choices.map((texts) => ({
    title: `${entry.name}(${wanted.map((type, i) => texts[i] ?? typeName(type)).join(', ')})`,
    call: {
      kind: 'call',
      name: entry.name,
      type: resolution.result,
      args: wanted.map((type, i): Expression => {
        const text = texts[i];
        if (text !== undefined && text !== null) {
          return { kind: 'literal', value: type.kind === 'integer' ? Number(text) : text, type };
        }
        // The second argument of one type is another column of it.
        const nth = wanted.slice(0, i).filter((each) => typeName(each) === typeName(type)).length;
        const fitting = columns.filter((column) => column.name.startsWith(`${typeName(type)}#`));
        return reference(fitting[nth % fitting.length]!);
      }),
    },
  }));
}

const reference = (column: Column): Expression => ({ kind: 'column', id: column.id, type: column.type });

function scanSamples(types: readonly TypeKind[]): Scan {
  const { name, columns } = sampleTable(types);
  return node({
    kind: 'scan',
    silo: 'silo',
    table: name,
    sourceColumns: columns.map((column) => column.name),
    columns: columns.map((column, i) => ({ id: i + 1, name: column.name, type: column.type })),
  });
}

/** Ids of scanned columns, each used once. */
let scanned = 7000;

/**
 * Scans of `count` columns of a type, behind the key where asked for, each with column ids of its own; undefined where there are fewer.
 * The first integer column is the key.
 */
function scansOf(types: readonly TypeKind[], kind: TypeKind, count: number, keyed = false): (() => Scan) | undefined {
  const { name, columns } = sampleTable(types);
  const own = columns.filter(({ type }) => type.kind === kind).slice(0, count);
  if (own.length < count) return undefined;
  const chosen = keyed ? [columns[0]!, ...own] : own;
  return () =>
    node({
      kind: 'scan',
      silo: 'silo',
      table: name,
      sourceColumns: chosen.map((column) => column.name),
      columns: chosen.map((column) => ({ id: scanned++, name: column.name, type: column.type })),
    });
}

const project = (scan: Scan, expressions: readonly Expression[]): RelationalNode =>
  node({
    kind: 'project',
    input: reading(scan, expressions),
    expressions: [reference(scan.columns[0]!), ...expressions],
    columns: [scan.columns[0]!, ...expressions.map(({ type }, i) => ({ id: 9000 + i, name: `x${i}`, type }))],
  });

/** The scan with its key and the columns that are used: a narrow table is quick to fetch. */
function reading(scan: Scan, expressions: readonly Expression[]): Scan {
  const used = new Set(expressions.flatMap((expression) => [...columnsOf(expression)]));
  const kept = scan.columns.flatMap((column, i) => (i === 0 || used.has(column.id) ? [i] : []));
  return node({
    ...scan,
    sourceColumns: kept.map((i) => scan.sourceColumns[i]!),
    columns: kept.map((i) => scan.columns[i]!),
  });
}
