/** Real silos for tests: bind, optimize, execute, rows as text, without a catalog or a session. */
import type { Silo, TableInfo } from '../../connectors/connector.ts';
import { connectorOf } from '../../connectors/registry.ts';
import { batchTexts } from '../../connectors/row-text.ts';
import { Mediator } from '../../operators/mediator/mediator.ts';
import type { OptimizerContext, SiloFacts } from '../../optimizer/context.ts';
import { CostModel } from '../../optimizer/cost/model.ts';
import { optimize } from '../../optimizer/optimize.ts';
import type { PhysicalPlan } from '../../optimizer/physical.ts';
import { planStatement } from '../../optimizer/plan-statement.ts';
import { PolicyBook } from '../../optimizer/policy/book.ts';
import { StatisticsCache } from '../../optimizer/statistics/cache.ts';
import { Admission } from '../../src/engine/execution/admission.ts';
import { execute } from '../../src/engine/execution/execute.ts';
import type { FragmentReport } from '../../src/engine/execution/report.ts';
import { nodesOf } from '../../src/plan/traverse.ts';
import { bindSelect } from '../../src/sql/select/bind.ts';
import type { BindScope } from '../../src/sql/select/scope.ts';

export interface SiloDefinition {
  readonly kind: string;
  readonly options: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  readonly reports: readonly FragmentReport[];
}

export interface QueryOptions {
  /** The silo in which a table is read that several silos have. */
  readonly placement?: (table: string) => string;
  readonly pushdown?: 'on' | 'off';
  /** `rule`: as deep as the silos can, the default; `cost`: by the search, with the silos' own statistics. */
  readonly choose?: 'rule' | 'cost';
  readonly signal?: AbortSignal;
}

export interface OpenSilos extends AsyncDisposable {
  plan(sql: string, options?: QueryOptions): Promise<PhysicalPlan>;
  query(sql: string, options?: QueryOptions): Promise<Answer>;
}

/** Opens the silos; a table's name alone means the one of the silo that `placement` says, or of the first that has it. */
export async function openSilos(definitions: Readonly<Record<string, SiloDefinition>>): Promise<OpenSilos> {
  const signal = new AbortController().signal;
  const silos = new Map<string, { silo: Silo; facts: SiloFacts; tables: readonly TableInfo[] }>();
  for (const [name, { kind, options }] of Object.entries(definitions)) {
    const { capabilities, connect } = await connectorOf(kind);
    const silo = await connect(options, signal);
    const facts = { capabilities, context: silo.context };
    silos.set(name, { silo, facts, tables: await silo.tables(signal) });
  }
  const mediator = await Mediator.open({ memoryLimit: '2GB' });
  const admission = new Admission(4);

  const cache = new StatisticsCache((silo, table, stop) => silos.get(silo)!.silo.statistics(table, stop), {
    deadlineMs: 10_000,
  });
  const model = new CostModel((site) => definitions[site]?.kind ?? site);

  const scopeOf = ({ placement }: QueryOptions): BindScope => ({
    relation: ({ schema, name }) => {
      const placed = schema ?? placement?.(name);
      for (const [silo, { tables }] of silos) {
        const table = tables.find((each) => each.table === name);
        if (table !== undefined && (placed === undefined || placed === silo)) return { kind: 'table', silo, table };
      }
      return undefined;
    },
    relationNames: () => [...silos].flatMap(([silo, { tables }]) => tables.map(({ table }) => `${silo}.${table}`)),
  });

  const contextOf = ({ pushdown }: QueryOptions): OptimizerContext => ({
    silos: new Map([...silos].map(([name, { facts }]) => [name, facts])),
    pushdown: pushdown ?? 'on',
  });

  const plan = async (sql: string, options: QueryOptions = {}): Promise<PhysicalPlan> => {
    const bound = await bindSelect(sql, scopeOf(options));
    if (options.choose !== 'cost') return optimize(bound.plan, contextOf(options));
    const scans = [...nodesOf(bound.plan)].filter((each) => each.kind === 'scan');
    const { of: statistics } = await cache.load(scans, signal);
    return planStatement(bound.plan, {
      context: contextOf(options),
      estimation: { statistics },
      model,
      objective: 'time',
      policies: new PolicyBook([]),
    }).physical;
  };

  return {
    plan,
    async query(sql, options = {}) {
      const reports: FragmentReport[] = [];
      const execution = execute(
        await plan(sql, options),
        {
          silo: async (name) => silos.get(name)!.silo,
          mediator,
          admission,
          optimizer: contextOf(options),
          onFragment: (report) => reports.push(report),
        },
        options.signal ?? signal,
      );
      const rows: (string | null)[][] = [];
      for await (const batch of execution.batches) {
        const texts = batchTexts(batch, execution.columns);
        for (let row = 0; row < batch.numRows; row++) rows.push(texts.map((text) => text(row)));
      }
      return { columns: execution.columns.map(({ name }) => name), rows, reports };
    },
    async [Symbol.asyncDispose]() {
      await mediator[Symbol.asyncDispose]();
      for (const { silo } of silos.values()) await silo[Symbol.asyncDispose]();
    },
  };
}
