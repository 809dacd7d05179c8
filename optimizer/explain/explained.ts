/** A planned (and perhaps executed) statement as data: what every form of EXPLAIN prints. */
import type { StatementEstimate } from '../../connectors/connector.ts';
import type { Objective } from '../cost/objective.ts';
import { MEDIATOR } from '../physical.ts';
import type { PlannedStatement, Rejected } from '../plan-statement.ts';
import { qError } from '../statistics/feedback.ts';

export interface Amounts {
  readonly rows: number;
  readonly bytes: number;
  readonly seconds: number;
}

export interface ExplainedFragment {
  readonly id: number;
  readonly site: string;
  readonly statement: string;
  /** How its rows come, where the silo takes another way than its usual one. */
  readonly transfer?: string;
  readonly inputs: readonly { readonly from: number; readonly kind: 'rows' | 'keys' }[];
  readonly estimated: Amounts;
  /** By the silo's own word. */
  readonly price?: StatementEstimate;
  readonly actual?: Amounts & { readonly keys?: number };
  /** Of the rows. */
  readonly qError?: number;
}

interface Phase {
  readonly name: string;
  readonly milliseconds: number;
}

export interface Explained {
  readonly objective: Objective;
  /** The result's fragment first; the others in the order in which they are read. */
  readonly fragments: readonly ExplainedFragment[];
  readonly root: number;
  /** On the critical path, and over all borders. */
  readonly estimated: { readonly seconds: number; readonly bytes: number; readonly money: number };
  readonly actual?: { readonly seconds: number; readonly bytes: number };
  /** Present when the rest was planned anew while it ran; the fragments are those of the last plan. */
  readonly replanned?: {
    readonly steps: readonly ReplanActual[];
    /** Of fragments that were stopped. */
    readonly wastedBytes: number;
  };
  readonly rejected: readonly {
    readonly name: string;
    readonly reason: string;
    readonly seconds?: number;
    readonly bytes?: number;
  }[];
  readonly search: { readonly joins: number; readonly exact: boolean };
  readonly planning: readonly Phase[];
  readonly notices: readonly string[];
}

/** What a fragment really did. */
export interface FragmentActual {
  readonly fragment: number;
  readonly rows: number;
  readonly bytes: number;
  readonly milliseconds: number;
  readonly keys?: number;
  /** The rows were read by the mediator itself and not counted. */
  readonly uncounted?: boolean;
  /** The fragment is in the plan no more: what it sent was of no use. */
  readonly stopped?: boolean;
}

/** That the rest was planned anew while it ran. */
export interface ReplanActual {
  /** Which estimate was far off. */
  readonly reason: string;
  /** Since the statement began. */
  readonly milliseconds: number;
}

interface Facts {
  /** What silos say that their fragments cost, by fragment. */
  readonly prices?: ReadonlyMap<number, StatementEstimate>;
  /** What silos say of the way of their rows, by fragment. */
  readonly transfers?: ReadonlyMap<number, string>;
  /** Of EXPLAIN ANALYZE: the fragments' reports and the statement's time in milliseconds. */
  readonly actuals?: {
    readonly reports: readonly FragmentActual[];
    readonly milliseconds: number;
    readonly replans?: readonly ReplanActual[];
  };
}

/** @param statisticsMs how long planning waited for statistics */
export function explained(
  planned: PlannedStatement,
  objective: Objective,
  statisticsMs: number,
  { prices, transfers, actuals }: Facts = {},
): Explained {
  const { physical, cost, milliseconds } = planned;
  const counted = actuals?.reports.filter(({ uncounted, stopped }) => uncounted !== true && stopped !== true);
  const wasted = (actuals?.reports ?? []).reduce((sum, { stopped, bytes }) => sum + (stopped === true ? bytes : 0), 0);
  const reports = new Map(counted?.map((report) => [report.fragment, report]));
  const fragments = [...physical.fragments].reverse().map((fragment): ExplainedFragment => {
    const { rows, bytes, seconds } = cost.fragments.find((each) => each.fragment === fragment.id)!;
    const report = reports.get(fragment.id);
    const border = fragment.site !== MEDIATOR;
    const price = prices?.get(fragment.id);
    const transfer = transfers?.get(fragment.id);
    return {
      id: fragment.id,
      site: fragment.site,
      statement: fragment.request.kind === 'sql' ? fragment.request.text : scanText(fragment.request),
      ...(transfer === undefined ? {} : { transfer }),
      inputs: fragment.inputs.map(({ from, kind }) => ({ from, kind })),
      estimated: { rows, bytes, seconds },
      ...(price === undefined ? {} : { price }),
      ...(report === undefined
        ? {}
        : {
            actual: {
              rows: report.rows,
              bytes: border ? report.bytes : 0,
              seconds: report.milliseconds / 1000,
              ...(report.keys === undefined ? {} : { keys: report.keys }),
            },
            qError: qError(rows, report.rows),
          }),
    };
  });
  const told = cost.fragments.map(({ fragment, money }) => (prices?.get(fragment)?.money ?? 0) + money);
  const sent = fragments.reduce((sum, { actual }) => sum + (actual?.bytes ?? 0), wasted);
  return {
    objective,
    fragments,
    root: physical.root,
    estimated: { seconds: cost.seconds, bytes: cost.bytes, money: told.reduce((sum, money) => sum + money, 0) },
    ...(actuals === undefined ? {} : { actual: { seconds: actuals.milliseconds / 1000, bytes: sent } }),
    ...((actuals?.replans ?? []).length === 0 ? {} : { replanned: { steps: actuals!.replans!, wastedBytes: wasted } }),
    rejected: planned.rejected.map(rejectedData),
    search: { joins: planned.considered, exact: planned.exact },
    planning: [
      { name: 'statistics', milliseconds: statisticsMs },
      { name: 'rules', milliseconds: milliseconds.rules },
      { name: 'search', milliseconds: milliseconds.search },
      { name: 'fragments', milliseconds: milliseconds.cut },
      ...(milliseconds.alternatives > 0 ? [{ name: 'alternatives', milliseconds: milliseconds.alternatives }] : []),
    ],
    notices: planned.notices,
  };
}

const rejectedData = ({ name, reason, cost }: Rejected) => ({
  name,
  reason,
  ...(cost === undefined ? {} : { seconds: cost.seconds, bytes: cost.bytes }),
});

/** A request to a silo without SQL, in SQL's words. */
function scanText(request: {
  readonly table: { readonly table: string };
  readonly sourceColumns: readonly string[];
  readonly filters: readonly {
    readonly column: string;
    readonly operator: string;
    readonly values: readonly unknown[];
  }[];
  readonly limit?: number;
}): string {
  const filters = request.filters.map(({ column, operator, values }) => {
    if (values.length === 0) return `${column} ${operator.replaceAll('_', ' ')}`;
    return operator === 'in' ? `${column} in (${values.join(', ')})` : `${column} ${operator} ${String(values[0])}`;
  });
  const where = filters.length === 0 ? '' : ` where ${filters.join(' and ')}`;
  const limit = request.limit === undefined ? '' : ` limit ${request.limit}`;
  return `scan ${request.table.table} (${request.sourceColumns.join(', ')})${where}${limit}`;
}
