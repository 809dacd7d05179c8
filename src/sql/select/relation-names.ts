/** Before binding: the relations a statement names are found in its syntax and looked up, views with what they read. */
import type { FuncCall, Node, RangeVar, SelectStmt } from '@pgsql/types';
import { CausewayError, type Position, SQLSTATE } from '../../plan/errors.ts';
import { didYouMean } from '../../plan/nearest.ts';
import { type LoadedRelation, nameParts } from './context.ts';
import { type Locate, parseSelect } from './parse.ts';
import type { BindScope, RelationName } from './scope.ts';

/** One key per name as written. */
export const relationKey = ({ schema, name }: RelationName): string => JSON.stringify([schema ?? null, name]);

/** The key of a native query's columns. */
export const nativeKey = (silo: string, text: string): string => JSON.stringify(['query', silo, text]);

/**
 * Looks up every relation that a statement names.
 * @param within the views whose texts stand around this one
 * @throws CausewayError 42P01 with the nearest name, 42P17 when a view reads itself
 */
export async function loadRelations(
  select: SelectStmt,
  locate: Locate,
  scope: BindScope,
  into = new Map<string, LoadedRelation>(),
  within: readonly string[] = [],
): Promise<Map<string, LoadedRelation>> {
  for (const found of rangesIn(select)) {
    if ('call' in found) await loadNative(found.call, scope, into);
    else await load(found.range, locate, scope, into, within);
  }
  return into;
}

async function load(
  { schemaname, relname = '', location }: RangeVar,
  locate: Locate,
  scope: BindScope,
  into: Map<string, LoadedRelation>,
  within: readonly string[],
): Promise<void> {
  const name: RelationName = { name: relname, ...(schemaname === undefined ? {} : { schema: schemaname }) };
  const key = relationKey(name);
  if (within.includes(key)) {
    throw new CausewayError(SQLSTATE.invalidObjectDefinition, `infinite recursion: view "${relname}" reads itself`, {
      hint: `Drop one of the views between: ${within.map((each) => (JSON.parse(each) as string[])[1]).join(', ')}.`,
    });
  }
  if (into.has(key)) return;
  const relation = await scope.relation(name);
  if (relation === undefined) {
    const written = schemaname === undefined ? relname : `${schemaname}.${relname}`;
    const hint = didYouMean(written, await scope.relationNames());
    const position = locate(location);
    throw new CausewayError(SQLSTATE.undefinedTable, `relation "${written}" does not exist`, {
      ...(hint === undefined ? {} : { hint }),
      ...(position === undefined ? {} : { position }),
    });
  }
  if (relation.kind !== 'view') {
    into.set(key, relation);
    return;
  }
  const parsed = parseSelect(relation.text);
  // Places inside a view's text mean nothing to the user of the view.
  const nowhere: Locate = () => undefined;
  const columns = relation.columns === undefined ? {} : { columns: relation.columns };
  into.set(key, { kind: 'view', select: parsed.select, locate: nowhere, ...columns });
  try {
    await loadRelations(parsed.select, nowhere, scope, into, [...within, key]);
  } catch (thrown) {
    throw thrown instanceof CausewayError ? inView(relname, thrown, locate(location)) : thrown;
  }
}

/** An error inside of a view's text: it names the view, and stands where the statement does. */
export function inView(view: string, cause: CausewayError, position: Position | undefined): CausewayError {
  const hint =
    cause.hint ?? `The view's query no longer fits its tables. Create it again with CREATE OR REPLACE VIEW ${view}.`;
  return new CausewayError(cause.sqlstate, `view "${view}": ${cause.message}`, {
    hint,
    cause,
    ...(cause.silo === undefined ? {} : { silo: cause.silo }),
    ...(position === undefined ? {} : { position }),
  });
}

/** `silo.query('native SQL')`: the silo says which columns it gives. */
async function loadNative(call: FuncCall, scope: BindScope, into: Map<string, LoadedRelation>): Promise<void> {
  const [silo = '', name] = nameParts(call.funcname);
  const text = nativeText(call);
  if (name !== 'query' || text === undefined || scope.describeNative === undefined) return;
  const columns = await scope.describeNative(silo, text);
  if (columns !== undefined) into.set(nativeKey(silo, text), { kind: 'memory', name: silo, columns });
}

/** The text of `query('…')`, when that is what the call is. */
export function nativeText(call: FuncCall): string | undefined {
  const [arg, more] = call.args ?? [];
  if (more !== undefined || arg === undefined || !('A_Const' in arg)) return undefined;
  return arg.A_Const.sval === undefined ? undefined : (arg.A_Const.sval.sval ?? '');
}

type Found = { readonly range: RangeVar } | { readonly call: FuncCall };

/**
 * The table names and the functions with a schema in FROM, wherever they stand. Names of common table expressions in
 * scope are no relations.
 */
function* rangesIn(select: SelectStmt, ctes: ReadonlySet<string> = new Set()): Generator<Found> {
  const inner = new Set(ctes);
  const { withClause, ...rest } = select;
  for (const cte of withClause?.ctes ?? []) {
    if (!('CommonTableExpr' in cte)) continue;
    const { ctename = '', ctequery } = cte.CommonTableExpr;
    if (withClause?.recursive) inner.add(ctename);
    if (ctequery !== undefined && 'SelectStmt' in ctequery) yield* rangesIn(ctequery.SelectStmt, inner);
    inner.add(ctename);
  }
  const { larg, rarg, ...parts } = rest;
  for (const arm of [larg, rarg]) if (arm !== undefined) yield* rangesIn(arm, inner);
  for (const part of Object.values(parts)) yield* inSyntax(part, inner);
}

function* inSyntax(syntax: unknown, ctes: ReadonlySet<string>): Generator<Found> {
  if (Array.isArray(syntax)) for (const item of syntax) yield* inSyntax(item, ctes);
  if (typeof syntax !== 'object' || syntax === null || Array.isArray(syntax)) return;
  const held = syntax as Partial<Record<string, unknown>> & Partial<Node>;
  if ('RangeVar' in held) {
    const range = held.RangeVar as RangeVar;
    if (range.schemaname !== undefined || !ctes.has(range.relname ?? '')) yield { range };
  } else if ('RangeFunction' in held) {
    yield* functionsIn(held.RangeFunction);
    yield* inSyntax(held.RangeFunction, ctes);
  } else if ('SelectStmt' in held) {
    yield* rangesIn(held.SelectStmt as SelectStmt, ctes);
  } else {
    for (const value of Object.values(held)) yield* inSyntax(value, ctes);
  }
}

function* functionsIn(syntax: unknown): Generator<Found> {
  for (const item of (syntax as { functions?: Node[] }).functions ?? []) {
    if (!('List' in item)) continue;
    const [first] = item.List.items ?? [];
    if (first !== undefined && 'FuncCall' in first) yield { call: first.FuncCall };
  }
}
