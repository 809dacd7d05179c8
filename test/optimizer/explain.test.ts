/** EXPLAIN as users see it: one golden text per rule and per reason of a rejection, over fixed statistics. */
import { describe, expect, it } from 'vitest';
import type { TableInfo, TableStatistics } from '../../connectors/connector.ts';
import { duckdb } from '../../connectors/duckdb/connector.ts';
import { files } from '../../connectors/files/connector.ts';
import { postgres } from '../../connectors/postgres/connector.ts';
import { CostModel } from '../../optimizer/cost/model.ts';
import type { Objective } from '../../optimizer/cost/objective.ts';
import { explainDot } from '../../optimizer/explain/dot.ts';
import { type Explained, explained, type FragmentActual } from '../../optimizer/explain/explained.ts';
import { explainText, WIDTH } from '../../optimizer/explain/text.ts';
import { NORMAL_FORM, RULES } from '../../optimizer/optimize.ts';
import { MEDIATOR } from '../../optimizer/physical.ts';
import {
  ALTERNATIVES,
  type PlannedStatement,
  type PlanningInput,
  planStatement,
  REASONS,
} from '../../optimizer/plan-statement.ts';
import { type BoundPolicy, PolicyBook } from '../../optimizer/policy/book.ts';
import { replan } from '../../optimizer/replan.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { printPlan } from '../../src/plan/print.ts';
import { type SqlType, scalar } from '../../src/plan/types.ts';
import { bindSelect } from '../../src/sql/select/bind.ts';
import type { BindScope, Relation } from '../../src/sql/select/scope.ts';

const KINDS = { berlin: postgres, paris: postgres, rome: duckdb, archive: files } as const;

const integer = scalar('integer');
const text = scalar('text');
const TABLES: Readonly<
  Record<string, { readonly rows: number; readonly columns: Readonly<Record<string, readonly [SqlType, number]>> }>
> = {
  'berlin.orders': {
    rows: 2_000_000,
    columns: {
      id: [integer, 2_000_000],
      customer: [integer, 100_000],
      cents: [integer, 50_000],
      note: [text, 1_900_000],
    },
  },
  'berlin.customers': {
    rows: 100_000,
    columns: { id: [integer, 100_000], city: [integer, 1000], name: [text, 99_000] },
  },
  'paris.cities': { rows: 1000, columns: { id: [integer, 1000], country: [integer, 50], name: [text, 990] } },
  'paris.orders': {
    rows: 500_000,
    columns: { id: [integer, 500_000], customer: [integer, 100_000], cents: [integer, 50_000], note: [text, 490_000] },
  },
  'rome.countries': { rows: 50, columns: { id: [integer, 50], name: [text, 50] } },
  'archive.events': {
    rows: 5_000_000,
    columns: { id: [integer, 5_000_000], customer: [integer, 100_000], kind: [text, 12] },
  },
};

const info = (path: string): TableInfo => ({
  table: path.split('.')[1]!,
  kind: 'table',
  columns: Object.entries(TABLES[path]!.columns).map(([name, [type]]) => ({ name, type, nullable: true })),
});

const statistics = (path: string): TableStatistics => ({
  rows: TABLES[path]!.rows,
  columns: Object.fromEntries(
    Object.entries(TABLES[path]!.columns).map(([name, [, distinct]]) => [name, { distinct }]),
  ),
});

const scope: BindScope = {
  relation({ schema, name }): Relation | undefined {
    if (schema === undefined && name === 'all_orders') {
      return {
        kind: 'federated',
        members: ['berlin', 'paris'].map((silo) => ({ silo, table: info(`${silo}.orders`) })),
      };
    }
    return TABLES[`${schema}.${name}`] === undefined
      ? undefined
      : { kind: 'table', silo: schema!, table: info(`${schema}.${name}`) };
  },
  relationNames: () => Object.keys(TABLES),
};

interface Options {
  readonly objective?: Objective;
  readonly policies?: readonly BoundPolicy[];
  readonly actuals?: { readonly reports: readonly FragmentActual[]; readonly milliseconds: number };
}

/** With phases that took no time, so that the text is always the same. */
const STILL = { rules: 0, search: 0, cut: 0, alternatives: 1 };

async function explainOf(sql: string, options: Options = {}): Promise<Explained> {
  const { planned, input } = await plannedOf(sql, options);
  return explained(
    { ...planned, milliseconds: STILL },
    input.objective,
    0,
    options.actuals && { actuals: options.actuals },
  );
}

async function plannedOf(
  sql: string,
  { objective = 'time', policies = [] }: Options = {},
): Promise<{ readonly planned: PlannedStatement; readonly input: PlanningInput }> {
  const { plan } = await bindSelect(sql, scope);
  const model = new CostModel((site) => (site === MEDIATOR ? site : KINDS[site as keyof typeof KINDS].kind));
  if (objective === 'money') for (const silo of Object.keys(KINDS)) model.configure(silo, { moneyPerByte: 9e-11 });
  const input: PlanningInput = {
    context: {
      silos: new Map(Object.entries(KINDS).map(([name, { capabilities }]) => [name, { capabilities, context: name }])),
      pushdown: 'on',
    },
    estimation: { statistics: ({ silo, table }) => statistics(`${silo}.${table}`) },
    model,
    objective,
    policies: new PolicyBook(policies),
  };
  return { planned: planStatement(plan, input, true), input };
}

const policy = (silo: string, table: string, allow: BoundPolicy['allow']): BoundPolicy => ({
  name: `${silo}_${table}`,
  silo,
  table,
  allow,
  to: { kind: 'mediator' },
});

const CASES: Readonly<Record<string, readonly [sql: string, options?: Options]>> = {
  'one silo answers alone': [
    "SELECT city, count(*) FROM berlin.customers WHERE name LIKE 'A%' GROUP BY city ORDER BY 2 DESC LIMIT 10",
  ],
  'predicates and columns are pushed into the silo': [
    'SELECT o.id, c.name FROM berlin.orders o, paris.cities c WHERE o.customer = c.id AND o.cents > 49000 AND c.country = 7',
  ],
  'keys of a small table reduce a large one': [
    'SELECT o.note, c.name FROM berlin.orders o JOIN paris.cities c ON o.customer = c.id WHERE c.country = 7',
  ],
  'tables of one silo are joined there, whatever order was written': [
    `SELECT k.name, c.name, sum(o.cents) FROM berlin.orders o, paris.cities c, rome.countries k, berlin.customers p
     WHERE o.customer = p.id AND p.city = c.id AND c.country = k.id AND p.name = 'Ada' GROUP BY k.name, c.name`,
  ],
  'a federated aggregate is partial in every silo': ['SELECT customer, avg(cents) FROM all_orders GROUP BY customer'],
  'a file is read as a scan': ['SELECT kind, count(*) FROM archive.events WHERE customer = 5 GROUP BY kind'],
  'a join that multiplies rows is done after the exchange': [
    'SELECT a.note, b.note FROM berlin.orders a JOIN berlin.orders b ON a.cents = b.cents',
  ],
  'the objective is egress': [
    'SELECT o.note, c.name FROM berlin.orders o JOIN paris.cities c ON o.customer = c.id',
    { objective: 'egress' },
  ],
  'only aggregates may leave': [
    'SELECT c.name, s.total FROM (SELECT customer, sum(cents) AS total FROM berlin.orders GROUP BY customer) s JOIN paris.cities c ON c.id = s.customer',
    { policies: [policy('berlin', 'orders', { kind: 'aggregates', minGroup: 5 })] },
  ],
  'EXISTS becomes a semi-join': [
    'SELECT c.name FROM paris.cities c WHERE EXISTS (SELECT 1 FROM berlin.customers p WHERE p.city = c.id AND p.id < 50)',
  ],
  'a correlated aggregate becomes a grouped join': [
    'SELECT c.name FROM berlin.customers c WHERE c.id = (SELECT max(o.customer) FROM berlin.orders o WHERE o.customer = c.id)',
  ],
  'what is certainly empty is not asked for': [
    'SELECT o.note FROM berlin.orders o JOIN paris.cities c ON o.customer = c.id WHERE 1 = 2',
  ],
  'what is always true is not asked for': ['SELECT note FROM berlin.orders WHERE cents > 40000 + 9 * 1000 AND true'],
  'a condition on one side of an equality holds for the other': [
    'SELECT o.note, c.name FROM berlin.orders o JOIN paris.cities c ON o.customer = c.id WHERE c.id = 42',
  ],
  'a common table expression is part of the query': [
    'WITH few AS (SELECT customer FROM berlin.orders WHERE cents < 10) SELECT c.name FROM few JOIN berlin.customers c ON c.id = few.customer',
  ],
  'a limit goes below a union into every silo': ['SELECT id, note FROM all_orders ORDER BY id LIMIT 5'],
  'only the silo that is asked for is read': ["SELECT id FROM all_orders WHERE silo = 'paris' AND cents > 49990"],
  'federated tables joined by silo are joined inside': [
    'SELECT a.silo, count(*) FROM all_orders a JOIN all_orders b ON a.silo = b.silo AND a.id = b.id GROUP BY a.silo',
  ],
  'ties are kept': ['SELECT id FROM berlin.orders ORDER BY cents FETCH FIRST 3 ROWS WITH TIES'],
  'an outer join keeps its order': [
    'SELECT c.name, o.note FROM paris.cities c LEFT JOIN berlin.orders o ON o.customer = c.id AND o.cents < 100 WHERE c.country = 7',
  ],
  'the objective is money': [
    'SELECT o.note, c.name FROM berlin.orders o JOIN paris.cities c ON o.customer = c.id WHERE c.country = 7',
    { objective: 'money' },
  ],
  'a subquery in an outer join is a column of its side': [
    'SELECT c.name, o.id FROM paris.cities c LEFT JOIN berlin.orders o ON o.customer = c.id AND c.country IN (SELECT id FROM rome.countries)',
  ],
  'a common table expression is computed for what its readers want': [
    `WITH totals AS (SELECT customer, sum(cents) AS total FROM berlin.orders GROUP BY customer)
     SELECT a.total, b.total FROM totals a JOIN totals b ON b.total = a.total WHERE a.customer < 10 AND b.customer > 99990`,
  ],
  'a row filter does not hide its columns from a search': [
    'SELECT id FROM berlin.orders WHERE customer < 10 AND CASE WHEN customer < 10 THEN cents END = 5',
  ],
  'a partial aggregate is below the join': [
    'SELECT c.name, count(*), avg(o.cents) FROM paris.orders o JOIN berlin.customers c ON o.customer = c.id GROUP BY c.name',
  ],
  'a partial aggregate makes the statement legal': [
    'SELECT c.country, sum(o.cents) FROM berlin.orders o JOIN paris.cities c ON o.customer = c.id GROUP BY c.country',
    { policies: [policy('berlin', 'orders', { kind: 'aggregates', minGroup: 5 })] },
  ],
  'a policy forbids the keys': [
    'SELECT o.note, c.name FROM berlin.orders o JOIN paris.cities c ON o.customer = c.id WHERE c.country = 7',
    { policies: [policy('paris', 'cities', { kind: 'rows', columns: ['id', 'country', 'name'] })] },
  ],
};

/** Alternatives that are shown when an aggregate may be divided. */
const DIVIDED = ['partial aggregate below the join', 'aggregate after the join'];

/** The rewritten plan in print, with all rules or without one. */
function rewritten(plan: RelationalNode, without?: string): string {
  const rules = [...NORMAL_FORM, ...RULES].filter(({ name }) => name !== without);
  return printPlan(rules.reduce((before, rule) => rule(before), plan)).replaceAll(/#\d+/g, '');
}

const file = (name: string, ending: string): string => `./golden/${name.replace(/[^a-z]+/gi, '-')}.${ending}`;

describe('EXPLAIN', () => {
  for (const [name, [sql, options]] of Object.entries(CASES)) {
    it(name, async () => {
      const lines = explainText(await explainOf(sql, options));
      for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(WIDTH);
      await expect(`${sql.replace(/\s+/g, ' ')}\n\n${lines.join('\n')}\n`).toMatchFileSnapshot(file(name, 'txt'));
    });
  }

  it('has a golden for every rule: a statement whose plan is another one without it', async () => {
    const plans = await Promise.all(Object.values(CASES).map(async ([sql]) => (await bindSelect(sql, scope)).plan));
    const all = plans.map((plan) => rewritten(plan));
    const unseen = [...new Set([...NORMAL_FORM, ...RULES].map(({ name }) => name))].filter((rule) =>
      plans.every((plan, i) => rewritten(plan, rule) === all[i]),
    );
    expect(unseen).toEqual([]);
  });

  it('has a golden for every alternative that is shown, and for every reason against one', async () => {
    const rejected = (await Promise.all(Object.values(CASES).map(([sql, options]) => explainOf(sql, options)))).flatMap(
      (each) => each.rejected,
    );
    const names = new Set(rejected.map(({ name }) => name));
    expect([...ALTERNATIVES.map(({ name }) => name), ...DIVIDED].filter((name) => !names.has(name))).toEqual([]);
    const reasons = new Set(rejected.map(({ reason }) => reason));
    const unseen: string[] = [];
    for (const [kind, reason] of Object.entries(REASONS)) {
      const pattern = new RegExp(
        `^${reason('@', '#').replace('@', '(> 100|[\\d.]+)').replace('#', '(time|bytes|price)')}$`,
      );
      if (![...reasons].some((each) => pattern.test(each))) unseen.push(kind);
    }
    for (const word of ['time', 'bytes', 'price']) {
      if (![...reasons].some((each) => each.endsWith(` the ${word}`))) unseen.push(word);
    }
    expect(unseen).toEqual([]);
    expect([...reasons].some((reason) => reason.includes('policies of'))).toBe(true);
    expect([...reasons].some((reason) => /^policy ".*" (lets only|does not let)/.test(reason))).toBe(true);
  });

  const keys = CASES['keys of a small table reduce a large one']![0];

  it('ANALYZE puts the truth beside the estimate', async () => {
    const reports = [
      { fragment: 1, rows: 22, bytes: 700, milliseconds: 3 },
      { fragment: 2, rows: 9000, bytes: 400_000, milliseconds: 80, keys: 22 },
      { fragment: 3, rows: 9000, bytes: 400_000, milliseconds: 4 },
    ];
    const lines = explainText(await explainOf(keys, { actuals: { reports, milliseconds: 90 } }));
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(file('analyze', 'txt'));
    expect(lines.join('\n')).toMatch(/actual 9,000 rows .* 22 keys sent · 22\.5 × off/);
  });

  it('ANALYZE shows the plan that was made while the first one ran', async () => {
    const { planned, input } = await plannedOf(
      "SELECT o.note, p.name FROM paris.orders o JOIN berlin.customers p ON o.customer = p.id WHERE p.name <> 'Ada'",
    );
    const at = (site: string) => planned.physical.fragments.find((each) => each.site === site)!.id;
    const [customers, orders] = [at('berlin'), at('paris')];
    const replanned = replan(
      planned,
      input,
      new Map([
        [customers, { rows: 12, done: true }],
        [orders, { rows: 576, done: false }],
      ]),
    )!;
    const [again, root] = replanned.physical.fragments.map(({ id }) => id).filter((id) => id > 3);
    const lines = explainText(
      explained({ ...replanned, rejected: [], milliseconds: STILL }, 'time', 0, {
        actuals: {
          reports: [
            { fragment: customers, rows: 12, bytes: 480, milliseconds: 15 },
            { fragment: orders, rows: 576, bytes: 23_000, milliseconds: 20, stopped: true },
            { fragment: again!, rows: 61, bytes: 2400, milliseconds: 18, keys: 12 },
            { fragment: root!, rows: 61, bytes: 2400, milliseconds: 2 },
          ],
          replans: [{ reason: replanned.reason, milliseconds: 16 }],
          milliseconds: 41,
        },
      }),
    );
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(file('planned anew while it ran', 'txt'));
    expect(lines.join('\n')).toMatch(/only rows with a key of \(\d\)/);
    expect(lines.join('\n')).toMatch(/berlin \(\d\) had 12 rows, .* were expected/);
  });

  it('as dot', async () => {
    await expect(`${explainDot(await explainOf(keys)).join('\n')}\n`).toMatchFileSnapshot(file('keys', 'dot'));
  });

  it('as JSON, with everything the text says', async () => {
    const data = JSON.parse(JSON.stringify(await explainOf(keys))) as Explained;
    expect(data.fragments.map(({ site }) => site)).toEqual(['mediator', 'berlin', 'paris']);
    expect(data.fragments[1]!.inputs).toEqual([{ from: data.fragments[2]!.id, kind: 'keys' }]);
    expect(data.rejected.map(({ name }) => name)).toContain('no semi-join keys');
  });
});
