/** Planning alone, with everything known already: binding and optimizing, 10 relations over 4 silos and the 22 queries. */
import type { Engine } from '../../src/engine/engine.ts';
import type { Session } from '../../src/engine/session.ts';
import { placed, QUERIES, spread } from './queries.ts';
import { ms, type Run } from './setup.ts';
import { rowsOf } from './silos.ts';
import { printTable, quantile, timed } from './table.ts';

/** Joins nation and region twice: ten relations, in files, a DuckDB file and two PostgreSQL databases. */
const TEN = `SELECT n1.n_name, n2.n_name, r1.r_name, sum(l.l_quantity)
  FROM lake.lineitem l JOIN lake.orders o ON l.l_orderkey = o.o_orderkey
  JOIN pg.customer c ON c.c_custkey = o.o_custkey JOIN pg.nation n1 ON n1.n_nationkey = c.c_nationkey
  JOIN pg.region r1 ON r1.r_regionkey = n1.n_regionkey JOIN duck.partsupp ps ON ps.ps_partkey = l.l_partkey AND ps.ps_suppkey = l.l_suppkey
  JOIN duck.part p ON p.p_partkey = ps.ps_partkey JOIN pg_b.supplier s ON s.s_suppkey = l.l_suppkey
  JOIN pg_b.nation n2 ON n2.n_nationkey = s.s_nationkey JOIN pg_b.region r2 ON r2.r_regionkey = n2.n_regionkey
  WHERE p.p_size = 7 AND r1.r_name = 'ASIA' AND r2.r_name = 'EUROPE' AND o.o_orderdate < DATE '1993-01-01'
  GROUP BY n1.n_name, n2.n_name, r1.r_name`;

const TIMES = 40;

export async function planning({ silos: { engine, session } }: Run): Promise<void> {
  const all = QUERIES.map(({ text }) => placed(text, spread));
  const rows: string[][] = [];
  for (const [what, queries, repeats] of [
    ['10 relations over 4 silos (aim: p50 < 20)', [TEN], TIMES],
    ['the 22 queries over 3 silos', all, 5],
  ] as const) {
    const bound: number[] = [];
    const planned: number[] = [];
    for (const query of queries) {
      for (let i = 0; i < repeats; i++) {
        bound.push(await timed(() => session.describe(query)));
        planned.push(await planTime(engine, session, query));
      }
    }
    const both = bound.map((time, i) => time + planned[i]!);
    rows.push([
      what,
      ms(quantile(both, 0.5)),
      ms(quantile(both, 0.95)),
      ms(quantile(bound, 0.5)),
      ms(quantile(planned, 0.5)),
    ]);
  }
  printTable('Planning with warm metadata (ms)', ['statements', 'p50', 'p95', 'binding p50', 'optimizing p50'], rows);
}

let texts = 0;

/** Milliseconds in the optimizer; the statement is stopped before it runs. */
async function planTime(engine: Engine, session: Session, sql: string): Promise<number> {
  const { planner } = engine;
  const plan = planner.plan.bind(planner);
  let time = 0;
  const planned = new Error('planned');
  planner.plan = async (request) => {
    time = await timed(() => plan(request));
    throw planned;
  };
  // Another text each time: a kept plan would not come by here.
  await rowsOf(session, `${sql} -- ${texts++}`).catch((thrown) => {
    if (thrown !== planned) throw thrown;
  });
  planner.plan = plan;
  return time;
}
