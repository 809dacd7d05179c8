/**
 * Opens what a model says of single rows, for every silo: behind its agent where it has one, at the mediator else. Predictions tell
 * of the rows they are made from, so either way they leave only where the rows may.
 */
import { randomUUID } from 'node:crypto';
import { siloPlans } from '../../../optimizer/fragments/silo-plans.ts';
import { MEDIATOR } from '../../../optimizer/physical.ts';
import { constrain } from '../../../optimizer/policy/constrain.ts';
import { freshIds } from '../../../optimizer/rules/fresh-ids.ts';
import { pruneColumns } from '../../../optimizer/rules/prune-columns.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { Column } from '../../plan/expressions.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import { nodesOf } from '../../plan/traverse.ts';
import type { Engine } from '../engine.ts';
import type { ScoringContext } from './forecast.ts';
import { openAll, openLocally, type TrainerSource, type Trainers } from './open-trainers.ts';
import { keepsHead } from './personal-heads.ts';
import { LocalRowScorer, predictsInside, type RowScorer } from './row-scorer.ts';
import type { ModelSignature } from './signature.ts';

/** @throws CausewayError CW001 naming the policy, and what can be asked instead, where a silo keeps its rows in */
export async function openRowScorers(
  asked: 'ml.forecast' | 'ml.predict',
  engine: Engine,
  source: TrainerSource,
  signature: ModelSignature,
  { backend, compute, policies, signal, statement, stream }: ScoringContext,
): Promise<Trainers<RowScorer>> {
  const plans = siloPlans(source.source);
  const leaving = openLocally(stream, backend);
  const book = await policies(signal);
  try {
    return await openAll<RowScorer>(
      source,
      async (name, query, spec, opening) => {
        const { silo } = name === MEDIATOR ? { silo: {} } : await engine.silos.open(name);
        if (!predictsInside(silo) || !isOwn(query, name)) {
          const rows = featureRows(plans.get(name) ?? source.source, source);
          return new LocalRowScorer(await leaving(name, query, spec, opening), rows, compute);
        }
        const pruned = pruneColumns(query);
        const lawful = constrain(pruned, book, freshIds(pruned)).plan;
        const personal = keepsHead(signature, name) ? { personal: signature.personal!.run } : {};
        const scoring = { leastWindows: 1, rows: true, ...personal };
        const run = { id: randomUUID(), statement, rounds: 0, local: signature.local, scoring };
        const onSent = (bytes: number): void => {
          engine.catalog.egress.record([{ silo: name, statement, kind: 'rows', bytes }]);
        };
        return silo.openRowScorer(spec, lawful, run, onSent, opening);
      },
      signal,
    );
  } catch (thrown) {
    throw isRefusal(thrown) ? instead(asked, thrown) : thrown;
  }
}

/** The silo's part of the query, for features of rows to come. */
function featureRows(plan: RelationalNode, { features, order }: TrainerSource): FeatureRowsOf {
  const at = (id: number): Column => plan.columns.find((column) => column.id === id)!;
  return { plan, order: at(order.id), features: features.map(({ id }) => at(id)) };
}

type FeatureRowsOf = ConstructorParameters<typeof LocalRowScorer>[1];

const isOwn = (query: RelationalNode, silo: string): boolean =>
  [...nodesOf(query)].every((each) => each.kind !== 'scan' || each.silo === silo);

const isRefusal = (thrown: unknown): thrown is CausewayError =>
  thrown instanceof CausewayError && thrown.sqlstate === SQLSTATE.policyViolation;

function instead(asked: string, refusal: CausewayError): CausewayError {
  const { detail, hint, message, silo } = refusal;
  const other = "Where updates may leave, ml.evaluate('model', (SELECT …)) sums the model's errors beside the rows.";
  return new CausewayError(SQLSTATE.policyViolation, `${asked} tells of single rows: ${message}`, {
    ...(silo === undefined ? {} : { silo }),
    ...(detail === undefined ? {} : { detail }),
    hint: hint === undefined ? other : `${hint} ${other}`,
    cause: refusal,
  });
}
