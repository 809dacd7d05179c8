/** ANALYZE: a table's statistics, asked for anew. CALIBRATE: how fast a silo is. */
import type { TableInfo, TableStatistics } from '../../../connectors/connector.ts';
import { batchTexts } from '../../../connectors/row-text.ts';
import { calibrate as calibrateSilo, probes } from '../../../optimizer/cost/calibrate.ts';
import { secondsFor, work } from '../../../optimizer/cost/work.ts';
import { cutIntoFragments } from '../../../optimizer/fragments/cut.ts';
import { assignSites } from '../../../optimizer/fragments/sites.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import { columnIds, node, type RelationalNode, type Scan } from '../../plan/nodes.ts';
import type { Analyze, Calibrate } from '../../sql/statements/statement.ts';
import { amount, requireStatementBudget } from '../budget.ts';
import type { Engine } from '../engine.ts';
import type { FragmentReport } from '../execution/report.ts';
import { policyTable } from '../planning/policies.ts';
import type { StatementResult } from '../result.ts';
import { columnsOf, rowsResult } from '../rows.ts';
import { optimizerContext, runPhysical } from '../run-plan.ts';
import type { StatementContext } from '../session.ts';
import { inSilo } from '../silo-pool.ts';

/** Answers what the silo knows of each column, and measures what its catalog does not, where it can. */
export async function analyze(statement: Analyze, context: StatementContext): Promise<StatementResult> {
  const { engine, signal, onNotice } = context;
  const silo = statement.silo.value;
  engine.silos.definition(silo);
  const info = await policyTable({ silo, table: statement.table.value }, engine.silos, signal);
  if (info === undefined) {
    throw new CausewayError(SQLSTATE.undefinedTable, `silo "${silo}" has no table "${statement.table.value}"`);
  }
  const table = { silo, table: info.table };
  const measure = await measuring(silo, info, context);
  const { of, notices } = await engine.planner.statistics.refresh(table, signal, measure).catch((thrown: unknown) => {
    throw inSilo(silo, thrown);
  });
  for (const message of notices) onNotice({ severity: 'NOTICE', message });
  const statistics = of(table);
  if (statistics === undefined) onNotice({ severity: 'NOTICE', message: `${silo} knows nothing about ${info.table}` });
  const columns = columnsOf({
    column: 'text',
    rows: 'double',
    distinct: 'double',
    null_fraction: 'double',
    width: 'double',
  });
  const rows = info.columns.map(({ name }) => {
    const known = statistics?.columns[name];
    return [name, statistics?.rows ?? null, known?.distinct ?? null, known?.nullFraction ?? null, known?.width ?? null];
  });
  return rowsResult('ANALYZE', columns, rows);
}

/** Measures a table by a statement of the silo's own, whose price is told before it runs; undefined where there is none. */
async function measuring(silo: string, info: TableInfo, context: StatementContext) {
  const { engine, signal, onNotice } = context;
  const open = (await engine.silos.open(silo)).silo;
  const measurement = open.measure?.(info);
  if (measurement === undefined) return undefined;
  const { text, columns, read } = measurement;
  return async (known: TableStatistics | undefined): Promise<TableStatistics> => {
    const { moneyPerSecond, seconds } = engine.planner.model.profile(silo);
    const rows = known?.rows ?? 0;
    const duration = secondsFor(work({ startup: 1, scanned: rows, aggregated: rows * columns.length }), seconds);
    const modelled = { money: duration * moneyPerSecond, seconds: duration };
    const price = await requireStatementBudget(silo, text, modelled, context);
    onNotice({
      severity: 'NOTICE',
      message:
        `the catalog of silo "${silo}" tells nothing of columns: ${info.table} is read to measure them` +
        (price.money > 0 ? `, for about ${amount(price.money)} (${price.from})` : ` (${price.from})`),
    });
    const result = await open.run({ kind: 'sql', text, columns }, signal);
    if (result.kind !== 'batches') throw new CausewayError(SQLSTATE.internalError, 'a measurement came as no batches');
    const found: (string | null)[][] = [];
    for await (const batch of result.batches) {
      const texts = batchTexts(batch, columns);
      for (let row = 0; row < batch.numRows; row++) found.push(texts.map((value) => value(row)));
    }
    return read(found[0] ?? []);
  };
}

/** Answers the time of every probe, and the speeds that follow from them. */
export async function calibrate(statement: Calibrate, context: StatementContext): Promise<StatementResult> {
  const { engine } = context;
  const names =
    statement.silo === undefined ? engine.catalog.silos.list().map(({ name }) => name) : [statement.silo.value];
  const rows: (string | number)[][] = [];
  for (const name of names) {
    engine.silos.definition(name);
    rows.push(...(await calibrateOne(name, context)));
  }
  const columns = columnsOf({ silo: 'text', probe: 'text', milliseconds: 'double', rows: 'integer' });
  return rowsResult('CALIBRATE', columns, rows);
}

async function calibrateOne(silo: string, context: StatementContext): Promise<(string | number)[][]> {
  const { engine, signal, onNotice } = context;
  const table = await largestTable(engine, silo, signal);
  if (table === undefined) {
    onNotice({ severity: 'NOTICE', message: `${silo} has no table to measure with; default speeds are used` });
    return [];
  }
  const answers = await calibrateSilo(
    silo,
    engine.planner.model,
    probes(table.scan, table.rows, table.nextId),
    (plan) => timeAtSilo(plan, context),
  );
  return answers.map(({ probe, seconds, rows }) => [silo, probe, seconds * 1000, rows]);
}

/** The table with most rows, as the silo estimates them, and a scan of its first few columns. */
async function largestTable(
  engine: Engine,
  silo: string,
  signal: AbortSignal,
): Promise<{ readonly scan: Scan; readonly rows: number; readonly nextId: () => number } | undefined> {
  const tables = (await engine.silos.tables(silo, signal)).filter(({ kind }) => kind === 'table');
  const loaded = await engine.planner.statistics.load(
    tables.map(({ schema, table }) => ({ silo, table, ...(schema === undefined ? {} : { schema }) })),
    signal,
  );
  let best: { table: (typeof tables)[number]; rows: number } | undefined;
  for (const table of tables) {
    const { schema } = table;
    const rows = loaded.of({ silo, table: table.table, ...(schema === undefined ? {} : { schema }) })?.rows ?? 0;
    if (best === undefined || rows > best.rows) best = { table, rows };
  }
  if (best === undefined || best.rows < 1) return undefined;
  const nextId = columnIds();
  const { schema, table, columns } = best.table;
  const first = columns.slice(0, 4);
  const scan: Scan = node({
    kind: 'scan',
    silo,
    ...(schema === undefined ? {} : { schema }),
    table,
    sourceColumns: first.map(({ name }) => name),
    columns: first.map(({ name, type }) => ({ id: nextId(), name, type })),
  });
  return { scan, rows: best.rows, nextId };
}

/** Runs a plan at its silo and drains the result; undefined when the silo cannot run all of it. */
async function timeAtSilo(plan: RelationalNode, context: StatementContext) {
  const { engine, settings, signal } = context;
  const facts = await optimizerContext(engine, settings, plan);
  const sites = assignSites(plan, { ...facts, pushdown: 'on' });
  const physical = cutIntoFragments({ plan, siteOf: (each) => sites.get(each) ?? '' }, facts);
  if (physical.fragments.length !== 1 || sites.get(plan) === 'mediator') return undefined;
  let report: FragmentReport | undefined;
  const { batches } = runPhysical(physical, facts, {
    engine,
    settings,
    signal,
    memory: () => Promise.reject(new Error('a probe reads no memory table')),
    onFragment: (each) => {
      report = each;
    },
  });
  for await (const _ of batches);
  return report === undefined
    ? undefined
    : { seconds: report.milliseconds / 1000, rows: report.rows, bytes: report.bytes };
}
