/** SHOW MODELS, DESCRIBE MODEL, DROP MODEL, ALTER MODEL … ACTIVATE VERSION. */
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import { didYouMean } from '../../plan/nearest.ts';
import type { Engine, StoredModel } from '../engine.ts';
import type { StatementResult } from '../result.ts';
import { columnsOf, done, rowsResult } from '../rows.ts';
import type { StatementContext } from '../session.ts';
import { figuresOf, type TargetMetrics } from '../training/metrics.ts';

/** The model's active version. @throws CausewayError 42704 with the nearest name */
export function requireModel(engine: Engine, name: string): StoredModel {
  const found = engine.catalog.models.get(name);
  if (found !== undefined) return found;
  const names = engine.catalog.models.list().map(({ model }) => model);
  const hint = didYouMean(name, names) ?? 'Train one with TRAIN MODEL.';
  throw new CausewayError(SQLSTATE.undefinedObject, `there is no model "${name}"`, { hint });
}

/** Those that the user may ask. */
export function showModels({ engine, access }: StatementContext): StatementResult {
  const columns = columnsOf({
    name: 'text',
    version: 'integer',
    predicts: 'text',
    features: 'text',
    silos: 'text',
    created_at: 'text',
  });
  const rows = engine.catalog.models
    .list()
    .filter(({ model }) => access.mayPredict(model))
    .map(({ model, version, signature, metrics, createdAt }) => [
      model,
      version,
      signature.targets.map((target) => signature.features[target]?.name).join(', '),
      signature.features.map(({ name }) => name).join(', '),
      metrics.silos.map(({ silo }) => silo).join(', '),
      createdAt,
    ]);
  return rowsResult('SHOW MODELS', columns, rows);
}

/** Facts about every version, one per row; JSON for what has parts. */
export function describeModel({ engine, access }: StatementContext, name: string): StatementResult {
  access.requireModel(name);
  requireModel(engine, name);
  const columns = columnsOf({ version: 'integer', property: 'text', value: 'text' });
  const rows = engine.catalog.models
    .versions(name)
    .flatMap(({ version, active, signature, metrics, query, createdAt }) =>
      Object.entries({
        state: active ? 'active' : 'kept',
        'created at': createdAt,
        'ordered by': signature.order.name,
        ...(signature.entity === undefined ? {} : { entity: signature.entity.name }),
        predicts: signature.targets.map((target) => signature.features[target]?.name).join(', '),
        features: signature.features.map((feature) => feature.name).join(', '),
        window: `${signature.sequence.window} rows, horizon ${signature.sequence.horizon}`,
        network: `${signature.spec.layers} × ${signature.spec.cell}, ${signature.spec.hidden} units`,
        parameters: String(metrics.parameters),
        federation: `${signature.federation.strategy}, ${metrics.rounds.length} rounds`,
        ...Object.fromEntries(
          metrics.silos.flatMap(({ silo, test }) =>
            test.length === 0 ? [[`test of ${silo}`, 'no test windows']] : testFacts(silo, test),
          ),
        ),
        query,
      }).map(([property, value]) => [version, property, value]),
    );
  return rowsResult('DESCRIBE MODEL', columns, rows);
}

/** One fact per target, named only where there are several. */
const testFacts = (silo: string, test: readonly TargetMetrics[]): [property: string, value: string][] =>
  test.map((metrics) => [
    `test of ${silo}${test.length === 1 ? '' : `, ${metrics.target}`}`,
    Object.entries(figuresOf(metrics))
      .flatMap(([name, value]) => (value === null ? [] : [`${name} ${value.toFixed(4)}`]))
      .join(', '),
  ]);

export function dropModel(engine: Engine, name: string, ifExists: boolean): StatementResult {
  if (!ifExists) requireModel(engine, name);
  engine.training.requireIdle(name);
  engine.catalog.models.remove(name);
  engine.changed();
  return done('DROP MODEL');
}

export function activateVersion(engine: Engine, name: string, version: number): StatementResult {
  requireModel(engine, name);
  if (!engine.catalog.models.activate(name, version)) {
    const known = engine.catalog.models.versions(name).map((model) => model.version);
    throw new CausewayError(SQLSTATE.undefinedObject, `model "${name}" has no version ${version}`, {
      hint: `Its versions: ${known.join(', ')}.`,
    });
  }
  engine.changed();
  return done('ALTER MODEL');
}
