/** Rows into a table by INSERT … VALUES, many rows a statement, all or nothing. */
import type { RecordBatch } from 'apache-arrow';
import { throwIfAborted } from '../src/plan/errors.ts';
import type { SqlType, TypeKind } from '../src/plan/types.ts';
import type { ResultColumn, WriteRequest } from './connector.ts';
import { type Declarations, declarationOf } from './declared-types.ts';
import { quoteLiteral } from './quoting.ts';
import { batchTexts } from './row-text.ts';

/** How a kind of silo is written to. */
export interface TableWriting {
  readonly declarations: Declarations;
  /** What follows the columns of CREATE TABLE. */
  readonly tableOptions?: string;
  /** The statement that begins a transaction; START TRANSACTION when absent. */
  readonly begin?: string;
  /** True where CREATE TABLE ends a transaction: the table is dropped when its rows fail. */
  readonly createCommits?: true;
  /** Literals that are not the quoted text; booleans and bytes have theirs. */
  readonly literals?: Readonly<Partial<Record<TypeKind, (text: string) => string>>>;
}

/** Rows and characters of one statement: Snowflake takes 16,384 rows and a megabyte at most, others more. */
const MOST_ROWS = 1000;
const MOST_CHARACTERS = 512 * 1024;

/**
 * Creates the table or appends to it, inside of a transaction that the caller ends by closing the connection when this throws.
 * @param run runs a statement on the one connection
 * @param created called once a table was made that no rollback takes away
 * @returns the number of rows written.
 */
export async function insertRows(
  run: (text: string) => Promise<void>,
  identifier: (name: string) => string,
  { table, columns, batches, mode }: WriteRequest,
  writing: TableWriting,
  created: () => void,
  signal: AbortSignal,
): Promise<number> {
  const name = identifier(table.table);
  const create = async () => {
    const definitions = columns.map(
      (column) => `${identifier(column.name)} ${declarationOf(writing.declarations, column.type)}`,
    );
    await run(`CREATE TABLE ${name} (${definitions.join(', ')})${writing.tableOptions ?? ''}`);
  };
  if (mode === 'create' && writing.createCommits) {
    await create();
    created();
  }
  await run(writing.begin ?? 'START TRANSACTION');
  if (mode === 'create' && !writing.createCommits) await create();
  const names = columns.map((column) => identifier(column.name)).join(', ');
  let rows = 0;
  for await (const batch of batches) {
    for (const values of valueLists(batch, columns, (text, type) => literalOf(text, type, writing))) {
      throwIfAborted(signal);
      await run(`INSERT INTO ${name} (${names}) VALUES ${values}`);
    }
    rows += batch.numRows;
  }
  await run('COMMIT');
  return rows;
}

function literalOf(text: string, type: SqlType, { literals }: TableWriting): string {
  const special = literals?.[type.kind];
  if (special !== undefined) return special(text);
  if (type.kind === 'boolean') return text === 't' ? '1' : '0';
  return type.kind === 'bytea' ? `X'${text.slice(2)}'` : quoteLiteral(text);
}

/**
 * A batch's rows as lists of VALUES, each short enough for one statement.
 * @param literal a value that is not NULL, given in PostgreSQL's text form
 */
export function* valueLists(
  batch: RecordBatch,
  columns: readonly ResultColumn[],
  literal: (text: string, type: SqlType) => string,
): Generator<string> {
  const texts = batchTexts(batch, columns);
  let rows: string[] = [];
  let characters = 0;
  for (let row = 0; row < batch.numRows; row++) {
    const values = columns.map(({ type }, i) => {
      const text = texts[i]!(row);
      return text === null ? 'NULL' : literal(text, type);
    });
    rows.push(`(${values.join(', ')})`);
    characters += rows.at(-1)!.length;
    if (rows.length < MOST_ROWS && characters < MOST_CHARACTERS && row + 1 < batch.numRows) continue;
    yield rows.join(', ');
    rows = [];
    characters = 0;
  }
}
