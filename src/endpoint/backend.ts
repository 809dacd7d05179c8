/** What the endpoint needs of the engine; `src/engine` offers it, tests bring their own. */
import type { ColumnInfo, ForeignKey, ResultColumn } from '../../connectors/connector.ts';
import type { ExecuteOptions, StatementResult } from '../engine/result.ts';
import type { SqlType } from '../plan/types.ts';

export interface EndpointBackend {
  openSession(user: string): EndpointSession;
  readonly catalog: CatalogView;
}

/** One client's session with the engine. */
export interface EndpointSession extends AsyncDisposable {
  /** One result per statement of the script. */
  execute(text: string, options?: ExecuteOptions): AsyncIterable<StatementResult>;
  /** Columns and parameters of one statement, without running it. `unknown` parameters take text. */
  describe(
    text: string,
  ): Promise<{ readonly columns: readonly ResultColumn[]; readonly parameters: readonly SqlType[] }>;
  /** A setting of PostgreSQL that the client has changed; undefined brings the default back; of `all`: all defaults. */
  set(name: string, value: string | undefined): void;
}

export interface CatalogView {
  /** Changes whenever {@link CatalogView.snapshot} would answer something else. */
  readonly version: number;
  snapshot(): Promise<CatalogSnapshot>;
}

/** Everything a client may browse. */
export interface CatalogSnapshot {
  readonly schemas: readonly SchemaEntry[];
  readonly models: readonly ModelEntry[];
  /** While there is none that may log in, every name is let in and sees everything. */
  readonly roles: readonly RoleEntry[];
}

export interface SchemaEntry {
  readonly name: string;
  readonly comment?: string;
  readonly tables: readonly TableEntry[];
}

export interface TableEntry {
  readonly name: string;
  readonly kind: 'table' | 'view';
  readonly columns: readonly ColumnInfo[];
  readonly primaryKey?: readonly string[];
  /** `references.schema` is the schema's name here, not the silo's own. */
  readonly foreignKeys?: readonly ForeignKey[];
  readonly comment?: string;
  /** Estimated. */
  readonly rows?: number;
}

export interface RoleEntry {
  readonly name: string;
  readonly login: boolean;
  readonly superuser: boolean;
  readonly memberOf: readonly string[];
  /** What it may read: `schema.table`, or `schema.*`. */
  readonly tables: readonly string[];
  /** What it does not see although it may read the table: `schema.table.column`. */
  readonly hidden: readonly string[];
}

/** A trained model, shown as a function of its features. */
export interface ModelEntry {
  readonly name: string;
  readonly features: readonly ResultColumn[];
  readonly outputs: readonly ResultColumn[];
  readonly comment?: string;
}
