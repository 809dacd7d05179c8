/** The engine as the endpoint sees it: its sessions, and its catalog as schemas that clients browse. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TableInfo } from '../../connectors/connector.ts';
import type { Engine } from '../engine/engine.ts';
import { schemaOf } from '../engine/schema-of.ts';
import type { Session } from '../engine/session.ts';
import { SYSTEM_TABLES } from '../engine/system-tables.ts';
import { scalar } from '../plan/types.ts';
import { quoteIdentifier } from '../sql/lexer.ts';
import type {
  CatalogSnapshot,
  CatalogView,
  EndpointBackend,
  EndpointSession,
  ModelEntry,
  RoleEntry,
  SchemaEntry,
  TableEntry,
} from './backend.ts';

/** A silo that does not say within this time which tables it has keeps those it had until it does. */
const SILO_DEADLINE_MS = 3000;
const SILO_GIVEN_UP_MS = 60_000;
/** Silos change without telling: their tables are looked at again after this time. */
const LOOK_AGAIN_MS = 60_000;
/** More tables than this get no row estimates: each costs the silo a query. */
const MOST_ESTIMATES = 200;

export class EngineBackend implements EndpointBackend {
  readonly #engine: Engine;
  readonly catalog: CatalogView;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.catalog = new EngineCatalog(engine);
  }

  openSession(user: string): EndpointSession {
    const session: Session = this.#engine.openSession(user);
    return {
      execute: (text, options) => session.execute(text, options),
      describe: (text) => session.describe(text),
      set: (name, value) => session.settings.set(name, value),
      [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    };
  }
}

class EngineCatalog implements CatalogView {
  readonly #engine: Engine;
  readonly #tables = new Map<string, readonly TableInfo[]>();
  readonly #rows = new Map<string, number>();
  readonly #estimating = new Set<string>();
  #learned = 0;
  #lookedAt = Date.now();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get version(): number {
    if (Date.now() - this.#lookedAt > LOOK_AGAIN_MS) {
      this.#lookedAt = Date.now();
      void this.#lookAgain();
    }
    return this.#engine.version + this.#learned;
  }

  /** Nobody waits for it: until the silos have answered, what is known of them holds. */
  async #lookAgain(): Promise<void> {
    for (const { name } of this.#engine.catalog.silos.list()) {
      const before = JSON.stringify(this.#tables.get(name) ?? []);
      if (JSON.stringify(await this.#tablesOf(name)) !== before) this.#learned++;
    }
  }

  async snapshot(): Promise<CatalogSnapshot> {
    const { silos } = this.#engine.catalog;
    const perSilo = await Promise.all(silos.list().map(({ name }) => this.#silo(name)));
    const system: SchemaEntry = {
      name: 'causeway',
      comment: 'What Causeway knows: silos, models, jobs, egress',
      tables: Object.entries(SYSTEM_TABLES).map(([name, { columns }]) => ({
        name,
        kind: 'table',
        columns: columns.map((column) => ({ ...column, nullable: true })),
      })),
    };
    const own: SchemaEntry = { name: 'public', tables: [...this.#federated(), ...(await this.#views())] };
    return { schemas: [...perSilo.flat(), own, system], models: this.#models(), roles: this.#roles() };
  }

  /** A silo's schemas: its first under the silo's name, `sales` as `silo__sales`. */
  async #silo(silo: string): Promise<SchemaEntry[]> {
    const tables = await this.#tablesOf(silo);
    void this.#estimate(silo, tables);
    const schemaName = (schema: string | undefined) => schemaOf(silo, schema);
    const schemas = new Map<string, TableEntry[]>([[silo, []]]);
    for (const { table, schema, columns, kind, primaryKey, foreignKeys, comment } of tables) {
      const name = schemaName(schema);
      const entries = schemas.get(name) ?? [];
      schemas.set(name, entries);
      const rows = this.#rows.get(`${name}.${table}`);
      entries.push({
        name: table,
        kind,
        columns,
        ...(primaryKey === undefined ? {} : { primaryKey }),
        ...(comment === undefined ? {} : { comment }),
        ...(rows === undefined ? {} : { rows }),
        ...(foreignKeys === undefined
          ? {}
          : {
              foreignKeys: foreignKeys.map((key) => ({
                ...key,
                references: { ...key.references, schema: schemaName(key.references.schema) },
              })),
            }),
      });
    }
    return [...schemas].map(([name, entries]) => ({ name, tables: entries }));
  }

  /** As of now, or as of the last time the silo answered. */
  async #tablesOf(silo: string): Promise<readonly TableInfo[]> {
    const late = sleep(SILO_DEADLINE_MS, 'late' as const, { ref: false });
    const asked = this.#engine.silos.tables(silo, AbortSignal.timeout(SILO_GIVEN_UP_MS)).catch(() => undefined);
    const tables = await Promise.race([asked, late]);
    if (tables === 'late') {
      // Nobody waits any longer, but what comes still shows.
      void asked.then((found) => {
        if (found === undefined) return;
        this.#tables.set(silo, found);
        this.#learned++;
      });
    } else if (tables !== undefined) this.#tables.set(silo, tables);
    return this.#tables.get(silo) ?? [];
  }

  /** Row estimates come later, from the silo's own statistics: nobody waits for them. */
  async #estimate(silo: string, tables: readonly TableInfo[]): Promise<void> {
    if (this.#estimating.has(silo) || tables.length === 0 || tables.length > MOST_ESTIMATES) return;
    this.#estimating.add(silo);
    const { silo: open } = await this.#engine.silos.open(silo);
    for (const { schema, table } of tables) {
      const name = schema === undefined ? { table } : { schema, table };
      const found = await open.statistics(name, AbortSignal.timeout(SILO_DEADLINE_MS)).catch(() => undefined);
      if (found !== undefined) this.#rows.set(`${schemaOf(silo, schema)}.${table}`, found.rows);
    }
    this.#learned++;
  }

  #federated(): TableEntry[] {
    return this.#engine.catalog.federatedTables.list().flatMap(({ name, members }): TableEntry[] => {
      const [first] = members;
      const shape = this.#tables.get(first?.silo ?? '')?.find(({ table }) => table === first?.table);
      if (shape === undefined) return [];
      const rows = members.map(({ silo, table }) => this.#rows.get(`${silo}.${table}`));
      const total = rows.every((count) => count !== undefined)
        ? rows.reduce((sum, count) => sum + count, 0)
        : undefined;
      return [
        {
          name,
          kind: 'table',
          columns: [{ name: 'silo', type: scalar('text'), nullable: false }, ...shape.columns],
          comment: `federated over ${members.map(({ silo, table }) => `${silo}.${table}`).join(', ')}`,
          ...(total === undefined ? {} : { rows: total }),
        },
      ];
    });
  }

  async #views(): Promise<TableEntry[]> {
    await using session = this.#engine.openSession();
    const entries: TableEntry[] = [];
    for (const { name } of this.#engine.catalog.views.list()) {
      // A view over what is gone cannot be read, and is not shown.
      const described = await session.describe(`SELECT * FROM public.${quoteIdentifier(name)}`).catch(() => undefined);
      const columns = described?.columns.map((column) => ({ name: column.name, type: column.type, nullable: true }));
      if (columns !== undefined) entries.push({ name, kind: 'view', columns });
    }
    return entries;
  }

  #roles(): RoleEntry[] {
    const { roles, policies } = this.#engine.catalog;
    const grants = roles.grants();
    const memberships = roles.memberships();
    const restrictions = policies.restrictions();
    return roles.list().map(({ name, login, superuser }) => ({
      name,
      login,
      superuser,
      memberOf: memberships.filter(({ member }) => member === name).map(({ role }) => role),
      tables: grants
        .filter(({ role, privilege, object }) => role === name && privilege === 'select' && object.kind === 'table')
        .map(({ object }) => object.name),
      hidden: restrictions.flatMap(({ role, rule, silo, schema, table }) =>
        role === name && rule.kind === 'hide'
          ? rule.columns.map((column) => `${schemaOf(silo, schema)}.${table}.${column}`)
          : [],
      ),
    }));
  }

  #models(): ModelEntry[] {
    return this.#engine.catalog.models.list().map(({ model, version, signature }) => ({
      name: model,
      features: signature.features.map(({ name, type }) => ({ name, type })),
      outputs: signature.targets.map((target) => ({
        name: `predicted_${signature.features[target]!.name}`,
        type: scalar('double'),
      })),
      comment: `version ${version}; ask it with ml.predict('${model}', (SELECT …)) or ml.forecast('${model}')`,
    }));
  }
}
