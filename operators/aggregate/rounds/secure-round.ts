/** One round under secure aggregation: the coordinator relays keys and shares, and learns the sum of the updates only. */
import { CausewayError, messageOf, SQLSTATE } from '../../../src/plan/errors.ts';
import { secureSum } from '../secure/coordinator.ts';
import {
  type Advertisement,
  type Confirmation,
  type EncryptedShare,
  MINIMUM_COHORT,
  type Revealed,
  type SecureSession,
  tooSmall,
} from '../secure/messages.ts';
import { DEFAULT_RANGE, decode } from '../secure/ring.ts';
import type { RoundParticipant, RoundTask } from './participant.ts';

/** What a silo tells beside its masked update. */
export interface MaskedResult {
  readonly masked: Uint32Array;
  readonly loss: number;
  readonly seconds: number;
}

/** How a silo prepares its update before it is masked. */
export interface MaskOptions {
  /** p_i, fixed before the round. */
  readonly share: number;
  /** The largest |Δ| of one weight. */
  readonly range: number;
  /** L2 norm to which the update is clipped, for central noise. */
  readonly clip?: number;
}

/** A silo's part, in the order in which it is asked. */
export interface SecureParty {
  advertise(session: SecureSession, signal: AbortSignal): Promise<Advertisement>;
  share(
    session: SecureSession,
    roster: readonly Advertisement[],
    identities: ReadonlyMap<string, Uint8Array>,
    signal: AbortSignal,
  ): Promise<readonly EncryptedShare[]>;
  /** Trains, clips, encodes and masks. */
  train(
    session: SecureSession,
    task: RoundTask,
    options: MaskOptions,
    received: readonly EncryptedShare[],
    signal: AbortSignal,
  ): Promise<MaskedResult>;
  confirm(session: SecureSession, survivors: readonly string[], signal: AbortSignal): Promise<Confirmation>;
  unmask(
    session: SecureSession,
    survivors: readonly string[],
    confirmations: readonly Confirmation[],
    signal: AbortSignal,
  ): Promise<readonly Revealed[]>;
}

export interface SecurePlan {
  /** p_i of every silo; Σp_i = 1. */
  readonly shares: ReadonlyMap<string, number>;
  /** Raw Ed25519 identity of every silo. */
  readonly identities: ReadonlyMap<string, Uint8Array>;
  readonly clip?: number;
}

export interface SecureOutcome {
  /** Σ p_i Δ_i over the survivors. */
  readonly sum: Float64Array;
  /** Σ p_i of the survivors. */
  readonly weight: number;
  readonly silos: readonly string[];
  readonly missing: Readonly<Record<string, string>>;
  /** Mean loss by the silos' shares. */
  readonly loss: number;
  readonly trainingSeconds: number;
}

/**
 * Runs the five steps; a silo that fails at one of them is left out from there on.
 * @throws CausewayError CW001 for fewer than three silos, CW002 when too many were lost to unmask the sum.
 */
export async function secureRound(
  participants: readonly RoundParticipant[],
  plan: SecurePlan,
  task: RoundTask,
  signal: AbortSignal,
): Promise<SecureOutcome> {
  const session: SecureSession = { run: task.run, round: task.round, attempt: 1 };
  const missing: Record<string, string> = {};
  const parties = new Map(participants.map((participant) => [participant.silo, partyOf(participant)]));
  /** Asks all of `silos` at once; whoever fails is missing. */
  const ask = async <T>(
    silos: readonly string[],
    question: (party: SecureParty, silo: string) => Promise<T>,
  ): Promise<Map<string, T>> => {
    const settled = await Promise.allSettled(silos.map((silo) => question(parties.get(silo)!, silo)));
    signal.throwIfAborted();
    const answers = new Map<string, T>();
    settled.forEach((entry, k) => {
      if (entry.status === 'fulfilled') answers.set(silos[k]!, entry.value);
      else missing[silos[k]!] = messageOf(entry.reason);
    });
    if (answers.size < MINIMUM_COHORT) throw lost(task.round, answers.size, missing);
    return answers;
  };
  const { identities, shares, clip } = plan;
  const advertised = await ask([...parties.keys()].sort(), (party) => party.advertise(session, signal));
  const roster = [...advertised.values()];
  const sealed = await ask([...advertised.keys()], (party) => party.share(session, roster, identities, signal));
  const sharesFor = Map.groupBy([...sealed.values()].flat(), ({ to }) => to);
  const results = await ask([...sealed.keys()], (party, silo) => {
    const received = sharesFor.get(silo) ?? [];
    const options = { share: shares.get(silo)!, range: DEFAULT_RANGE, ...(clip === undefined ? {} : { clip }) };
    return party.train(session, task, options, received, signal);
  });
  const survivors = [...results.keys()].sort();
  const confirmed = await ask(survivors, (party) => party.confirm(session, survivors, signal));
  const confirmations = [...confirmed.values()];
  const revealed = await ask([...confirmed.keys()], (party) => party.unmask(session, survivors, confirmations, signal));
  const ring = secureSum({
    session,
    roster,
    identities,
    shared: new Set(sealed.keys()),
    masked: new Map(survivors.map((silo) => [silo, results.get(silo)!.masked])),
    revealed: [...revealed.values()].flat(),
  });
  const weight = survivors.reduce((sum, silo) => sum + shares.get(silo)!, 0);
  return {
    sum: decode(ring, DEFAULT_RANGE),
    weight,
    silos: survivors,
    missing: Object.fromEntries(Object.entries(missing).filter(([silo]) => !results.has(silo))),
    loss: survivors.reduce((sum, silo) => sum + shares.get(silo)! * results.get(silo)!.loss, 0) / weight,
    trainingSeconds: Math.max(...survivors.map((silo) => results.get(silo)!.seconds)),
  };
}

function partyOf({ secure, silo }: RoundParticipant): SecureParty {
  if (secure !== undefined) return secure;
  throw new CausewayError(SQLSTATE.featureNotSupported, `silo ${silo} cannot take part in secure aggregation`, {
    silo,
  });
}

function lost(round: number, have: number, missing: Readonly<Record<string, string>>): CausewayError {
  const { hint, message, sqlstate } = tooSmall(have);
  const reasons = Object.entries(missing).map(([silo, reason]) => `${silo}: ${reason}`);
  return new CausewayError(sqlstate, `round ${round}: ${message}`, {
    ...(reasons.length === 0 ? {} : { detail: reasons.join('\n') }),
    ...(hint === undefined ? {} : { hint }),
  });
}
