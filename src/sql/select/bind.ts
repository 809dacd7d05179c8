/** The entry: SELECT text to a bound plan, or the long way round where the plan has no word for it. */
import type { SelectStmt } from '@pgsql/types';
import { CausewayError, type Position, SQLSTATE } from '../../plan/errors.ts';
import type { Column, ColumnId } from '../../plan/expressions.ts';
import { columnIds, node, type RelationalNode } from '../../plan/nodes.ts';
import type { SqlType } from '../../plan/types.ts';
import { EMPTY, type Level, NotModelled, type StatementContext } from './context.ts';
import { mediatorNames, renameRelations } from './mediator-names.ts';
import { parameterPlaces } from './parameter-places.ts';
import { type Locate, parseSelect } from './parse.ts';
import { bindQuery } from './query.ts';
import { relationPlan } from './relation.ts';
import { loadRelations } from './relation-names.ts';
import type { BindScope, LongWay, RelationName } from './scope.ts';
import { versionsAsNames } from './time-travel.ts';

/** A bound SELECT. */
export interface BoundSelect {
  readonly plan: RelationalNode;
  /** The output columns; a column name may occur more than once. */
  readonly columns: readonly Column[];
  /** Types of `$1`, `$2` …; `unknown` where nothing says what a parameter is. */
  readonly parameters: readonly SqlType[];
}

export interface BindOptions {
  /** Where the text begins in a larger statement, for error positions. */
  readonly at?: Position;
  /** Shares column ids with the statement around this SELECT. */
  readonly nextId?: () => ColumnId;
  /** Types a client has already given to its parameters. */
  readonly parameterTypes?: readonly SqlType[];
}

/**
 * Parses and binds one SELECT.
 * @throws CausewayError with PostgreSQL's SQLSTATE, message and a position: 42601 syntax, 42P01 table, 42703 column,
 *   42702 ambiguous name, 42883 function or operator, 42804 type mismatch …
 */
export async function bindSelect(text: string, scope: BindScope, options: BindOptions = {}): Promise<BoundSelect> {
  return bind(text, scope, { ...options, nextId: options.nextId ?? columnIds() });
}

type Options = BindOptions & Required<Pick<BindOptions, 'nextId'>>;

async function bind(text: string, scope: BindScope, options: Options): Promise<BoundSelect> {
  try {
    const { select, locate } = parseSelect(text, options.at);
    const relations = await loadRelations(select, locate, scope);
    return bindDirectly(select, locate, scope, relations, options);
  } catch (thrown) {
    const error = thrown instanceof NotModelled ? thrown.error : thrown;
    const unparsed = error instanceof CausewayError && error.sqlstate === SQLSTATE.syntaxError;
    if (!(thrown instanceof NotModelled || unparsed) || scope.longWay === undefined) throw error;
    return theLongWay(versionsAsNames(text), scope, scope.longWay, options, error as CausewayError);
  }
}

function bindDirectly(
  select: SelectStmt,
  locate: Locate,
  scope: BindScope,
  relations: StatementContext['relations'],
  options: Options,
): BoundSelect {
  const level = topLevel(locate, scope, relations, options);
  const { plan, columns } = bindQuery(select, level);
  return { plan, columns, parameters: parameterList(level.statement.parameters) };
}

function topLevel(
  locate: Locate,
  scope: BindScope,
  relations: StatementContext['relations'],
  { nextId, parameterTypes = [] }: Options,
): Level {
  const statement: StatementContext = {
    scope,
    nextId,
    relations,
    parameters: new Map(parameterTypes.map((type, i) => [i + 1, type])),
    cteNames: tableNames(relations),
  };
  return { statement, locate, parent: undefined, ctes: new Map(), namespace: EMPTY, clause: 'SELECT', bindQuery };
}

/** In some dialects a CTE hides the table of its name even inside of its own definition. */
function tableNames(relations: StatementContext['relations']): Set<string> {
  const names = new Set<string>();
  for (const relation of relations.values()) {
    if (relation.kind === 'table') names.add(relation.table.table.toLowerCase());
    if (relation.kind === 'federated') for (const { table } of relation.members) names.add(table.table.toLowerCase());
  }
  return names;
}

function parameterList(types: ReadonlyMap<number, SqlType>): readonly SqlType[] {
  const count = Math.max(0, ...types.keys());
  return Array.from({ length: count }, (_, i) => types.get(i + 1) ?? ({ kind: 'unknown' } as const));
}

/**
 * The text as it stands, for the mediator, over the relations it reads (docs/design.md §1).
 * @throws the error of the direct way when the mediator cannot make sense of the text either
 */
async function theLongWay(
  text: string,
  scope: BindScope,
  longWay: NonNullable<BindScope['longWay']>,
  options: Options,
  direct: CausewayError,
): Promise<BoundSelect> {
  const names = await longWay.tables(text);
  if (names === undefined) throw direct;
  const plans = await Promise.all(names.map((name) => inputOf(name, scope, options, direct)));
  const known = mediatorNames(names);
  const inputs = plans.map((plan, i) => ({ name: known[i]!, plan }));
  const mediatorText = renameRelations(text, names);
  const described = inputs.map(({ name, plan }) => ({ name, columns: plan.columns }));
  let answer: Awaited<ReturnType<LongWay['describe']>>;
  try {
    answer = await longWay.describe(mediatorText, described, options.parameterTypes);
  } catch {
    throw direct;
  }
  const output = answer.columns.map(({ name, type }) => ({ id: options.nextId(), name, type }));
  const { texts, indexes } = parameterPlaces(mediatorText);
  const plan = node({
    kind: 'mediator-query',
    texts,
    values: indexes.map((index) => ({ kind: 'parameter', index, type: answer.parameters[index - 1]! })),
    inputs: inputs.map((input) => input.plan),
    names: inputs.map((input) => input.name),
    columns: output,
  });
  return { plan, columns: output, parameters: answer.parameters };
}

async function inputOf(
  { schema, name }: RelationName,
  scope: BindScope,
  options: Options,
  direct: CausewayError,
): Promise<RelationalNode> {
  const range = { relname: name, ...(schema === undefined ? {} : { schemaname: schema }) };
  const nowhere: Locate = () => direct.position;
  const select: SelectStmt = { fromClause: [{ RangeVar: range }] };
  const relations = await loadRelations(select, nowhere, scope);
  return relationPlan(range, topLevel(nowhere, scope, relations, options)).plan;
}
