/** A model's card: what it is, what it was trained on, how good it is beside rules of thumb, and the SQL that made it. */
import type { StoredModel } from '../engine.ts';
import { figureNames, figuresOf, type TargetMetrics } from './metrics.ts';
import type { Protection, SiloProtection } from './protection.ts';

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
    ...(metrics.protection === undefined ? {} : { protection: metrics.protection }),
    seconds: metrics.seconds,
    sql: query,
  };
}

export function modelCardMarkdown(stored: StoredModel): string {
  const card = modelCard(stored);
  const names = figureNames(stored.signature.spec);
  const lines = (leading: readonly (string | number)[], test: readonly TargetMetrics[]): (string | number)[][] =>
    test.map((metrics) => {
      const figures = figuresOf(metrics);
      return [...leading, metrics.target, metrics.windows, ...names.map((name) => shown(figures[name]))];
    });
  const rows = [
    ...card.silos.flatMap(({ silo, rows: count, windows, test }) => {
      const leading = [silo, count, windows.train, windows.validation];
      return test.length === 0 ? [[...leading, '–', 0, ...names.map(() => '–')]] : lines(leading, test);
    }),
    ...lines(['all silos', '', '', ''], card.test_pooled),
  ];
  const titles = names.map((name) => name.replace('_', ' '));
  const header = ['silo', 'rows', 'train', 'validation', 'target', 'test', ...titles];
  return `# ${card.model}, version ${card.version}

Predicts **${card.predicts.join(', ')}**, ${card.sequence.horizon} rows ahead, from ${card.sequence.window} rows of
${card.features.map(({ name }) => `\`${name}\``).join(', ')}, ordered by \`${card.ordered_by}\`${card.per === undefined ? '' : ` per \`${card.per}\``}.

- Network: ${card.network.layers} × ${card.network.cell}, ${card.network.hidden} units, ${card.network.parameters} parameters, loss ${card.network.loss}
- Training: ${card.federation.strategy}, ${card.federation.rounds_done} rounds of ${card.training.epochs} epochs, batch ${card.training.batch}, ${card.training.optimizer.name} at ${card.training.optimizer.learningRate}, seed ${card.training.seed}
- Made ${card.created_at} in ${card.seconds.toFixed(1)} s. Rows stayed in their silos; updates and sums left them.

## Test

| ${header.join(' | ')} |
|${'---|'.repeat(header.length)}
${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}

## Policies and privacy

${protectionLines(card.protection)}

## SQL

\`\`\`sql
${card.sql}
\`\`\`
`;
}

/** A line per silo: its policies, what this training cost it, and what is left. */
function protectionLines(protection: Protection | undefined): string {
  if (protection === undefined) return 'Not recorded when this version was made.';
  const { privacy, silos } = protection;
  const secure = privacy?.secure === true ? ['Updates were summed securely: no single one was seen.', ''] : [];
  return [...secure, ...silos.map((silo) => siloProtection(silo, privacy?.unit ?? 'silo'))].join('\n');
}

function siloProtection({ ledger, policies, silo, spent }: SiloProtection, unit: string): string {
  const parts = [
    policies.length === 0 ? 'no policy' : policies.map((policy) => `\`${policy}\``).join(', '),
    ...(spent === undefined ? ['no noise'] : [costText(spent, unit)]),
    ...ledger.map(({ budget, delta, spent: total, table, unit: per }) => {
      const of = budget === null ? 'no budget' : `a budget of ${shown(budget)}`;
      return `\`${table}\` has spent ε = ${shown(total)} (δ = ${delta}) per ${per} of ${of}`;
    }),
  ];
  return `- **${silo}**: ${parts.join('; ')}`;
}

function costText({ delta, epsilon, mechanism }: NonNullable<SiloProtection['spent']>, unit: string): string {
  const { q, steps, z } = mechanism;
  const sampled = q === 1 ? '' : `, each on ${shown(100 * q)} % of the rows`;
  return `this training cost ε = ${shown(epsilon)} (δ = ${delta}) per ${unit}: Gaussian noise of ${shown(z)} × the clip in ${steps} steps${sampled}`;
}

const shown = (value: number | null | undefined): string | number =>
  value === undefined || value === null ? '–' : Number(value.toPrecision(6));
