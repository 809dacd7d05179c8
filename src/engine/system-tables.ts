/** The `causeway` schema: what the catalog knows, as tables, so that a BI tool can chart a training run. */
import type { ResultColumn } from '../../connectors/connector.ts';
import { allowanceText, recipientText } from '../plan/policy.ts';
import { typeName } from '../plan/types.ts';
import type { Engine } from './engine.ts';
import { type Cell, columnsOf } from './rows.ts';
import type { Settings } from './settings.ts';
import { redact } from './statements/silos.ts';
import { figuresOf } from './training/metrics.ts';

export interface SystemTable {
  readonly columns: readonly ResultColumn[];
  rows(engine: Engine, settings: Settings, signal: AbortSignal): Promise<(readonly Cell[])[]> | (readonly Cell[])[];
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
  tables: {
    columns: columnsOf({ silo: 'text', name: 'text', kind: 'text', columns: 'integer' }),
    async rows(engine, _settings, signal) {
      const silos = engine.catalog.silos.list();
      const perSilo = await Promise.all(
        silos.map(async ({ name }) =>
          (await engine.silos.tables(name, signal)).map((table) => [
            name,
            table.table,
            table.kind,
            table.columns.length,
          ]),
        ),
      );
      const federated = engine.catalog.federatedTables.list();
      return [...perSilo.flat(), ...federated.map(({ name }) => [null, name, 'federated table', null])];
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
    rows: (engine) =>
      engine.catalog.policies
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
    async rows(engine, _settings, signal) {
      const perSilo = await Promise.all(
        engine.catalog.silos
          .list()
          .map(async ({ name }) =>
            (await engine.silos.tables(name, signal)).flatMap((table) =>
              table.columns.map((column, i) => [
                name,
                table.table,
                i + 1,
                column.name,
                typeName(column.type),
                column.nullable,
              ]),
            ),
          ),
      );
      return perSilo.flat();
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
    }),
    rows: ({ catalog }) =>
      catalog.jobs
        .list()
        .map(({ id, model, state, message, started_at, ended_at, query }) => [
          BigInt(id),
          model,
          state,
          message,
          started_at,
          ended_at,
          query,
        ]),
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
  egress: {
    columns: columnsOf({ silo: 'text', kind: 'text', bytes: 'bigint', at: 'text', statement: 'text' }),
    rows: ({ catalog }) =>
      catalog.egress.list().map(({ silo, kind, bytes, at, statement }) => [silo, kind, BigInt(bytes), at, statement]),
  },
  settings: {
    columns: columnsOf({ name: 'text', value: 'text', description: 'text' }),
    rows: (_engine, settings) => settings.list().map(({ name, value, description }) => [name, value, description]),
  },
};
