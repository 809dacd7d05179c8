/** CREATE TABLE … AS and INSERT INTO … SELECT: the rows of a query into a table of a silo that can be written. */
import type { Silo, TableInfo } from '../../../connectors/connector.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { Column, Expression } from '../../plan/expressions.ts';
import { didYouMean } from '../../plan/nearest.ts';
import { node, type RelationalNode } from '../../plan/nodes.ts';
import { type SqlType, sameType } from '../../plan/types.ts';
import type { CreateTableAs, InsertInto } from '../../sql/statements/statement.ts';
import { type BoundQuery, bindQuery } from '../bind.ts';
import type { StatementResult } from '../result.ts';
import { done } from '../rows.ts';
import { runPlan } from '../run-plan.ts';
import type { StatementContext } from '../session.ts';
import { inSilo } from '../silo-pool.ts';

export async function createTableAs(statement: CreateTableAs, context: StatementContext): Promise<StatementResult> {
  const { silo, table, query, ifNotExists } = statement;
  const write = await writer(silo.value, context);
  const existing = await findTable(silo.value, table.value, context);
  if (existing !== undefined) {
    if (ifNotExists) return done('CREATE TABLE AS');
    throw new CausewayError(SQLSTATE.duplicateTable, `relation "${silo.value}.${table.value}" already exists`, {
      position: context.locate(table.offset),
    });
  }
  const bound = await bindQuery(query.text, context.locate(query.offset), context);
  // An untyped literal becomes text, as in PostgreSQL.
  const columns = bound.columns.map(({ name, type }) => ({
    name,
    type: type.kind === 'unknown' ? ({ kind: 'text' } as const) : type,
  }));
  await store(write, silo.value, table.value, 'create', cast(bound, columns), bound, context);
  return done('CREATE TABLE AS');
}

export async function insertInto(statement: InsertInto, context: StatementContext): Promise<StatementResult> {
  const { silo, table, query } = statement;
  const write = await writer(silo.value, context);
  const info = await findTable(silo.value, table.value, context);
  if (info === undefined) {
    const tables = (await context.engine.silos.tables(silo.value, context.signal)).map((each) => each.table);
    const hint = didYouMean(table.value, tables);
    throw new CausewayError(SQLSTATE.undefinedTable, `relation "${silo.value}.${table.value}" does not exist`, {
      position: context.locate(table.offset),
      ...(hint === undefined ? {} : { hint }),
    });
  }
  const bound = await bindQuery(query.text, context.locate(query.offset), context);
  const columns = targetColumns(statement, info, bound.columns.length, context);
  await store(write, silo.value, info.table, 'append', cast(bound, columns), bound, context);
  return done('INSERT');
}

/** The columns that the query's columns go to, by the list or by position. */
function targetColumns(
  { columns: listed, query }: InsertInto,
  info: TableInfo,
  width: number,
  context: StatementContext,
): { readonly name: string; readonly type: SqlType }[] {
  const named = listed?.map(({ value, offset }) => {
    const found = info.columns.find(({ name }) => name === value);
    if (found !== undefined) return found;
    const hint = didYouMean(
      value,
      info.columns.map(({ name }) => name),
    );
    throw new CausewayError(SQLSTATE.undefinedColumn, `column "${value}" of relation "${info.table}" does not exist`, {
      position: context.locate(offset),
      ...(hint === undefined ? {} : { hint }),
    });
  });
  const targets = named ?? info.columns.slice(0, width);
  if (targets.length === width) return targets;
  const more = targets.length < width ? 'more expressions than target columns' : 'more target columns than expressions';
  throw new CausewayError(SQLSTATE.syntaxError, `INSERT has ${more}`, { position: context.locate(query.offset) });
}

/** The query with its columns named and typed as the table's. */
function cast(
  { plan }: BoundQuery,
  columns: readonly { readonly name: string; readonly type: SqlType }[],
): RelationalNode {
  const output = columns.map(({ name, type }, i): Column => ({ id: -1 - i, name, type }));
  const expressions = plan.columns.map(({ id, type }, i): Expression => {
    const reference: Expression = { kind: 'column', id, type };
    const target = output[i]!.type;
    return sameType(type, target) ? reference : { kind: 'cast', operand: reference, type: target };
  });
  return node({ kind: 'project', input: plan, expressions, columns: output });
}

/** All or nothing: the connector keeps what it was given only when the query came to its end. */
async function store(
  write: NonNullable<Silo['write']>,
  silo: string,
  table: string,
  mode: 'create' | 'append',
  plan: RelationalNode,
  { run }: BoundQuery,
  { engine, signal }: StatementContext,
): Promise<void> {
  const { columns, batches } = await runPlan(plan, run);
  try {
    await write({ table: { table }, columns, batches, mode }, signal);
  } catch (thrown) {
    throw inSilo(silo, thrown);
  } finally {
    engine.silos.forgetTables(silo);
  }
  engine.changed();
}

async function writer(silo: string, { engine }: StatementContext): Promise<NonNullable<Silo['write']>> {
  const open = await engine.silos.open(silo);
  if (open.silo.write !== undefined) return open.silo.write.bind(open.silo);
  throw new CausewayError(SQLSTATE.featureNotSupported, `silo "${silo}" cannot be written`, {
    silo,
    hint: `Silos of kind ${open.connector.kind} are read only.`,
  });
}

async function findTable(
  silo: string,
  table: string,
  { engine, signal }: StatementContext,
): Promise<TableInfo | undefined> {
  const tables = await engine.silos.tables(silo, signal);
  return tables.find((info) => info.schema === undefined && info.table === table);
}
