/** Statements as written, before names are looked up. Positions are offsets into the statement's text. */
import type { Allowance, Recipient } from '../../plan/policy.ts';
import type { RestrictionRule } from '../../plan/restriction.ts';

/** A name or value with the place where it was written, for errors. */
export interface Located<T> {
  readonly value: T;
  readonly offset: number;
}

/** `name => value`; a list value is written `('a', 'b')`, `['a', 'b']` or `ARRAY['a', 'b']`. */
export type OptionValue = string | number | boolean | null | readonly (string | number | boolean)[];
export interface Option {
  readonly name: Located<string>;
  readonly value: Located<OptionValue>;
}

/** A SELECT inside another statement: its text and where it begins. */
export interface QueryText {
  readonly text: string;
  readonly offset: number;
}

export interface CreateSilo {
  readonly kind: 'create-silo';
  readonly ifNotExists: boolean;
  readonly name: Located<string>;
  readonly connector: Located<string>;
  readonly options: readonly Option[];
}

/** DROP of one named object. */
export interface Drop {
  readonly kind: 'drop';
  readonly object: 'role' | 'silo' | 'federated-table' | 'model' | 'view' | 'policy';
  readonly ifExists: boolean;
  readonly name: Located<string>;
}

export interface CreateFederatedTable {
  readonly kind: 'create-federated-table';
  readonly ifNotExists: boolean;
  readonly name: Located<string>;
  readonly members: readonly { readonly silo: Located<string>; readonly table: Located<string> }[];
}

export interface CreateView {
  readonly kind: 'create-view';
  readonly orReplace: boolean;
  readonly name: Located<string>;
  /** Names for the query's columns, from the left. */
  readonly columns?: readonly Located<string>[];
  readonly query: QueryText;
}

export interface TrainModel {
  readonly kind: 'train-model';
  /** The job's number is answered at once; the job goes on in the background. */
  readonly async: boolean;
  readonly orReplace: boolean;
  readonly name: Located<string>;
  readonly targets: readonly Located<string>[];
  readonly order?: Located<string>;
  readonly entity?: Located<string>;
  readonly window?: Located<number>;
  readonly horizon?: Located<number>;
  readonly algorithm?: Located<string>;
  readonly options: readonly Option[];
  readonly strategy?: Located<string>;
  readonly federation: readonly Option[];
  readonly privacy?: readonly Option[];
  readonly split?:
    | { readonly kind: 'fractions'; readonly options: readonly Option[] }
    | { readonly kind: 'calendar'; readonly validateFrom: Located<string>; readonly testFrom: Located<string> };
  readonly query: QueryText;
  /** The whole statement. */
  readonly text: string;
}

export interface Show {
  readonly kind: 'show';
  readonly what: 'silos' | 'models' | 'tables' | 'setting';
  /** The setting's name. */
  readonly name?: string;
}

export interface Describe {
  readonly kind: 'describe';
  readonly object: 'model' | 'table';
  readonly name: readonly Located<string>[];
}

/** `CANCEL JOB 17`. */
export interface CancelJob {
  readonly kind: 'cancel-job';
  readonly job: Located<number>;
}

/** `RESUME TRAIN [MODEL] m`. */
export interface ResumeTrain {
  readonly kind: 'resume-train';
  readonly name: Located<string>;
}

export interface AlterModel {
  readonly kind: 'alter-model';
  readonly name: Located<string>;
  readonly activate: Located<number>;
}

export interface ExportModel {
  readonly kind: 'export-model';
  readonly name: Located<string>;
  readonly path: Located<string>;
}

/** Rows into one file: of a silo that keeps files, or on this machine. */
export interface ExportQuery {
  readonly kind: 'export-query';
  readonly query: QueryText;
  readonly silo?: Located<string>;
  readonly path: Located<string>;
}

export interface ImportModel {
  readonly kind: 'import-model';
  readonly orReplace: boolean;
  readonly name: Located<string>;
  readonly path: Located<string>;
}

export interface Explain {
  readonly kind: 'explain';
  readonly analyze: boolean;
  readonly format: 'text' | 'json' | 'dot';
  readonly statement: TrainModel | Query;
}

export interface SetSetting {
  readonly kind: 'set';
  readonly name: Located<string>;
  /** Undefined: back to the default (RESET, SET … TO DEFAULT). */
  readonly value?: string;
}

export interface CreatePolicy {
  readonly kind: 'create-policy';
  readonly name: Located<string>;
  readonly silo: Located<string>;
  readonly table: Located<string>;
  readonly allow: Allowance;
  readonly to: Recipient;
  readonly where?: Located<string>;
  readonly role?: Located<string>;
}

/** The other kind of CREATE POLICY: what a role sees. */
export interface CreateRestriction {
  readonly kind: 'create-restriction';
  readonly name: Located<string>;
  readonly silo: Located<string>;
  readonly table: Located<string>;
  readonly rule: RestrictionRule;
  readonly role: Located<string>;
}

/** Fetches a table's statistics anew. */
export interface Analyze {
  readonly kind: 'analyze';
  readonly silo: Located<string>;
  readonly table: Located<string>;
}

/** Measures the speed of one silo, or of all. */
export interface Calibrate {
  readonly kind: 'calibrate';
  readonly silo?: Located<string>;
}

/** What a silo's bytes and seconds cost, which no measurement tells. */
export interface AlterSilo {
  readonly kind: 'alter-silo';
  readonly name: Located<string>;
  readonly options: readonly Option[];
}

/** `CREATE TABLE silo.t AS query`. */
export interface CreateTableAs {
  readonly kind: 'create-table-as';
  readonly ifNotExists: boolean;
  readonly silo: Located<string>;
  readonly table: Located<string>;
  readonly query: QueryText;
}

/** `INSERT INTO silo.t [(columns)] query`. */
export interface InsertInto {
  readonly kind: 'insert';
  readonly silo: Located<string>;
  readonly table: Located<string>;
  readonly columns?: readonly Located<string>[];
  readonly query: QueryText;
}

/** What is not named stays as it is; a password of null is taken away. */
export interface ChangeRole {
  readonly kind: 'change-role';
  readonly action: 'create' | 'alter';
  readonly name: Located<string>;
  readonly password?: string | null;
  readonly superuser?: boolean;
  readonly login?: boolean;
}

/** `object.name` is `schema.table`, `schema.*`, or a model's name. */
export interface ChangePrivileges {
  readonly kind: 'change-privileges';
  readonly action: 'grant' | 'revoke';
  readonly privileges: readonly ('select' | 'train' | 'predict')[];
  readonly object: { readonly kind: 'table' | 'model'; readonly name: string };
  readonly role: Located<string>;
}

export interface ChangeMembership {
  readonly kind: 'change-membership';
  readonly action: 'grant' | 'revoke';
  readonly role: Located<string>;
  readonly member: Located<string>;
}

/** Everything that the SELECT parser reads. */
export interface Query {
  readonly kind: 'query';
  readonly query: QueryText;
}

export type Statement =
  | CreateSilo
  | Drop
  | CreateFederatedTable
  | CreateView
  | TrainModel
  | Show
  | Describe
  | ResumeTrain
  | CancelJob
  | AlterModel
  | ExportModel
  | ExportQuery
  | ImportModel
  | Explain
  | SetSetting
  | CreatePolicy
  | CreateRestriction
  | Analyze
  | Calibrate
  | AlterSilo
  | CreateTableAs
  | InsertInto
  | ChangeRole
  | ChangePrivileges
  | ChangeMembership
  | Query;
