/** `PRIVACY (…)` of a TRAIN, as the round driver carries it out: secure aggregation, and noise on the mean of whole silos. */
import { generateKeyPairSync } from 'node:crypto';
import { incompatibility } from '../../../operators/aggregate/compatibility.ts';
import { noiseFor } from '../../../operators/aggregate/privacy/accountant.ts';
import type { RunPlan } from '../../../operators/aggregate/rounds/driver.ts';
import { LocalParty } from '../../../operators/aggregate/rounds/secure-party.ts';
import type { SecureParty } from '../../../operators/aggregate/rounds/secure-round.ts';
import type { CohortLedger } from '../../../operators/aggregate/secure/cohort-ledger.ts';
import { rawPublic } from '../../../operators/aggregate/secure/keys.ts';
import { strategyNamed } from '../../../operators/aggregate/strategies.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { FederationSpec, PrivacySpec, Train } from '../../plan/training.ts';
import type { Trainers } from './open-trainers.ts';
import { countBy, trainTask } from './rounds.ts';
import type { SiloTrainer } from './silo-trainer.ts';

/** The norm to which updates are clipped where the statement does not say. */
const DEFAULT_CLIP = 1;

export interface PrivateRun {
  readonly plan: Pick<RunPlan, 'privacy' | 'secure'>;
  /** Each silo's part of secure rounds. */
  readonly parties?: ReadonlyMap<string, SecureParty>;
}

/**
 * Asked before anything runs.
 * @throws CausewayError 0A000 for parts of FEDERATE and PRIVACY that exclude each other, naming them
 */
export function requireCompatible({ federation, privacy }: Pick<Train, 'federation' | 'privacy'>, silos: number): void {
  const conflict = incompatibility({
    // What `auto` tries needs the mean only, as fedavg does.
    strategy: strategyNamed(federation.strategy === 'auto' ? 'fedavg' : federation.strategy),
    secure: privacy?.secure === true,
    centralNoise: privacy?.epsilon !== undefined && privacy.unit === 'silo',
    compression: federation.compression?.kind ?? 'none',
    silos,
    tree: federation.fanIn !== undefined,
  });
  if (conflict !== undefined) throw conflict;
  if (privacy !== undefined) requireKept(privacy, federation);
}

/** @throws CausewayError as {@link requireCompatible} does */
export function privateRun(train: Train, trainers: Trainers<SiloTrainer>, ledger: CohortLedger): PrivateRun {
  const { federation, privacy } = train;
  requireCompatible(train, trainers.silos.length);
  if (privacy === undefined) return { plan: {} };
  const counts = trainers.all.map((trainer) => countBy(federation.weightBy, trainer));
  const total = counts.reduce((sum, count) => sum + count, 0);
  const shares = new Map(trainers.silos.map((silo, i) => [silo, counts[i]! / total]));
  const central = privacy.epsilon !== undefined && privacy.unit === 'silo';
  const noise = central ? { privacy: centralNoise(privacy, federation.rounds, shares) } : {};
  if (!privacy.secure) return { plan: noise };
  const { identities, parties } = securely(train, trainers, ledger);
  return { plan: { ...noise, secure: { shares, identities } }, parties };
}

/** What is asked for is done, or refused: never ignored. */
function requireKept(
  { adaptive, clip, epsilon, secure, unit }: PrivacySpec,
  { personalize, strategy }: FederationSpec,
): void {
  if (personalize !== undefined && epsilon !== undefined) {
    throw new CausewayError(
      SQLSTATE.featureNotSupported,
      `personalize => '${personalize}' trains without noise, which PRIVACY (epsilon => …) forbids`,
      { hint: 'Leave one of the two out; PRIVACY (secure => true) goes with both.' },
    );
  }
  if (adaptive === true && (epsilon === undefined || unit !== 'silo' || secure)) {
    throw new CausewayError(
      SQLSTATE.featureNotSupported,
      'PRIVACY (adaptive => true) counts clipped silos by their updates',
      {
        hint: "It goes with epsilon and unit => 'silo', and without secure.",
      },
    );
  }
  if (epsilon === undefined && clip !== undefined) {
    throw new CausewayError(SQLSTATE.invalidParameterValue, 'PRIVACY (clip => …) means nothing without epsilon', {
      hint: 'Add epsilon => … , or limit gradients with USING lstm (clip => …).',
    });
  }
  if (epsilon === undefined || unit === 'silo') return;
  if (strategyNamed(strategy).name !== 'scaffold') return;
  throw new CausewayError(SQLSTATE.featureNotSupported, 'strategy scaffold corrects plain steps, not noised ones', {
    hint: "Use fedavg or fedprox with PRIVACY (unit => 'record').",
  });
}

/** Every silo takes part in every round, so the exact Gaussian accountant holds (q = 1). */
function centralNoise(
  { adaptive, clip = DEFAULT_CLIP, delta = 1e-6, epsilon }: PrivacySpec,
  rounds: number,
  shares: ReadonlyMap<string, number>,
): NonNullable<RunPlan['privacy']> {
  const noiseMultiplier = noiseFor(epsilon!, delta, 1, rounds);
  if (adaptive !== true) return { clip, shares, noiseMultiplier };
  // The count of unclipped silos is noised by as much as leaves the updates an affordable rest.
  const countNoise = Math.max(shares.size / 20, noiseMultiplier);
  return { clip, shares, noiseMultiplier, adaptive: { quantile: 0.5, rate: 0.2, countNoise } };
}

/** Silos behind agents bring their own keys; for the others this process makes them. */
function securely(train: Train, trainers: Trainers<SiloTrainer>, ledger: CohortLedger) {
  const { federation, local } = train;
  const schedule = { local, rounds: federation.rounds, weightBy: federation.weightBy };
  const identities = new Map<string, Uint8Array>();
  const parties = new Map<string, SecureParty>();
  trainers.all.forEach((trainer, i) => {
    const silo = trainers.silos[i]!;
    if (trainer.secure !== undefined) {
      identities.set(silo, trainer.secure.identity);
      parties.set(silo, trainer.secure.party(schedule));
      return;
    }
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    identities.set(silo, rawPublic(publicKey));
    parties.set(
      silo,
      new LocalParty({
        silo,
        identity: privateKey,
        ledger,
        train: (task, signal) => trainTask(trainer, schedule, task, signal),
      }),
    );
  });
  return { identities, parties };
}
