/** What names mean to a session: silos are schemas; federated tables and views live in `public`; ours in `causeway`. */
import type { TableInfo } from '../../connectors/connector.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import { quoteIdentifier } from '../sql/lexer.ts';
import { requireReading } from '../sql/native-query.ts';
import type { BindScope, LongWay, Relation } from '../sql/select/scope.ts';
import { splitVersion } from '../sql/select/time-travel.ts';
import type { Engine } from './engine.ts';
import type { Restrictions } from './planning/restrictions.ts';
import { inSilo } from './silo-pool.ts';
import { SYSTEM_TABLES } from './system-tables.ts';

export interface NameRules {
  /** Schemas in which a name without one is looked up, in this order. */
  readonly searchPath: readonly string[];
  /** Throws unless the session's user may read the relation. */
  readonly require: (schema: string, name: string) => void;
  /** What its user sees of silos' tables. */
  readonly restrictions: Restrictions;
}

/**
 * @param modelFunction how `ml.…` in FROM is bound, see model-functions.ts
 */
export function engineScope(
  engine: Engine,
  signal: AbortSignal,
  modelFunction: NonNullable<BindScope['modelFunction']>,
  longWay: LongWay,
  { searchPath, require, restrictions }: NameRules,
): BindScope {
  return {
    async relation({ schema, name }) {
      for (const candidate of schema === undefined ? searchPath : [schema]) {
        const found = await (candidate === 'public'
          ? inPublic(engine, name, signal)
          : inSchema(engine, candidate, name, signal));
        if (found === undefined) continue;
        // Who may read a table may read its past.
        require(candidate, found.kind === 'table' && found.table.version !== undefined
          ? splitVersion(name).table
          : name);
        return restrictions.of(found);
      }
      return undefined;
    },
    relationNames: () => allNames(engine, signal),
    async describeNative(silo, text) {
      if (engine.catalog.silos.get(silo) === undefined) return undefined;
      // A native query may read any table of the silo.
      require(silo, '*');
      restrictions.requireWhole(silo);
      const { connector, silo: open } = await engine.silos.open(silo);
      requireReading(silo, text, connector.capabilities.dialect?.name ?? connector.kind);
      return open.describe?.(text, signal);
    },
    modelFunction,
    longWay,
  };
}

/** The schemas of a `search_path` setting, as it was written; `$user` names nothing here. */
export function parseSearchPath(value: string | undefined): readonly string[] {
  if (value === undefined) return ['public'];
  return value
    .split(',')
    .map((item) => item.trim())
    .map((item) => (item.startsWith('"') ? item.slice(1, -1).replaceAll('""', '"') : item.toLowerCase()))
    .filter((item) => item !== '$user' && item !== '');
}

async function inPublic(engine: Engine, name: string, signal: AbortSignal): Promise<Relation | undefined> {
  const { federatedTables, views } = engine.catalog;
  const federated = federatedTables.get(name);
  if (federated !== undefined) {
    const members = await Promise.all(
      federated.members.map(async ({ silo, table }) => ({
        silo,
        table: await requireTable(engine, silo, table, signal),
      })),
    );
    return { kind: 'federated', members };
  }
  const view = views.get(name);
  return view === undefined ? undefined : { kind: 'view', text: view.query };
}

async function inSchema(
  engine: Engine,
  schema: string,
  name: string,
  signal: AbortSignal,
): Promise<Relation | undefined> {
  if (schema === 'causeway') {
    const table = Object.hasOwn(SYSTEM_TABLES, name) ? SYSTEM_TABLES[name] : undefined;
    return table === undefined ? undefined : { kind: 'memory', name: `causeway.${name}`, columns: table.columns };
  }
  // `berlin__sales.orders` is the schema `sales` of the silo `berlin` (docs/design.md §4).
  const [silo = schema, remoteSchema] = engine.catalog.silos.get(schema) === undefined ? schema.split('__') : [schema];
  if (engine.catalog.silos.get(silo) === undefined) return undefined;
  const table =
    (await findTable(engine, silo, name, signal, remoteSchema)) ??
    (await findState(engine, silo, name, signal, remoteSchema));
  if (table?.unreadable !== undefined) {
    const { sqlstate, message, hint } = table.unreadable;
    throw new CausewayError(sqlstate, `silo "${silo}": ${message}`, { silo, ...(hint === undefined ? {} : { hint }) });
  }
  return table === undefined ? undefined : { kind: 'table', silo, table };
}

/** `table@version`: a table as it was. @throws CausewayError 0A000 for a silo that keeps no states of the past */
async function findState(
  engine: Engine,
  silo: string,
  name: string,
  signal: AbortSignal,
  schema?: string,
): Promise<TableInfo | undefined> {
  const { table, version } = splitVersion(name);
  if (version === undefined) return undefined;
  const found = await findTable(engine, silo, table, signal, schema);
  if (found === undefined) return undefined;
  const { silo: open } = await engine.silos.open(silo);
  if (open.tableAt !== undefined) {
    const info = await open.tableAt(found, version, signal).catch((thrown) => {
      throw inSilo(silo, thrown);
    });
    return { ...info, version };
  }
  throw new CausewayError(SQLSTATE.featureNotSupported, `silo "${silo}" keeps no states of the past of "${table}"`, {
    silo,
    hint: 'FOR VERSION AS OF reads Delta Lake and Iceberg tables.',
  });
}

/** Exact, else without regard to case when that names one table only. */
async function findTable(
  engine: Engine,
  silo: string,
  name: string,
  signal: AbortSignal,
  schema?: string,
): Promise<TableInfo | undefined> {
  const tables = (await engine.silos.tables(silo, signal)).filter((info) => info.schema === schema);
  const exact = tables.find((info) => info.table === name);
  if (exact !== undefined) return exact;
  const folded = tables.filter((info) => info.table.toLowerCase() === name.toLowerCase());
  return folded.length === 1 ? folded[0] : undefined;
}

async function requireTable(engine: Engine, silo: string, name: string, signal: AbortSignal): Promise<TableInfo> {
  const found = await findTable(engine, silo, name, signal);
  if (found !== undefined) return found;
  // The silo may have gained the table, or lost it, since its tables were read.
  engine.silos.forgetTables(silo);
  const again = await findTable(engine, silo, name, signal);
  if (again !== undefined) return again;
  throw new CausewayError(SQLSTATE.undefinedTable, `silo "${silo}" has no table "${name}" any more`, {
    silo,
    hint: 'DROP FEDERATED TABLE and create it anew with the tables that are left.',
  });
}

async function allNames(engine: Engine, signal: AbortSignal): Promise<string[]> {
  const { silos, federatedTables, views } = engine.catalog;
  const perSilo = await Promise.all(
    silos.list().map(async ({ name }) => {
      // A silo that does not answer now has no names to offer; the statement's own error is the one to show.
      const tables = await engine.silos.tables(name, signal).catch(() => []);
      return tables.map((info) => `${spelled(name)}.${spelled(info.table)}`);
    }),
  );
  return [
    ...federatedTables.list().map(({ name }) => spelled(name)),
    ...views.list().map(({ name }) => spelled(name)),
    ...perSilo.flat(),
    ...Object.keys(SYSTEM_TABLES).map((name) => `causeway.${name}`),
  ];
}

const spelled = (name: string): string => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : quoteIdentifier(name));
