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

/** What keys that arrive late may save, in rows of the fragment that is being read. */
export interface LateKeys {
  /** How many rows it was expected to have. */
  readonly rows: number;
  /** What one key costs, with the rows that it brings. */
  readonly perKey: number;
  /** What asking anew costs. */
  readonly restart: number;
}

/**
 * The reader begins without waiting for the keys of `from`. Once they are there it may stop, and ask only for the rows
 * that they match: when it has far more rows than was thought, or there are far fewer keys.
 */
export interface LateKeysExchange extends LateKeys {
  readonly kind: 'late-keys';
  readonly from: FragmentId;
  readonly fromColumn: number;
  readonly column: ColumnId;
}

export type Exchange = RowsExchange | KeysExchange | LateKeysExchange;

/** True when keys are sent to the fragment, or may be. */
export const sendsKeys = (exchange: Exchange): exchange is KeysExchange | LateKeysExchange => exchange.kind !== 'rows';

export interface PhysicalPlan {
  /** A fragment stands after those it reads from. */
  readonly fragments: readonly Fragment[];
  /** The fragment whose rows are the statement's result; it is the last one. */
  readonly root: FragmentId;
  readonly columns: readonly ResultColumn[];
}

export const exchangeName = (from: FragmentId): string => `exchange_${from}`;
