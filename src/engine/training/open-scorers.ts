/**
 * Opens what scores every silo's rows: beside them where updates may leave, behind the silo's agent where it has one; else
 * on rows that come to the mediator, where policies let them.
 */
import { randomUUID } from 'node:crypto';
import type { Evaluation } from '../../../operators/lstm/evaluation.ts';
import type { Explanation } from '../../../operators/lstm/explain.ts';
import type { LocalTrainerSpec } from '../../../operators/lstm/local-trainer.ts';
import { MEDIATOR } from '../../../optimizer/physical.ts';
import type { PolicyBook } from '../../../optimizer/policy/book.ts';
import { leastScoredWindows, requireScoredWindows, SCORED } from '../../../optimizer/policy/scoring.ts';
import { trainedRows } from '../../../optimizer/policy/trained-rows.ts';
import { smallestNamedGroup } from '../../../optimizer/policy/training.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import { nodesOf } from '../../plan/traverse.ts';
import type { Engine } from '../engine.ts';
import type { ScoringContext } from './forecast.ts';
import { sumsBytes } from './metered-trainer.ts';
import { openAll, openLocally, type TrainerSource, type Trainers } from './open-trainers.ts';
import { keepsHead } from './personal-heads.ts';
import type { ModelSignature } from './signature.ts';
import { type SiloScorer, scoresInside } from './silo-scorer.ts';

/**
 * @param groups whether sums by group are asked for, which tell the groups' names
 * @throws CausewayError as `openAll` does; CW001 where neither sums of errors nor rows may leave
 */
export async function openScorers(
  engine: Engine,
  source: TrainerSource,
  signature: ModelSignature,
  context: ScoringContext,
  groups = false,
): Promise<Trainers<SiloScorer>> {
  const { backend, home, policies, signal, statement, stream } = context;
  const book = await policies(signal);
  const leaving = openLocally(stream, backend);
  const inside = async (
    name: string,
    query: RelationalNode,
    spec: LocalTrainerSpec,
    leastWindows: number,
    opening: AbortSignal,
  ): Promise<SiloScorer> => {
    const { silo } = await engine.silos.open(name);
    if (scoresInside(silo)) {
      const personal = keepsHead(signature, name) ? { personal: signature.personal!.run } : {};
      const scoring = { leastWindows, ...personal, ...(groups ? { groups } : {}) };
      const run = { id: randomUUID(), statement, rounds: 0, local: signature.local, scoring };
      return silo.openScorer(spec, query, run, opening);
    }
    const scorer = await openLocally(home, backend)(name, query, spec, opening);
    try {
      requireScoredWindows(name, scorer.summary.windows.train, leastWindows);
      return scorer;
    } catch (thrown) {
      await scorer[Symbol.asyncDispose]();
      throw thrown;
    }
  };
  return openAll<SiloScorer>(
    source,
    async (silo, query, spec, opening) => {
      const least = groups ? leastNamedGroup(silo, query, book) : leastScoredWindows(silo, query, book);
      if (silo === MEDIATOR || typeof least !== 'number' || !isOwn(query, silo)) {
        return leaving(silo, query, spec, opening);
      }
      try {
        return counted(
          await inside(silo, trainedRows(query, SCORED, book).plan, spec, least, opening),
          silo,
          least,
          statement,
          engine,
        );
      } catch (refused) {
        if (!isRefusal(refused)) throw refused;
        // What keeps the sums in says more than that the rows stay, too.
        return leaving(silo, query, spec, opening).catch((thrown) => {
          throw isRefusal(thrown) ? refused : thrown;
        });
      }
    },
    signal,
  );
}

/** Windows that a group must have for its name and sums to leave. */
function leastNamedGroup(silo: string, query: RelationalNode, book: PolicyBook): number | CausewayError {
  const [sums, names] = [leastScoredWindows(silo, query, book), smallestNamedGroup(silo, query, book)];
  if (typeof sums !== 'number') return sums;
  return typeof names === 'number' ? Math.max(sums, names) : names;
}

const isOwn = (query: RelationalNode, silo: string): boolean =>
  [...nodesOf(query)].every((each) => each.kind !== 'scan' || each.silo === silo);

const isRefusal = (thrown: unknown): boolean =>
  thrown instanceof CausewayError && thrown.sqlstate === SQLSTATE.policyViolation;

/** Sums are all that leaves: that no row does is written down too, as a number. */
function counted(
  scorer: SiloScorer,
  silo: string,
  least: number,
  statement: string,
  { catalog }: Pick<Engine, 'catalog'>,
): SiloScorer {
  const left = <Sums extends Evaluation | Explanation>(sums: Sums, windows: number): Sums => {
    catalog.egress.record([
      { silo, statement, kind: 'rows', bytes: 0 },
      { silo, statement, kind: 'statistics', bytes: sumsBytes(sums) },
    ]);
    requireScoredWindows(silo, windows, least);
    return sums;
  };
  return {
    get model() {
      return scorer.model;
    },
    standardise: (merged, own) => scorer.standardise(merged, own),
    aimAt: (aim) => scorer.aimAt(aim),
    async evaluate(weights, part, signal) {
      const evaluation = await scorer.evaluate(weights, part, signal);
      return left(evaluation, evaluation.windows);
    },
    async evaluateBy(weights, part, by, signal) {
      const all = await scorer.evaluateBy(weights, part, by, signal);
      const found = all.filter(([, { windows }]) => windows >= least);
      const bytes = found.reduce((sum, [name = '', sums]) => sum + Buffer.byteLength(name) + sumsBytes(sums), 0);
      catalog.egress.record([
        { silo, statement, kind: 'rows', bytes: 0 },
        { silo, statement, kind: 'statistics', bytes },
      ]);
      return found;
    },
    async evaluateOwn(weights, part, signal) {
      const evaluation = await scorer.evaluateOwn?.(weights, part, signal);
      return evaluation === undefined ? undefined : left(evaluation, evaluation.windows);
    },
    async explain(request, signal) {
      const explanation = await scorer.explain(request, signal);
      return left(explanation, explanation.attributed);
    },
    [Symbol.asyncDispose]: () => scorer[Symbol.asyncDispose](),
  };
}
