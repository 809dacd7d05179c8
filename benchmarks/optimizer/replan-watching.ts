/** What the executor does more when a statement may be planned anew: rows that flow from nowhere to nowhere, with and without. */
import { tableFromArrays } from 'apache-arrow';
import type { Silo } from '../../connectors/connector.ts';
import { type Fragment, MEDIATOR, type PhysicalPlan } from '../../optimizer/physical.ts';
import { isSurprising } from '../../optimizer/replan.ts';
import { Admission } from '../../src/engine/execution/admission.ts';
import type { ExecutionContext } from '../../src/engine/execution/execute.ts';
import { gather, type Revision } from '../../src/engine/execution/gather.ts';
import type { ExecutionSession } from '../../src/engine/execution/mediator.ts';
import { node } from '../../src/plan/nodes.ts';
import { median } from '../select/table.ts';

const BATCH = tableFromArrays({ a: Int32Array.from({ length: 100 }, (_, i) => i) }).batches[0]!;
const BATCHES = 3;
const ROWS = BATCHES * BATCH.numRows;

const fragment = (id: number, site: string, inputs: Fragment['inputs'] = []): Fragment => ({
  ...{ id, site, inputs, rows: ROWS, columns: [] },
  plan: node({ kind: 'values', rows: [], columns: [] }),
  request: { kind: 'sql', text: '' },
});

const PLAN: PhysicalPlan = {
  fragments: [
    ...['a', 'b', 'c'].map((site, i) => fragment(i + 1, site)),
    fragment(
      4,
      MEDIATOR,
      [1, 2, 3].map((from) => ({ kind: 'rows', from })),
    ),
  ],
  root: 4,
  columns: [],
};

const silo: Silo = {
  context: '',
  tables: async () => [],
  statistics: async () => undefined,
  async run() {
    const batches = async function* () {
      for (let i = 0; i < BATCHES; i++) yield BATCH;
    };
    return { kind: 'batches', columns: [], batches: batches() };
  },
  async [Symbol.asyncDispose]() {},
};

const session: ExecutionSession = {
  async ingest(_, result) {
    let rows = 0;
    if (result.kind === 'batches') for await (const { numRows } of result.batches) rows += numRows;
    return rows;
  },
  async forget() {},
  async materialize() {},
  async *query() {},
  async [Symbol.asyncDispose]() {},
};

const revision: Revision = {
  surprising: (_, shown) => isSurprising(ROWS, shown),
  revise: () => undefined,
};

/** Microseconds of processor time more per statement of three silos: the median of the differences. */
export async function watchingMicroseconds(pairs = 40, statements = 500): Promise<number> {
  const plain: ExecutionContext = {
    silo: async () => silo,
    mediator: { session: async () => session },
    admission: new Admission(1),
    optimizer: { silos: new Map(), pushdown: 'on' },
  };
  const run = async (context: ExecutionContext): Promise<number> => {
    const before = process.cpuUsage();
    for (let i = 0; i < statements; i++) {
      const stop = new AbortController();
      await gather(PLAN, { session, held: [], context, signal: stop.signal, stop }).plan;
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / statements;
  };
  const differences: number[] = [];
  for (let pair = -5; pair < pairs; pair++) {
    const [without, watched] = [await run(plain), await run({ ...plain, revision })];
    // The first ones only warm up.
    if (pair >= 0) differences.push(watched - without);
  }
  return median(differences);
}
