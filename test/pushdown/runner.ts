/** The way from a plan to rows for the connectors' kit: the real optimizer and executor over one silo. */
import type { PlanRunner } from '../../connectors/conformance-pushdown.ts';
import type { Connector, Silo } from '../../connectors/connector.ts';
import { batchTexts } from '../../connectors/row-text.ts';
import { Mediator } from '../../operators/mediator/mediator.ts';
import type { OptimizerContext } from '../../optimizer/context.ts';
import { optimize } from '../../optimizer/optimize.ts';
import { Admission } from '../../src/engine/execution/admission.ts';
import { execute } from '../../src/engine/execution/execute.ts';

export async function planRunner({ capabilities }: Connector, silo: Silo): Promise<PlanRunner> {
  const mediator = await Mediator.open({ memoryLimit: '1GB' });
  const admission = new Admission(8);
  const signal = new AbortController().signal;
  return {
    async run(plan, pushdown) {
      const context: OptimizerContext = {
        silos: new Map([['silo', { capabilities, context: silo.context }]]),
        pushdown,
      };
      const physical = optimize(plan, context);
      const run = { silo: async () => silo, mediator, admission, optimizer: context };
      const { columns, batches } = execute(physical, run, signal);
      const rows: (string | null)[][] = [];
      for await (const batch of batches) {
        const texts = batchTexts(batch, columns);
        for (let row = 0; row < batch.numRows; row++) rows.push(texts.map((text) => text(row)));
      }
      return { rows, sites: physical.fragments.map(({ site }) => site) };
    },
    [Symbol.asyncDispose]: () => mediator[Symbol.asyncDispose](),
  };
}
