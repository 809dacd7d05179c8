/**
 * Where a file's tables live. The answer must not depend on it (docs/design.md §11). Queries go through a session, as a
 * user's do.
 *
 * Statements that write run in one PostgreSQL, the original. Placements that keep tables elsewhere copy them from there
 * before the next query; `one-silo` and `pushdown-off` read the original itself.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BatchResult, Connector, TableInfo } from '../../connectors/connector.ts';
import { quoteIdentifier } from '../../connectors/quoting.ts';
import { connectorOf } from '../../connectors/registry.ts';
import { Engine } from '../../src/engine/engine.ts';
import { sameType } from '../../src/plan/types.ts';
import type { MariadbServer } from '../servers/mariadb.ts';
import { type PostgresServer, testDatabase } from '../servers/postgres.ts';
import { run } from '../support/federation.ts';
import type { Row } from './compare.ts';
import { duckdbHome, filesHome, type Home, mysqlHome, postgresHome, type Surroundings, sqliteHome } from './homes.ts';
import type { Target } from './suite.ts';

/** one silo · every table in another silo of another kind · nothing pushed · all at the mediator · random by seed */
export const PLACEMENTS = ['one-silo', 'spread', 'pushdown-off', 'mediator', 'random'] as const;
export type PlacementName = (typeof PLACEMENTS)[number];

/** A target whose tables are empty again after `reset`. */
export interface Placement extends Target, AsyncDisposable {
  reset(): Promise<void>;
  /** How many tables each silo held so far, by its name. */
  readonly held: ReadonlyMap<string, number>;
}

export interface PlacementOptions {
  /** Decides where tables go in `random`. */
  readonly seed?: number;
  /** A server for the silo of the kind mysql; without it there is none. */
  readonly mariadb?: MariadbServer | undefined;
}

const signal = new AbortController().signal;

/** The silo of the original. */
const ORIGINAL = 'postgres';

/** Opens a placement on a database of its own. */
export async function openPlacement(
  server: PostgresServer,
  name: PlacementName,
  { seed = 1, mariadb }: PlacementOptions = {},
): Promise<Placement> {
  await using opening = new AsyncDisposableStack();
  const original = opening.use(await testDatabase(server));
  const directory = await mkdtemp(join(tmpdir(), 'causeway-sqllogic-'));
  opening.defer(() => rm(directory, { recursive: true, force: true }));
  const closing = opening.use(new AsyncDisposableStack());
  const keys = new Map<string, readonly string[]>();
  const kinds = ['postgres', 'duckdb', 'sqlite', 'files', 'mysql'];
  const connectors = Object.fromEntries(
    await Promise.all(kinds.map(async (kind) => [kind, withKeys(await connectorOf(kind), keys)] as const)),
  );
  const engine = opening.use(await Engine.open({ directory: join(directory, 'catalog'), connectors }));
  const homes = await homesOf(name, { engine, directory, closing }, server, mariadb);
  const session = engine.openSession();
  const definitions = [
    { name: ORIGINAL, kind: 'postgres', options: { url: original.url, connections: '4' } },
    ...homes,
  ];
  for (const { name: silo, kind, options } of definitions) {
    const given = Object.entries(options).map(([option, value]) => `${option} '${value.replaceAll("'", "''")}'`);
    await run(session, `CREATE SILO ${silo} USING ${kind} OPTIONS (${given.join(', ')})`);
  }
  // A copy is found before its original, and a view of the session before the original's.
  session.settings.set('search_path', ['public', ...homes.map((home) => home.name), ORIGINAL].join(', '));
  if (name === 'pushdown-off') session.settings.set('causeway.pushdown', 'off');

  const draw = random(seed);
  /** The homes of a table in order of preference; none: it stays where it is. */
  const homesFor = (index: number): readonly Home[] => {
    if (homes.length === 0) return [];
    const first = name === 'random' ? Math.floor(draw() * (homes.length + 1)) : index % homes.length;
    return first === homes.length ? [] : [...homes.slice(first), ...homes.slice(0, first)];
  };

  /** True while the copies are what the original holds. */
  let placed = true;
  const copies = new Map<string, Home>();
  const held = new Map<string, number>();
  const { silo: source } = await engine.silos.open(ORIGINAL);

  const place = async (): Promise<void> => {
    if (placed) return;
    await removeCopies();
    engine.silos.forgetTables(ORIGINAL);
    const tables = (await source.tables(signal)).filter(({ kind, schema }) => kind === 'table' && schema === undefined);
    for (const [index, table] of tables.entries()) {
      if (table.primaryKey !== undefined) keys.set(table.table, table.primaryKey);
      const home = await firstThatHolds(table, homesFor(index));
      if (home !== undefined) copies.set(table.table, home);
      const at = home?.name ?? ORIGINAL;
      held.set(at, (held.get(at) ?? 0) + 1);
    }
    placed = true;
  };

  /** A home that has no word for one of the table's types is passed over: the answer would be another type's. */
  const firstThatHolds = async (table: TableInfo, candidates: readonly Home[]): Promise<Home | undefined> => {
    for (const home of candidates) {
      try {
        await home.put(table.table, await rowsOf(table));
      } catch {
        continue;
      }
      engine.silos.forgetTables(home.name);
      const copy = (await engine.silos.tables(home.name, signal)).find((each) => each.table === table.table);
      if (copy !== undefined && table.columns.every(({ type }, i) => sameType(type, copy.columns[i]!.type)))
        return home;
      await home.drop(table.table);
      engine.silos.forgetTables(home.name);
    }
    return undefined;
  };

  const rowsOf = async ({ table, columns }: TableInfo): Promise<BatchResult> => {
    const names = columns.map((column) => quoteIdentifier(column.name)).join(', ');
    const text = `SELECT ${names} FROM ${quoteIdentifier(table)}`;
    const result = await source.run({ kind: 'sql', text, columns }, signal);
    if (result.kind !== 'batches') throw new Error('the original answers with batches');
    return result;
  };

  const removeCopies = async (): Promise<void> => {
    for (const [table, home] of copies) await home.drop(table);
    for (const home of homes) engine.silos.forgetTables(home.name);
    copies.clear();
    keys.clear();
  };

  const ending = opening.move();
  return {
    held,
    async query(sql): Promise<readonly Row[]> {
      await place();
      return run(session, sql);
    },
    async statement(sql) {
      placed = false;
      // The silos are reached by other connections, which see no temporary tables.
      const lasting = sql.replace(/^(\s*create\s+(?:or\s+replace\s+)?)temp(?:orary)?\s/i, '$1');
      await original.client.query(lasting);
      if (!VIEW.test(lasting)) return;
      await place();
      await run(session, lasting);
    },
    async reset() {
      await removeCopies();
      for (const { name: view } of engine.catalog.views.list()) engine.catalog.views.remove(view);
      await original.client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
      placed = false;
    },
    [Symbol.asyncDispose]: () => ending.disposeAsync(),
  };
}

const VIEW = /^\s*(?:create\s+(?:or\s+replace\s+)?|drop\s+)view\s/i;

async function homesOf(
  name: PlacementName,
  around: Surroundings,
  server: PostgresServer,
  mariadb: MariadbServer | undefined,
): Promise<readonly Home[]> {
  if (name === 'one-silo' || name === 'pushdown-off') return [];
  if (name === 'mediator') return [duckdbHome(around, 'duckdb')];
  return [
    sqliteHome(around, 'sqlite'),
    await filesHome(around, 'files'),
    ...(mariadb === undefined ? [] : [await mysqlHome(around, 'mysql', mariadb)]),
    duckdbHome(around, 'duckdb'),
    await postgresHome(around, 'postgres2', server),
    ...(name === 'random' ? [duckdbHome(around, 'duckdb2')] : []),
  ];
}

/** The connector, whose tables have the originals' primary keys: copies carry rows only. */
function withKeys(connector: Connector, keys: ReadonlyMap<string, readonly string[]>): Connector {
  return {
    ...connector,
    async connect(options, abort) {
      const silo = await connector.connect(options, abort);
      const tables = silo.tables.bind(silo);
      silo.tables = async (stop) =>
        (await tables(stop)).map((info) => {
          const primaryKey = keys.get(info.table);
          return primaryKey === undefined ? info : { ...info, primaryKey };
        });
      return silo;
    },
  };
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
