/**
 * `CALIBRATE SILO s | ALL`: a handful of small statements whose work is known exactly, timed, and given to the cost model.
 * Nothing is written in the silo, and no more than `SAMPLE_ROWS` rows are read by a sorted or joined statement.
 */
import type { AggregateCall, Column, Expression } from '../../src/plan/expressions.ts';
import { node, type RelationalNode, type Scan } from '../../src/plan/nodes.ts';
import { scalar } from '../../src/plan/types.ts';
import type { CostModel } from './model.ts';
import { addWork, aggregateWork, joinWork, type PerUnit, shipWork, sortWork, work } from './work.ts';

const SAMPLE_ROWS = 50_000;

/** Each statement runs so often; the fastest counts, for it was disturbed least. */
const REPEATS = 3;

/** A statement and what it costs to run, from the rows that it reads. */
export interface Probe {
  readonly name: string;
  readonly plan: RelationalNode;
  readonly work: (rows: number, bytes: number) => PerUnit;
}

/** What running a probe showed. */
export interface ProbeRun {
  readonly seconds: number;
  readonly rows: number;
  readonly bytes: number;
}

/**
 * The probes over one table: nothing but a round trip, a count, growing results, narrow ones, groups, an order, a join with itself.
 * @param tableRows rows of the table as the silo estimates them
 */
export function probes(table: Scan, tableRows: number, nextId: () => number): readonly Probe[] {
  const sample = Math.max(1, Math.min(tableRows, SAMPLE_ROWS));
  const key = table.columns[0]!;
  const reference = (column: Column): Expression => ({ kind: 'column', id: column.id, type: column.type });
  const count = (): AggregateCall => ({
    name: 'count',
    args: [],
    distinct: false,
    orderBy: [],
    type: scalar('bigint'),
  });
  const limited = (input: RelationalNode, rows: number): RelationalNode =>
    node({
      kind: 'limit',
      input,
      count: { kind: 'literal', value: rows, type: scalar('bigint') },
      columns: input.columns,
    });
  const counted = (input: RelationalNode): RelationalNode =>
    node({
      kind: 'aggregate',
      input,
      groups: [],
      aggregates: [count()],
      columns: [{ id: nextId(), name: 'n', type: scalar('bigint') }],
    });
  const one: RelationalNode = node({
    kind: 'values',
    rows: [[{ kind: 'literal', value: 1, type: scalar('integer') }]],
    columns: [{ id: nextId(), name: 'one', type: scalar('integer') }],
  });
  const copy = node({
    ...table,
    columns: table.columns.map((column) => ({ ...column, id: nextId() })),
  });
  const left = limited(table, sample);
  const right = limited(copy, sample);
  const grouped = node({
    kind: 'aggregate',
    input: left,
    groups: [reference(key)],
    aggregates: [count()],
    columns: [
      { ...key, id: nextId() },
      { id: nextId(), name: 'n', type: scalar('bigint') },
    ],
  });
  const joined = node({
    kind: 'join',
    type: 'inner',
    left,
    right,
    on: { kind: 'call', name: '=', args: [reference(key), reference(copy.columns[0]!)], type: scalar('boolean') },
    columns: [...left.columns, ...right.columns],
  });
  const sorted = node({
    kind: 'sort',
    input: left,
    keys: [{ expression: reference(key), descending: false, nullsFirst: false }],
    columns: left.columns,
  });
  const narrow = node({
    kind: 'project',
    input: left,
    expressions: [reference(key)],
    columns: [{ ...key, id: nextId() }],
  });
  const single = work({ startup: 1, produced: 1, bytes: 8 });
  const read = work({ scanned: sample });
  const sent = (out: number, bytes: number): PerUnit =>
    addWork(work({ scanned: out }), shipWork(out, bytes / Math.max(1, out)));
  return [
    { name: 'round trip', plan: one, work: () => single },
    {
      name: 'count',
      plan: counted(table),
      work: () => addWork(single, work({ scanned: tableRows, aggregated: tableRows })),
    },
    ...[0.01, 0.1, 1].map((part): Probe => {
      const rows = Math.ceil(sample * part);
      return {
        name: `rows ${rows}`,
        plan: limited(table, rows),
        work: sent,
      };
    }),
    // As many rows, fewer bytes: what a row costs is told from what a byte costs.
    { name: 'narrow rows', plan: narrow, work: sent },
    {
      name: 'groups',
      plan: counted(grouped),
      work: () => addWork(addWork(single, read), aggregateWork(sample, sample)),
    },
    {
      name: 'order',
      plan: limited(sorted, 1),
      work: () => addWork(addWork(single, read), sortWork(sample)),
    },
    {
      name: 'join',
      plan: counted(joined),
      work: () =>
        addWork(addWork(single, work({ scanned: 2 * sample, aggregated: sample })), joinWork(sample, sample, sample)),
    },
  ];
}

/**
 * Times every probe and lets the model learn from it.
 * @param run runs a plan at the silo alone, draining its result; undefined when the silo cannot run it
 * @returns the probes' times, for the statement's answer
 */
export async function calibrate(
  silo: string,
  model: CostModel,
  plans: readonly Probe[],
  run: (plan: RelationalNode) => Promise<ProbeRun | undefined>,
): Promise<readonly { readonly probe: string; readonly seconds: number; readonly rows: number }[]> {
  model.reset(silo);
  const answers: { probe: string; seconds: number; rows: number }[] = [];
  for (const probe of plans) {
    let best: ProbeRun | undefined;
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const once = await run(probe.plan);
      if (once === undefined) break;
      if (best === undefined || once.seconds < best.seconds) best = once;
    }
    if (best === undefined) continue;
    model.observe(silo, probe.work(best.rows, best.bytes), best.seconds);
    answers.push({ probe: probe.name, seconds: best.seconds, rows: best.rows });
  }
  return answers;
}
