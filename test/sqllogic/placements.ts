/**
 * Where a file's tables live. The answer must not depend on it (docs/design.md §11).
 *
 * Statements that write run in one PostgreSQL, the original. Placements that keep tables elsewhere copy them from there
 * before the next query; `one-silo` and `pushdown-off` read the original itself.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connector, Silo, TableInfo } from '../../connectors/connector.ts';
import { duckdb } from '../../connectors/duckdb/connector.ts';
import { postgres } from '../../connectors/postgres/connector.ts';
import { batchTexts } from '../../connectors/row-text.ts';
import { Mediator } from '../../operators/mediator/mediator.ts';
import type { OptimizerContext } from '../../optimizer/context.ts';
import { optimize } from '../../optimizer/optimize.ts';
import { Admission } from '../../src/engine/execution/admission.ts';
import { execute } from '../../src/engine/execution/execute.ts';
import { quoteIdentifier } from '../../src/sql/lexer.ts';
import { bindSelect } from '../../src/sql/select/bind.ts';
import type { BindScope, Relation } from '../../src/sql/select/scope.ts';
import { type PostgresServer, testDatabase } from '../servers/postgres.ts';
import type { Row } from './compare.ts';
import type { Target } from './suite.ts';

/** one silo · tables in turn in silos of other kinds · nothing pushed · all at the mediator · random by seed */
export const PLACEMENTS = ['one-silo', 'spread', 'pushdown-off', 'mediator', 'random'] as const;
export type PlacementName = (typeof PLACEMENTS)[number];

/** A target whose tables are empty again after `reset`. */
export interface Placement extends Target, AsyncDisposable {
  reset(): Promise<void>;
  /** The tables as they stand, brought to where they live. */
  relations(): Promise<ReadonlyMap<string, Relation>>;
}

const signal = new AbortController().signal;

interface Place {
  readonly connector: Connector;
  readonly silo: Silo;
}

/** Opens a placement on a database of its own. `seed` decides where tables go in `random`. */
export async function openPlacement(server: PostgresServer, name: PlacementName, seed = 1): Promise<Placement> {
  await using opening = new AsyncDisposableStack();
  const original = opening.use(await testDatabase(server));
  const directory = await mkdtemp(join(tmpdir(), 'causeway-sqllogic-'));
  opening.defer(() => rm(directory, { recursive: true, force: true }));
  const mediator = opening.use(await Mediator.open());
  const open = async (connector: Connector, options: Record<string, string>): Promise<Place> => ({
    connector,
    silo: opening.use(await connector.connect(options, signal)),
  });
  const source = await open(postgres, { url: original.url, connections: '4' });
  const places = new Map<string, Place>([['postgres', source]]);
  if (name !== 'one-silo' && name !== 'pushdown-off') {
    places.set('duckdb', await open(duckdb, { path: join(directory, 'one.duckdb'), create: 'true' }));
  }
  if (name === 'spread' || name === 'random') {
    const other = opening.use(await testDatabase(server));
    places.set('postgres2', await open(postgres, { url: other.url, connections: '4' }));
    places.set('duckdb2', await open(duckdb, { path: join(directory, 'two.duckdb'), create: 'true' }));
  }
  const homes = [...places.keys()];
  const draw = random(seed);
  const homeOf = (index: number): string => {
    if (name === 'mediator') return 'duckdb';
    if (name === 'spread') return homes[index % homes.length]!;
    return name === 'random' ? homes[Math.floor(draw() * homes.length)]! : 'postgres';
  };

  const context: OptimizerContext = {
    silos: new Map(
      [...places].map(([key, { connector, silo }]) => [
        key,
        { capabilities: connector.capabilities, context: silo.context },
      ]),
    ),
    pushdown: name === 'pushdown-off' ? 'off' : 'on',
  };
  const admission = new Admission(4);
  const views = new Map<string, Relation>();
  /** Undefined when a statement has run since the tables were last looked at. */
  let tables: ReadonlyMap<string, Relation> | undefined;
  const copied = new Map<string, string>();

  const relations = async (): Promise<ReadonlyMap<string, Relation>> => {
    tables ??= await place();
    return new Map([...tables, ...views]);
  };

  const place = async (): Promise<ReadonlyMap<string, Relation>> => {
    await removeCopies();
    const placed = new Map<string, Relation>();
    const keys = new Map<string, readonly string[]>();
    for (const [index, table] of (await source.silo.tables(signal)).filter(({ kind }) => kind === 'table').entries()) {
      const home = homeOf(index);
      if (home !== 'postgres') await copy(source.silo, places.get(home)!.silo, table);
      copied.set(table.table, home);
      if (table.primaryKey !== undefined) keys.set(table.table, table.primaryKey);
      placed.set(table.table, { kind: 'table', silo: home, table });
    }
    for (const [home, { silo }] of places) {
      if (home === 'postgres') continue;
      for (const table of await silo.tables(signal)) {
        // Copies carry rows only; the key is the original's.
        const primaryKey = keys.get(table.table);
        const copy = primaryKey === undefined ? table : { ...table, primaryKey };
        placed.set(table.table, { kind: 'table', silo: home, table: copy });
      }
    }
    return placed;
  };

  const removeCopies = async (): Promise<void> => {
    for (const [table, home] of copied) {
      if (home !== 'postgres') await places.get(home)!.silo.execute!(`DROP TABLE ${quoteIdentifier(table)}`, signal);
    }
    copied.clear();
  };

  const query = async (sql: string): Promise<readonly Row[]> => {
    const known = await relations();
    const scope: BindScope = {
      relation: (relation) => known.get(relation.name),
      relationNames: () => [...known.keys()],
    };
    const { plan, columns } = await bindSelect(sql, scope);
    const { batches } = execute(
      optimize(plan, context),
      { silo: async (key) => places.get(key)!.silo, mediator, admission, optimizer: context },
      signal,
    );
    const rows: Row[] = [];
    for await (const batch of batches) {
      const texts = batchTexts(batch, columns);
      for (let row = 0; row < batch.numRows; row++) rows.push(texts.map((text) => text(row)));
    }
    return rows;
  };

  const closing = opening.move();
  return {
    query,
    relations,
    async statement(sql) {
      const view = VIEW.exec(sql);
      if (view !== null) {
        const columns = view[2] === undefined ? {} : { columns: view[2].split(',').map((column) => column.trim()) };
        views.set(view[1]!.toLowerCase(), { kind: 'view', text: view[3]!, ...columns });
      }
      const dropped = DROP_VIEW.exec(sql);
      if (dropped !== null) views.delete(dropped[1]!.toLowerCase());
      tables = undefined;
      // The silos are reached by other connections, which see no temporary tables.
      await original.client.query(sql.replace(/^(\s*create\s+)temp(?:orary)?\s/i, '$1'));
    },
    async reset() {
      await removeCopies();
      views.clear();
      tables = undefined;
      await original.client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

const VIEW =
  /^\s*create\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+)?view\s+"?(\w+)"?\s*(?:\(([^)]*)\))?\s+as\s+([\s\S]*?);?\s*$/i;
const DROP_VIEW = /^\s*drop\s+view\s+(?:if\s+exists\s+)?"?(\w+)/i;

async function copy(from: Silo, to: Silo, table: TableInfo): Promise<void> {
  const { columns } = table;
  const names = columns.map((column) => quoteIdentifier(column.name)).join(', ');
  const text = `SELECT ${names} FROM ${quoteIdentifier(table.table)}`;
  const result = await from.run({ kind: 'sql', text, columns }, signal);
  if (result.kind !== 'batches') throw new Error('the original answers with batches');
  await to.write!({ table: { table: table.table }, columns, batches: result.batches, mode: 'create' }, signal);
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
