/** EXPLAIN of `ml.…` in FROM: where each silo's rows would be scored, and what would leave them. */
import { siloPlans } from '../../../optimizer/fragments/silo-plans.ts';
import { MEDIATOR } from '../../../optimizer/physical.ts';
import type { PolicyBook } from '../../../optimizer/policy/book.ts';
import { leastScoredWindows } from '../../../optimizer/policy/scoring.ts';
import { smallestNamedGroup } from '../../../optimizer/policy/training.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import { nodesOf } from '../../plan/traverse.ts';
import type { Engine, StoredModel } from '../engine.ts';
import { keepsHead } from './personal-heads.ts';
import { predictsInside } from './row-scorer.ts';
import { scoresInside } from './silo-scorer.ts';

/** One call of a model function in a statement. */
export interface AskedModel {
  /** `ml.predict`. */
  readonly name: string;
  readonly model: StoredModel;
  /** What leaves where it is computed beside the rows; nothing is computed where the figures are stored with the version. */
  readonly tells: 'rows' | 'sums' | 'groups' | 'stored';
  /** Absent: the model's feature query. */
  readonly query?: RelationalNode;
}

/** A line per silo. @param feature binds a stored model's feature query */
export async function scoringLines(
  { silos }: Pick<Engine, 'silos'>,
  { model, name, query: asked, tells }: AskedModel,
  feature: (query: string) => Promise<RelationalNode>,
  book: PolicyBook,
): Promise<string[]> {
  const call = `${name}('${model.model}')`;
  if (tells === 'stored') return [`${call}: stored with version ${model.version}, nothing is computed`];
  const query = asked ?? (await feature(model.signature.query));
  return Promise.all(
    [...siloPlans(query)].map(async ([silo, plan]) => {
      const opened = silo === MEDIATOR ? {} : (await silos.open(silo)).silo;
      const own = [...nodesOf(plan)].every((each) => each.kind !== 'scan' || each.silo === silo);
      const at = `${call}, ${silo}: `;
      if (tells === 'rows') {
        if (!own || !predictsInside(opened)) return `${at}at the mediator, on rows that leave`;
        const head = keepsHead(model.signature, silo) ? ' with its own head' : '';
        return `${at}behind its agent${head}; times, actual and predicted values leave`;
      }
      const least = leastScoredWindows(silo, plan, book);
      const named = tells === 'groups' ? smallestNamedGroup(silo, plan, book) : 1;
      if (!own || silo === MEDIATOR || typeof least !== 'number' || typeof named !== 'number') {
        return `${at}at the mediator, on rows that leave`;
      }
      const where = scoresInside(opened) ? 'behind its agent' : 'beside its rows';
      const over = Math.max(least, named);
      return `${at}${where}; sums over ${over > 1 ? `${over} windows or more` : 'windows'} leave`;
    }),
  );
}
