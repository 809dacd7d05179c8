/** EXPLAIN of a SELECT: its fragments, each with its site and statement. EXPLAIN TRAIN: what every silo would do and send. */
import { resolveOptions } from '../../../operators/aggregate/options.ts';
import { strategyNamed } from '../../../operators/aggregate/strategies.ts';
import { flopsPerWindow, weightCount } from '../../../operators/lstm/model.ts';
import { siloPlans } from '../../../optimizer/fragments/silo-plans.ts';
import { optimize } from '../../../optimizer/optimize.ts';
import type { PhysicalPlan } from '../../../optimizer/physical.ts';
import type { Explain, QueryText, TrainModel } from '../../sql/statements/statement.ts';
import { bindQuery } from '../bind.ts';
import type { StatementResult } from '../result.ts';
import { columnsOf, rowsResult } from '../rows.ts';
import { optimizerContext } from '../run-plan.ts';
import type { StatementContext } from '../session.ts';
import { bindTrainModel } from './train.ts';

export async function explain({ statement }: Explain, context: StatementContext): Promise<StatementResult> {
  const lines =
    statement.kind === 'query' ? await explainSelect(statement.query, context) : await explainTrain(statement, context);
  return rowsResult(
    'EXPLAIN',
    columnsOf({ 'QUERY PLAN': 'text' }),
    lines.map((line) => [line]),
  );
}

async function explainSelect({ text, offset }: QueryText, context: StatementContext): Promise<string[]> {
  const { plan } = await bindQuery(text, context.locate(offset), context);
  const facts = await optimizerContext(context.engine, context.settings, plan);
  return physicalLines(optimize(plan, facts));
}

function physicalLines({ fragments, root }: PhysicalPlan): string[] {
  return [...fragments]
    .reverse()
    .flatMap(({ id, site, request, inputs }) => [
      `${id === root ? 'result' : `exchange_${id}`} at ${site}${inputs.length === 0 ? '' : ` from ${inputs.map(({ from, kind }) => `exchange_${from} (${kind})`).join(', ')}`}`,
      ...(request.kind === 'sql' ? request.text : JSON.stringify(request)).split('\n').map((line) => `    ${line}`),
    ]);
}

async function explainTrain(statement: TrainModel, context: StatementContext): Promise<string[]> {
  const plan = await bindTrainModel(statement, context);
  const strategy = strategyNamed(plan.federation.strategy);
  resolveOptions(strategy, plan.federation.options);
  const weights = weightCount(plan.spec);
  const bytes = weights * Float32Array.BYTES_PER_ELEMENT;
  const { rounds } = plan.federation;
  const flops = flopsPerWindow(plan.spec, plan.sequence);
  const lines = [
    `TRAIN MODEL ${plan.model}: ${plan.spec.layers} × ${plan.spec.cell}, ${plan.spec.hidden} units, ${weights.toLocaleString('en-US')} weights`,
    `  aggregate at the coordinator: ${strategy.name} (${strategy.description}), ${rounds} rounds, weighted by ${plan.federation.weightBy}`,
    `  windows of ${plan.sequence.window} rows, ${plan.sequence.horizon} ahead; ${(flops / 1e6).toFixed(2)} MFLOP each per epoch`,
  ];
  for (const [silo, source] of siloPlans(plan.source)) {
    const facts = await optimizerContext(context.engine, context.settings, source);
    const physical = optimize(source, facts);
    lines.push(
      `  train in silo ${silo}`,
      `    leaves: rows 0 bytes; updates ${rounds} × ${bytes.toLocaleString('en-US')} bytes; statistics of ${plan.features.length} features`,
      ...physicalLines(physical).map((line) => `    ${line}`),
    );
  }
  return lines;
}
