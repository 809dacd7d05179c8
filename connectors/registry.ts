/** The kinds of silos there are. A connector, and the client library it brings, is loaded when it is first used. */
import { CausewayError, SQLSTATE } from '../src/plan/errors.ts';
import { didYouMean } from '../src/plan/nearest.ts';
import type { Connector } from './connector.ts';

const CONNECTORS: Readonly<Record<string, () => Promise<Connector>>> = {
  postgres: async () => (await import('./postgres/connector.ts')).postgres,
  duckdb: async () => (await import('./duckdb/connector.ts')).duckdb,
  files: async () => (await import('./files/connector.ts')).files,
  mysql: async () => (await import('./mysql/connector.ts')).mysql,
  sqlite: async () => (await import('./sqlite/connector.ts')).sqlite,
  rest: async () => (await import('./rest/connector.ts')).rest,
  snowflake: async () => (await import('./snowflake/connector.ts')).snowflake,
  bigquery: async () => (await import('./bigquery/connector.ts')).bigquery,
  s3: async () => (await import('./lake/kinds.ts')).s3,
  gcs: async () => (await import('./lake/kinds.ts')).gcs,
  adls: async () => (await import('./lake/kinds.ts')).adls,
  hdfs: async () => (await import('./lake/kinds.ts')).hdfs,
  lake: async () => (await import('./lake/kinds.ts')).folder,
};

/** Every known kind. */
export const connectorKinds: readonly string[] = Object.freeze(Object.keys(CONNECTORS));

/** @throws CausewayError for an unknown kind, naming the nearest one. */
export async function connectorOf(kind: string): Promise<Connector> {
  const load = Object.hasOwn(CONNECTORS, kind) ? CONNECTORS[kind] : undefined;
  if (load !== undefined) return load();
  const hint = didYouMean(kind, connectorKinds);
  throw new CausewayError(
    SQLSTATE.undefinedObject,
    `unknown kind of silo "${kind}"`,
    hint === undefined ? {} : { hint },
  );
}
