/** What a private TRAIN costs the tables of silos in this process, in `causeway.privacy_ledger`. Agents keep their own accounts. */
import { noiseFor } from '../../../operators/aggregate/privacy/accountant.ts';
import type { Mechanism } from '../../../operators/aggregate/privacy/rdp.ts';
import { runMechanism } from '../../../operators/lstm/private-training.ts';
import { siloPlans } from '../../../optimizer/fragments/silo-plans.ts';
import type { PolicyBook } from '../../../optimizer/policy/book.ts';
import type { Train } from '../../plan/training.ts';
import { nodesOf } from '../../plan/traverse.ts';
import type { Engine } from '../engine.ts';
import { isBehindAgent } from './open-placed.ts';
import type { Trainers } from './open-trainers.ts';
import type { SiloTrainer } from './silo-trainer.ts';

/** The δ at which budgets are kept, whatever a statement's own δ is: PRIVACY's default. */
export const LEDGER_DELTA = 1e-6;

/** How a private TRAIN noises one silo's updates; undefined for one without noise. */
export function mechanismOf(
  { federation, local, privacy }: Pick<Train, 'federation' | 'local' | 'privacy'>,
  { summary }: Pick<SiloTrainer, 'summary'>,
): Mechanism | undefined {
  if (privacy?.epsilon === undefined) return undefined;
  const { delta = LEDGER_DELTA, epsilon } = privacy;
  const { rounds } = federation;
  return local.privacy === undefined
    ? { q: 1, z: noiseFor(epsilon, delta, 1, rounds), steps: rounds }
    : runMechanism(local.privacy, { ...local, rounds, windows: summary.windows.train });
}

/**
 * Takes the whole run off every table's budget before its first round; a run that goes on is charged once.
 * @throws CausewayError CW001 when a budget (`max_epsilon` of a policy) would be exceeded
 */
export async function chargePrivacy(
  { privacyLedger, ...engine }: Pick<Engine, 'privacyLedger' | 'silos'>,
  run: string,
  train: Train,
  trainers: Trainers<SiloTrainer>,
  book: PolicyBook,
): Promise<void> {
  const { privacy, source } = train;
  for (const [silo, plan] of siloPlans(source)) {
    const trainer = trainers.all[trainers.silos.indexOf(silo)];
    if (trainer === undefined || (await isBehindAgent(engine, silo))) continue;
    const mechanism = mechanismOf(train, trainer);
    if (mechanism === undefined || privacy === undefined) continue;
    const { unit } = privacy;
    for (const each of nodesOf(plan)) {
      if (each.kind !== 'scan') continue;
      const allow = book.updates(each, privacy)?.allow;
      const budget = (allow?.kind === 'updates' ? allow.maxEpsilon : undefined) ?? Number.POSITIVE_INFINITY;
      const table = `${each.silo}.${each.table}`;
      privacyLedger.allow({ table, unit, epsilon: budget, delta: LEDGER_DELTA });
      privacyLedger.charge({ run, table, unit, ...mechanism });
    }
  }
}
