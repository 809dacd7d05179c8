/** A model's card: what it is, what it was trained on, how good it is beside rules of thumb, and the SQL that made it. */
import type { StoredModel } from '../engine.ts';
import type { PartMetrics } from './metrics.ts';

/** The card as data: the catalog's facts under names a reader knows. */
export function modelCard({ model, version, createdAt, signature, metrics, query }: StoredModel) {
  const { order, entity, features, targets, sequence, split, spec, local, federation } = signature;
  return {
    model,
    version,
    created_at: createdAt,
    predicts: targets.map((target) => features[target]!.name),
    ordered_by: order.name,
    ...(entity === undefined ? {} : { per: entity.name }),
    features: features.map(({ name, scale }) => ({ name, scale })),
    sequence,
    split: split.kind === 'fractions' ? split : { kind: split.kind },
    network: { ...spec, parameters: metrics.parameters },
    training: local,
    federation: { ...federation, rounds_done: metrics.rounds.length },
    silos: metrics.silos.map(({ silo, rows, windows, test }) => ({ silo, rows, windows, test })),
    test_pooled: metrics.pooled,
    seconds: metrics.seconds,
    sql: query,
  };
}

export function modelCardMarkdown(stored: StoredModel): string {
  const card = modelCard(stored);
  const cells = (test: PartMetrics | null): (string | number)[] =>
    test === null
      ? ['–', '–', '–', '–', '–']
      : [test.count, test.rmse, test.mae, test.persistenceRmse, test.seasonalRmse].map((value) =>
          value === null ? '–' : Number(value.toPrecision(6)),
        );
  const rows = [
    ...card.silos.map(({ silo, rows: count, windows, test }) => [
      silo,
      count,
      windows.train,
      windows.validation,
      ...cells(test),
    ]),
    ['all silos', '', '', '', ...cells(card.test_pooled)],
  ];
  return `# ${card.model}, version ${card.version}

Predicts **${card.predicts.join(', ')}**, ${card.sequence.horizon} rows ahead, from ${card.sequence.window} rows of
${card.features.map(({ name }) => `\`${name}\``).join(', ')}, ordered by \`${card.ordered_by}\`${card.per === undefined ? '' : ` per \`${card.per}\``}.

- Network: ${card.network.layers} × ${card.network.cell}, ${card.network.hidden} units, ${card.network.parameters} parameters, loss ${card.network.loss}
- Training: ${card.federation.strategy}, ${card.federation.rounds_done} rounds of ${card.training.epochs} epochs, batch ${card.training.batch}, ${card.training.optimizer.name} at ${card.training.optimizer.learningRate}, seed ${card.training.seed}
- Made ${card.created_at} in ${card.seconds.toFixed(1)} s. Rows stayed in their silos; updates and sums left them.

## Test, beside rules of thumb

| silo | rows | train | validation | test | rmse | mae | persistence rmse | seasonal-naive rmse |
|---|---|---|---|---|---|---|---|---|
${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}

## SQL

\`\`\`sql
${card.sql}
\`\`\`
`;
}
