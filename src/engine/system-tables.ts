/** The `causeway` schema: what the catalog knows, as tables, so that a BI tool can chart a training run. */
import type { ColumnInfo, ResultColumn, TableInfo } from '../../connectors/connector.ts';
import { MEDIATOR } from '../../optimizer/physical.ts';
import { allowanceText, recipientText } from '../plan/policy.ts';
import { ruleText } from '../plan/restriction.ts';
import { typeName } from '../plan/types.ts';
import type { Access } from './access.ts';
import type { Engine } from './engine.ts';
import { Restrictions } from './planning/restrictions.ts';
import { type Cell, columnsOf } from './rows.ts';
import { schemaOf } from './schema-of.ts';
import type { Settings } from './settings.ts';
import { redact } from './statements/silos.ts';
import { figuresOf } from './training/metrics.ts';
import { privacyAccounts } from './training/privacy-accounts.ts';

export interface SystemTable {
  readonly columns: readonly ResultColumn[];
  rows(
    engine: Engine,
    settings: Settings,
    signal: AbortSignal,
    access: Access,
  ): Promise<(readonly Cell[])[]> | (readonly Cell[])[];
}

export const SYSTEM_TABLES: Readonly<Record<string, SystemTable>> = {
  silos: {
    columns: columnsOf({ name: 'text', kind: 'text', options: 'text' }),
    rows: (engine) =>
      Promise.all(
        engine.catalog.silos.list().map(async ({ name, kind, options }) => {
          const { options: specs } = await engine.loadConnector(kind);
          return [name, kind, redact(options, specs)];
        }),
      ),
  },
  sites: {
    columns: columnsOf({
      site: 'text',
      observed: 'integer',
      statement_ms: 'double',
      mb_per_second: 'double',
      rows_read_per_second: 'double',
      rows_sent_per_second: 'double',
      training_gflops: 'double',
      price_per_gb: 'double',
      price_per_hour: 'double',
    }),
    rows({ catalog, planner }) {
      const perSecond = (seconds: number): number | null => (seconds > 0 ? 1 / seconds : null);
      return [MEDIATOR, ...catalog.silos.list().map(({ name }) => name)].map((site) => {
        const { flops, moneyPerByte, moneyPerSecond, seconds } = planner.model.profile(site);
        return [
          site,
          planner.model.observations(site),
          1000 * seconds.startup,
          perSecond(seconds.bytes * 1e6),
          perSecond(seconds.scanned),
          perSecond(seconds.produced),
          flops === undefined ? null : flops / 1e9,
          moneyPerByte * 1e9,
          moneyPerSecond * 3600,
        ];
      });
    },
  },
  tables: {
    columns: columnsOf({ silo: 'text', name: 'text', kind: 'text', columns: 'integer' }),
    async rows(engine, _settings, signal, access) {
      const tables = await visibleTables(engine, signal, access);
      const federated = engine.catalog.federatedTables.list().filter(({ name }) => access.mayRead('public', name));
      return [
        ...tables.map(({ silo, table, columns }) => [silo, table.table, table.kind, columns.length]),
        ...federated.map(({ name }) => [null, name, 'federated table', null]),
      ];
    },
  },
  policies: {
    columns: columnsOf({
      name: 'text',
      silo: 'text',
      table: 'text',
      allows: 'text',
      to: 'text',
      where: 'text',
      role: 'text',
    }),
    rows: ({ catalog: { policies } }) => [
      ...policies
        .list()
        .map(({ name, silo, table, allow, to, where, role }) => [
          name,
          silo,
          table,
          allowanceText(allow),
          recipientText(to),
          where ?? null,
          role ?? null,
        ]),
      ...policies
        .restrictions()
        .map(({ name, silo, table, rule, role }) => [
          name,
          silo,
          table,
          ruleText(rule),
          null,
          rule.kind === 'filter' ? rule.where : null,
          role,
        ]),
    ],
  },
  columns: {
    columns: columnsOf({
      silo: 'text',
      table: 'text',
      position: 'integer',
      name: 'text',
      type: 'text',
      nullable: 'boolean',
    }),
    async rows(engine, _settings, signal, access) {
      const tables = await visibleTables(engine, signal, access);
      return tables.flatMap(({ silo, table, columns }) =>
        columns.map((column) => [
          silo,
          table.table,
          table.columns.indexOf(column) + 1,
          column.name,
          typeName(column.type),
          column.nullable,
        ]),
      );
    },
  },
  models: {
    columns: columnsOf({
      name: 'text',
      version: 'integer',
      active: 'boolean',
      created_at: 'text',
      test_rmse: 'double',
      test_mae: 'double',
      test_accuracy: 'double',
      query: 'text',
    }),
    rows: ({ catalog }) =>
      catalog.models
        .list()
        .flatMap(({ model }) => catalog.models.versions(model))
        .map(({ model, version, active, createdAt, metrics, query }) => {
          // Of a model of several targets the first; ml.evaluate has them all.
          const [first] = metrics.pooled;
          const figures = first === undefined ? {} : figuresOf(first);
          const { rmse = null, mae = null, accuracy = null } = figures;
          return [model, version, active, createdAt, rmse, mae, accuracy, query];
        }),
  },
  jobs: {
    columns: columnsOf({
      id: 'bigint',
      model: 'text',
      state: 'text',
      message: 'text',
      started_at: 'text',
      ended_at: 'text',
      query: 'text',
      role: 'text',
      priority: 'integer',
      rounds_done: 'integer',
      waits_for: 'text',
    }),
    rows: ({ catalog, siloTurns }) => {
      const done = Map.groupBy(catalog.jobs.rounds(), ({ job }) => job);
      return catalog.jobs
        .list()
        .map(({ id, model, state, message, started_at, ended_at, priority, query, role }) => [
          BigInt(id),
          model,
          state,
          message,
          started_at,
          ended_at,
          query,
          role,
          priority,
          done.get(id)?.length ?? 0,
          siloTurns.waitsFor(id).join(', ') || null,
        ]);
    },
  },
  rounds: {
    columns: columnsOf({
      job: 'bigint',
      round: 'integer',
      loss: 'double',
      validation_loss: 'double',
      seconds: 'double',
    }),
    rows: ({ catalog }) =>
      catalog.jobs
        .rounds()
        .map(({ job, round, loss, validation_loss, seconds }) => [BigInt(job), round, loss, validation_loss, seconds]),
  },
  privacy_ledger: {
    columns: columnsOf({
      table: 'text',
      unit: 'text',
      epsilon: 'double',
      delta: 'double',
      spent: 'double',
      remaining: 'double',
      silo: 'text',
      kept_by: 'text',
    }),
    async rows(engine, _, signal) {
      const accounts = await privacyAccounts(engine, signal);
      return accounts.map(({ account, keeper, silo }) => {
        if (account === undefined) return [null, null, null, null, null, null, silo, keeper];
        const { delta, epsilon, spent, table, unit } = account;
        const remaining = epsilon === null ? null : Math.max(0, epsilon - spent);
        return [table, unit, epsilon, delta, spent, remaining, silo, keeper];
      });
    },
  },
  egress: {
    columns: columnsOf({ silo: 'text', kind: 'text', bytes: 'bigint', at: 'text', statement: 'text' }),
    rows: ({ catalog }) =>
      catalog.egress.list().map(({ silo, kind, bytes, at, statement }) => [silo, kind, BigInt(bytes), at, statement]),
  },
  audit: {
    columns: columnsOf({
      at: 'text',
      role: 'text',
      session: 'integer',
      statement: 'text',
      outcome: 'text',
      rows: 'bigint',
      milliseconds: 'double',
    }),
    rows: ({ catalog }) =>
      catalog.audit
        .list()
        .map(({ at, role, session, statement, outcome, rows, milliseconds }) => [
          at,
          role,
          session,
          statement,
          outcome,
          BigInt(rows),
          milliseconds,
        ]),
  },
  egress_ledger: {
    columns: columnsOf({
      silo: 'text',
      line: 'bigint',
      at: 'text',
      purpose: 'text',
      kind: 'text',
      bytes: 'bigint',
      sha256: 'text',
      hash: 'text',
    }),
    rows: (engine) =>
      engine
        .egressLedger()
        .map(({ bytes, digests, hash, kind, purpose, sequence, silo, time }) => [
          silo,
          BigInt(sequence),
          new Date(time).toISOString(),
          purpose,
          kind,
          BigInt(bytes),
          digests.join(' '),
          hash,
        ]),
  },
  settings: {
    columns: columnsOf({ name: 'text', value: 'text', description: 'text' }),
    rows: (_engine, settings) => settings.list().map(({ name, value, description }) => [name, value, description]),
  },
};

/** The silos' tables that the user may know of, with the columns that are not hidden. */
async function visibleTables(
  engine: Engine,
  signal: AbortSignal,
  access: Access,
): Promise<{ readonly silo: string; readonly table: TableInfo; readonly columns: readonly ColumnInfo[] }[]> {
  const restrictions = new Restrictions(engine.catalog.policies.restrictions(), access.restrictedAs);
  const perSilo = await Promise.all(
    engine.catalog.silos.list().map(async ({ name: silo }) =>
      (await engine.silos.tables(silo, signal))
        .filter(({ schema, table }) => access.mayRead(schemaOf(silo, schema), table))
        .map((table) => {
          const hidden = restrictions.hidden(silo, table.schema, table.table);
          return { silo, table, columns: table.columns.filter(({ name }) => !hidden.has(name)) };
        }),
    ),
  );
  return perSilo.flat();
}
