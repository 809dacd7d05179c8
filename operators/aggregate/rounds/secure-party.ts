/** A silo's part of secure rounds where its trainer is: in this process, or in the agent's. */
import type { KeyObject } from 'node:crypto';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import type { CohortLedger } from '../secure/cohort-ledger.ts';
import type { Advertisement, Confirmation, EncryptedShare, Revealed, SecureSession } from '../secure/messages.ts';
import { encode } from '../secure/ring.ts';
import { SecureSilo } from '../secure/silo.ts';
import { norm } from '../vectors.ts';
import type { LocalResult, RoundTask } from './participant.ts';
import type { MaskedResult, MaskOptions, SecureParty } from './secure-round.ts';

export interface LocalPartyOptions {
  readonly silo: string;
  readonly identity: KeyObject;
  readonly ledger: CohortLedger;
  readonly train: (task: RoundTask, signal: AbortSignal) => Promise<LocalResult>;
}

export class LocalParty implements SecureParty {
  readonly #options: LocalPartyOptions;
  #current: { readonly key: string; readonly silo: SecureSilo } | undefined;

  constructor(options: LocalPartyOptions) {
    this.#options = options;
  }

  /** A session's keys are made once; asking again for the same session gives the same ones. */
  async advertise(session: SecureSession): Promise<Advertisement> {
    const key = keyOf(session);
    if (this.#current?.key !== key) {
      const { identity, ledger, silo } = this.#options;
      this.#current = { key, silo: new SecureSilo({ silo, session, identity, ledger }) };
    }
    return this.#current.silo.advertise();
  }

  async share(
    session: SecureSession,
    roster: readonly Advertisement[],
    identities: ReadonlyMap<string, Uint8Array>,
  ): Promise<EncryptedShare[]> {
    return this.#of(session).share(roster, identities);
  }

  async train(
    session: SecureSession,
    task: RoundTask,
    { clip, range, share }: MaskOptions,
    received: readonly EncryptedShare[],
    signal: AbortSignal,
  ): Promise<MaskedResult> {
    const silo = this.#of(session);
    const { delta, loss, seconds } = await this.#options.train(task, signal);
    const size = norm(delta);
    if (!Number.isFinite(size)) {
      throw new CausewayError(SQLSTATE.trainingFailed, `the update of silo ${this.#options.silo} is not finite`, {
        silo: this.#options.silo,
      });
    }
    // Clipping scales the whole update, so it can go into the share.
    const scale = clip === undefined || size <= clip ? 1 : clip / size;
    return { masked: silo.mask(encode(delta, share * scale, range), received), loss, seconds };
  }

  async confirm(session: SecureSession, survivors: readonly string[]): Promise<Confirmation> {
    return this.#of(session).confirm(survivors);
  }

  async unmask(
    session: SecureSession,
    survivors: readonly string[],
    confirmations: readonly Confirmation[],
  ): Promise<Revealed[]> {
    return this.#of(session).unmask(survivors, confirmations);
  }

  #of(session: SecureSession): SecureSilo {
    if (this.#current?.key === keyOf(session)) return this.#current.silo;
    throw new CausewayError(
      SQLSTATE.objectNotInPrerequisiteState,
      `silo ${this.#options.silo} has no keys for round ${session.round}: it was restarted`,
      { silo: this.#options.silo, hint: 'The others’ sum is recovered without it.' },
    );
  }
}

const keyOf = ({ attempt, round, run }: SecureSession): string => JSON.stringify([run, round, attempt]);
