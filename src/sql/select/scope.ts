/** What binding asks of its surroundings: the meaning of names, and the two questions only an engine can answer. */
import type { ColumnInfo, ResultColumn, TableInfo } from '../../../connectors/connector.ts';
import type { Position } from '../../plan/errors.ts';
import type { Column, Expression } from '../../plan/expressions.ts';
import type { RelationalNode, Scan } from '../../plan/nodes.ts';
import type { SqlType } from '../../plan/types.ts';

/** A silo's table as the statement's user may see it. */
export interface SiloTable {
  readonly silo: string;
  readonly table: TableInfo;
  readonly restriction?: BoundRestriction;
}

/** What a user sees of a table; the expressions are over a scan with all its columns. */
export interface BoundRestriction {
  /** Only these rows; absent: all. */
  readonly filter?: (scan: Scan) => Expression;
  /** Values in the place of columns, of the columns' types. */
  readonly masks: ReadonlyMap<string, (scan: Scan) => Expression>;
  readonly hidden: ReadonlySet<string>;
}

/** What a name in FROM stands for. */
export type Relation =
  /** A table of one silo. */
  | ({ readonly kind: 'table' } & SiloTable)
  /** A federated table; its shape is the first member's. */
  | { readonly kind: 'federated'; readonly members: readonly SiloTable[] }
  | { readonly kind: 'view'; readonly text: string; readonly columns?: readonly string[] }
  /** Rows that the engine holds under `name`: system tables. */
  | { readonly kind: 'memory'; readonly name: string; readonly columns: readonly ResultColumn[] };

export interface RelationName {
  readonly schema?: string;
  readonly name: string;
}

export interface BindScope {
  /** Looks a name up; a name without a schema goes by the search path. Undefined when there is none. */
  relation(name: RelationName): Promise<Relation | undefined> | Relation | undefined;
  /** Names as a user would write them (`berlin.readings`), for hints. */
  relationNames(): Promise<readonly string[]> | readonly string[];
  /** The columns of `silo.query('…')`. Undefined when there is no such silo. */
  describeNative?(silo: string, text: string): Promise<readonly ColumnInfo[] | undefined>;
  /** A function of the schema `ml` in FROM: `ml.predict('load24', (SELECT …))`. Undefined when there is no such one. */
  modelFunction?(call: ModelFunctionCall): RelationalNode | undefined;
  /** The way of texts that the plan does not model; without it they are errors. */
  readonly longWay?: LongWay;
}

/** What only the mediator's own parser and binder know. */
export interface LongWay {
  /** The tables a text reads, or undefined when the mediator cannot parse it. */
  tables(text: string): Promise<readonly RelationName[] | undefined>;
  /**
   * The result columns of a text over relations of these names and columns, and the types of its parameters: those that
   * are given, else what the mediator infers, else `unknown`.
   */
  describe(
    text: string,
    inputs: readonly { readonly name: string; readonly columns: readonly ResultColumn[] }[],
    parameterTypes?: readonly SqlType[],
  ): Promise<{ readonly columns: readonly ResultColumn[]; readonly parameters: readonly SqlType[] }>;
}

export interface ModelFunctionCall {
  readonly name: string;
  readonly args: readonly ModelFunctionArgument[];
  readonly position: Position | undefined;
  /** A new output column of this statement. */
  column(name: string, type: SqlType): Column;
}

/** `name` is set for `name => value`; an argument is a value or a query. */
export interface ModelFunctionArgument {
  readonly name?: string;
  readonly value?: Expression;
  readonly query?: RelationalNode;
  readonly position: Position | undefined;
}
