/** Three PostgreSQL silos with every table in each, links of a chosen speed, and what is needed to plan and run. */
import pg from 'pg';
import type { TableInfo } from '../../connectors/connector.ts';
import { postgres } from '../../connectors/postgres/connector.ts';
import { Mediator } from '../../operators/mediator/mediator.ts';
import type { OptimizerContext } from '../../optimizer/context.ts';
import { calibrate, probes } from '../../optimizer/cost/calibrate.ts';
import { CostModel } from '../../optimizer/cost/model.ts';
import { cutIntoFragments } from '../../optimizer/fragments/cut.ts';
import { MEDIATOR, type PhysicalPlan } from '../../optimizer/physical.ts';
import type { PlannedStatement, PlanningInput } from '../../optimizer/plan-statement.ts';
import { StatisticsCache } from '../../optimizer/statistics/cache.ts';
import { type Estimator, estimator } from '../../optimizer/statistics/cardinality.ts';
import { startPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { Admission } from '../../src/engine/execution/admission.ts';
import { execute } from '../../src/engine/execution/execute.ts';
import type { Revision } from '../../src/engine/execution/gather.ts';
import type { FragmentReport } from '../../src/engine/execution/report.ts';
import { revisionOf } from '../../src/engine/execution/revision.ts';
import { columnIds, node, type RelationalNode, type Scan } from '../../src/plan/nodes.ts';
import { nodesOf } from '../../src/plan/traverse.ts';
import { bindSelect } from '../../src/sql/select/bind.ts';
import { simulatedSeconds } from './simulated-plan.ts';
import { type Link, throttled } from './throttled-silo.ts';

const SILOS = ['a', 'b', 'c'] as const;

export type Placement = Readonly<Record<'orders' | 'customers' | 'cities', (typeof SILOS)[number]>>;

const TABLES = `
  CREATE TABLE cities AS SELECT i AS id, i % 10 AS country, 'city ' || i AS name FROM generate_series(1, 100) AS s(i);
  CREATE TABLE customers AS SELECT i AS id, 1 + (i * 7919) % 100 AS city, 'customer ' || i AS name
    FROM generate_series(1, 2000) AS s(i);
  CREATE TABLE orders AS SELECT i AS id, 1 + (i * 104729) % 2000 AS customer, (i * 31) % 10000 AS cents,
    repeat('note ' || i, 6) AS note FROM generate_series(1, 20000) AS s(i);
  ANALYZE`;

export type Clock = 'real' | 'simulated';

const FREE: Link = { name: 'free', latency: 0, bytesPerSecond: Number.POSITIVE_INFINITY };

export interface World extends AsyncDisposable {
  readonly context: OptimizerContext;
  /** Links that take no time. */
  readonly free: Readonly<Record<string, Link>>;
  bind(sql: string, placement: Placement): Promise<RelationalNode>;
  statistics(plan: RelationalNode): ReturnType<StatisticsCache['load']>;
  /** Speeds as CALIBRATE measures them through the links, on the clock or in simulated time. */
  calibrated(links: Readonly<Record<string, Link>>, clock: Clock): Promise<CostModel>;
  /** Milliseconds of the plan in simulated time; it runs, but nobody looks at the clock. */
  simulate(plan: PhysicalPlan, links: Readonly<Record<string, Link>>, estimate: Estimator): Promise<number>;
  /** Milliseconds until the last row; infinitely many when they are more than `patience`. */
  run(plan: PhysicalPlan, links: Readonly<Record<string, Link>>, patience?: number): Promise<number>;
  /** Milliseconds until the last row of a statement that may be planned anew while it runs. */
  runRevised(plan: PlannedStatement, input: PlanningInput, links: Readonly<Record<string, Link>>): Promise<number>;
}

export async function openWorld(): Promise<World> {
  const server = await startPostgres();
  const { host, port, user, password } = server;
  const signal = new AbortController().signal;
  const admin = new pg.Client({ host, port, user, password, database: 'postgres' });
  await admin.connect();
  for (const name of SILOS) {
    await admin.query(`CREATE DATABASE silo_${name}`);
    const client = new pg.Client({ host, port, user, password, database: `silo_${name}` });
    await client.connect();
    await client.query(TABLES);
    await client.end();
  }
  await admin.end();
  const silos = new Map(
    await Promise.all(
      SILOS.map(async (name) => {
        const url = `postgresql://${user}:${password}@${host}:${port}/silo_${name}`;
        return [name as string, await postgres.connect({ url }, signal)] as const;
      }),
    ),
  );
  const tables = new Map<string, readonly TableInfo[]>();
  for (const [name, silo] of silos) tables.set(name, await silo.tables(signal));
  const mediator = await Mediator.open({ memoryLimit: '1GB' });
  const admission = new Admission(4);
  const cache = new StatisticsCache((name, table, stop) => silos.get(name)!.statistics(table, stop), {
    deadlineMs: 60_000,
  });
  const context: OptimizerContext = {
    silos: new Map(
      [...silos].map(([name, { context: own }]) => [name, { capabilities: postgres.capabilities, context: own }]),
    ),
    pushdown: 'on',
  };

  const drain = async (
    plan: PhysicalPlan,
    links: Readonly<Record<string, Link>>,
    stop = signal,
    revision?: Revision,
  ): Promise<FragmentReport[]> => {
    const slow = new Map([...silos].map(([name, silo]) => [name, throttled(silo, links[name]!)]));
    const reports: FragmentReport[] = [];
    const { batches } = execute(
      plan,
      {
        silo: async (name) => slow.get(name)!,
        mediator,
        admission,
        optimizer: context,
        onFragment: (report) => reports.push(report),
        ...(revision === undefined ? {} : { revision }),
      },
      stop,
    );
    for await (const _ of batches);
    return reports;
  };

  const unthrottled = Object.fromEntries(SILOS.map((name) => [name, FREE]));
  /** What a plan's fragments send does not depend on the links. */
  const sent = new Map<string, readonly FragmentReport[]>();

  return {
    context,
    free: unthrottled,
    async simulate(plan, links, estimate) {
      const text = JSON.stringify(
        plan.fragments.map(({ site, request, inputs }) => [site, request, inputs]),
        (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
      );
      const reports = sent.get(text) ?? (await drain(plan, unthrottled));
      sent.set(text, reports);
      return 1000 * simulatedSeconds(plan, reports, links, estimate);
    },
    async bind(sql, placement) {
      const relation = ({ name }: { readonly name: string }) => {
        const silo = placement[name as keyof Placement];
        const table = tables.get(silo)?.find((each) => each.table === name);
        return table === undefined ? undefined : ({ kind: 'table', silo, table } as const);
      };
      return (await bindSelect(sql, { relation, relationNames: () => [] })).plan;
    },
    statistics: (plan) =>
      cache.load(
        [...nodesOf(plan)].filter((each) => each.kind === 'scan'),
        signal,
      ),
    async calibrated(links, clock) {
      const model = new CostModel((site) => (site === MEDIATOR ? site : 'postgres'));
      for (const [name, list] of tables) {
        const nextId = columnIds();
        const { table, columns } = list.find((each) => each.table === 'orders')!;
        const scan: Scan = node({
          kind: 'scan',
          silo: name,
          table,
          sourceColumns: columns.map((column) => column.name),
          columns: columns.map((column) => ({ id: nextId(), name: column.name, type: column.type })),
        });
        const { of } = await cache.load([scan], signal);
        const estimate = estimator({ statistics: of });
        await calibrate(name, model, probes(scan, 20_000, nextId), async (plan) => {
          const started = performance.now();
          const physical = cutIntoFragments({ plan, siteOf: () => name }, context);
          const [report] = await drain(physical, clock === 'real' ? links : unthrottled);
          const elapsed = (performance.now() - started) / 1000;
          const seconds = clock === 'real' ? elapsed : simulatedSeconds(physical, [report!], links, estimate);
          return { seconds, rows: report!.rows, bytes: report!.bytes };
        });
      }
      return model;
    },
    async run(plan, links, patience) {
      const stop = patience === undefined ? signal : AbortSignal.timeout(Math.ceil(patience));
      const started = performance.now();
      try {
        await drain(plan, links, stop);
      } catch (thrown) {
        if (stop.aborted) return Number.POSITIVE_INFINITY;
        throw thrown;
      }
      return performance.now() - started;
    },
    async runRevised(planned, input, links) {
      const started = performance.now();
      await drain(planned.physical, links, signal, revisionOf(planned, input));
      return performance.now() - started;
    },
    async [Symbol.asyncDispose]() {
      await mediator[Symbol.asyncDispose]();
      for (const silo of silos.values()) await silo[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
