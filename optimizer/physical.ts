/** The physical plan: fragments that run at one site each, and the exchanges between them. */
import type { ResultColumn, ScanFragment } from '../connectors/connector.ts';
import type { ColumnId } from '../src/plan/expressions.ts';
import type { RelationalNode } from '../src/plan/nodes.ts';

/** The engine the coordinator owns. Silos cannot have this name. */
export const MEDIATOR = 'mediator';

/** A silo's name, or {@link MEDIATOR}. */
export type Site = string;

export type FragmentId = number;

/** A maximal part of the plan that runs at one site. */
export interface Fragment {
  readonly id: FragmentId;
  readonly site: Site;
  /** The subtree; where it reads another fragment's rows there is a memory table named by {@link exchangeName}. */
  readonly plan: RelationalNode;
  /** What the site is asked: one statement in its dialect, or a scan where it speaks no SQL. */
  readonly request: { readonly kind: 'sql'; readonly text: string } | ScanFragment;
  /** Columns by position. */
  readonly columns: readonly ResultColumn[];
  readonly inputs: readonly Exchange[];
  /** Estimated rows, where statistics are known. */
  readonly rows?: number;
}

/** All rows of fragment `from`, as the memory table `exchange_<from>` of the reader. */
export interface RowsExchange {
  readonly kind: 'rows';
  readonly from: FragmentId;
}

/**
 * A semi-join filter: the reader wants only rows whose `column` is among the values of column `fromColumn` (an index) of
 * fragment `from`. It is an optimisation; with too many keys the reader runs unfiltered and the answer is the same.
 */
export interface KeysExchange {
  readonly kind: 'keys';
  readonly from: FragmentId;
  readonly fromColumn: number;
  readonly column: ColumnId;
  /** With more keys than this, the reader runs unfiltered. */
  readonly most?: number;
}

export type Exchange = RowsExchange | KeysExchange;

export interface PhysicalPlan {
  /** A fragment stands after those it reads from. */
  readonly fragments: readonly Fragment[];
  /** The fragment whose rows are the statement's result; it is the last one. */
  readonly root: FragmentId;
  readonly columns: readonly ResultColumn[];
}

export const exchangeName = (from: FragmentId): string => `exchange_${from}`;

/** What a fragment that was begun has shown so far. */
export interface FragmentProgress {
  /** Rows that have come. */
  readonly rows: number;
  readonly done: boolean;
}

/** Of the fragments that were begun. */
export type Progress = ReadonlyMap<FragmentId, FragmentProgress>;

/** Fragments of a plan under way, for planning the rest anew. */
export interface UnderWay {
  /** Those whose rows are at the mediator, by {@link exchangeName}: in the rest of the plan they are memory tables. */
  readonly done: ReadonlyMap<string, Fragment>;
  /** Those that are being read: what asks the same of the same site goes on. */
  readonly running: readonly Fragment[];
  /** Fragments that are new have numbers from here on. */
  readonly nextId: FragmentId;
}
