/** Whether a silo can do its share of a TRAIN inside its own engine: what the code there can do, and what nobody's could. */
import type { TrainingStep } from '../../../connectors/training-step.ts';
import { resolveOptions } from '../../../operators/aggregate/options.ts';
import { strategyNamed } from '../../../operators/aggregate/strategies.ts';
import { weightCount } from '../../../operators/lstm/model.ts';
import { MEDIATOR } from '../../../optimizer/physical.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import type { Train } from '../../plan/training.ts';
import type { Engine } from '../engine.ts';
import { planRows } from '../run-plan.ts';
import type { StatementContext } from '../session.ts';

/** The code that is installed in a silo; undefined where there is none. Rows of several silos have no engine in common. */
export const stepOf = async ({ silos }: Pick<Engine, 'silos'>, silo: string): Promise<TrainingStep | undefined> =>
  silo === MEDIATOR ? undefined : (await silos.open(silo)).silo.trainingStep;

/** A silo's whole feature query as one statement of its engine; undefined where a part of it stays at the mediator. */
export type CompileInside = (silo: string, query: RelationalNode) => Promise<string | undefined>;

export const compileInside =
  ({ engine, settings, signal }: Pick<StatementContext, 'engine' | 'settings' | 'signal'>): CompileInside =>
  async (silo, query) => {
    const memory = () => Promise.reject(new Error('no memory table is read by one silo alone'));
    const { planned } = await planRows(query, { engine, settings, signal, memory });
    const [fragment, ...others] = planned.physical.fragments;
    if (fragment === undefined || others.length > 0) return undefined;
    return fragment.site === silo && fragment.request.kind === 'sql' ? fragment.request.text : undefined;
  };

/** Why a TRAIN cannot be done inside a silo's engine: no code there could, this one cannot, or not with this query. */
export function refusedInside(step: TrainingStep, plan: Train, statement: string | undefined): string | undefined {
  const { features, sequence, spec, local } = plan;
  const refused = outOfReach(plan) ?? step.refusal({ features, sequence, spec, local, weights: weightCount(spec) });
  if (refused !== undefined) return `its engine cannot do this: ${refused}`;
  return statement === undefined ? 'a part of the feature query can only be done outside its engine' : undefined;
}

/** What needs more of a silo than a call that knows nothing of the one before. */
function outOfReach({ federation, local, privacy }: Train): string | undefined {
  const { compression, options, personalize, strategy } = federation;
  if (privacy?.secure === true) return 'PRIVACY (secure), whose masks need a key of the silo';
  if (local.privacy !== undefined) return `noise for every ${local.privacy.unit}, PRIVACY (epsilon)`;
  if (compression !== undefined) return `the compression ${compression.kind}`;
  if (personalize !== undefined) return `a ${personalize} of each silo's own (personalize)`;
  if (strategy === 'auto') return 'the trials of strategy auto';
  const named = strategyNamed(strategy);
  const controlled = named.local?.(resolveOptions(named, options)).controlVariates === true;
  return controlled ? `the corrections of strategy ${named.name}` : undefined;
}
