/** What travels in a secure round, and the bytes that are signed. */
import { createHash } from 'node:crypto';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import { verified } from './keys.ts';

/** Which sum this is. Every key, share and signature is bound to it. */
export interface SecureSession {
  readonly run: string;
  readonly round: number;
  readonly attempt: number;
}

/** Step 0: a silo's keys of this round, signed by its identity. */
export interface Advertisement {
  readonly silo: string;
  /** X25519 key under which shares are encrypted to this silo. */
  readonly channelKey: Uint8Array;
  /** X25519 key from which pairwise masks are derived. */
  readonly maskKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** Step 1: shares of both of the sender's secrets, readable by the recipient only. */
export interface EncryptedShare {
  readonly from: string;
  readonly to: string;
  /** AES-256-GCM: 12 bytes nonce, ciphertext, 16 bytes tag. */
  readonly sealed: Uint8Array;
}

/** Step 4: what a silo tells about one neighbour: its self mask if it survived, its mask key if it dropped out. */
export interface Revealed {
  readonly by: string;
  readonly about: string;
  readonly kind: 'self-mask' | 'mask-key';
  readonly x: number;
  readonly values: Uint8Array;
}

/** A silo's signature of the set of silos whose masked updates the coordinator has. */
export interface Confirmation {
  readonly silo: string;
  readonly signature: Uint8Array;
}

/** Fewer silos than this hide nothing: of two, each can subtract its own update. */
export const MINIMUM_COHORT = 3;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

export const advertisementBytes = (session: SecureSession, ad: Omit<Advertisement, 'signature'>): Uint8Array =>
  Buffer.from(
    JSON.stringify([
      'causeway secure keys',
      session.run,
      session.round,
      session.attempt,
      ad.silo,
      base64(ad.channelKey),
      base64(ad.maskKey),
    ]),
  );

export const survivorBytes = (session: SecureSession, cohort: string, survivors: readonly string[]): Uint8Array =>
  Buffer.from(
    JSON.stringify([
      'causeway secure survivors',
      session.run,
      session.round,
      session.attempt,
      cohort,
      [...survivors].sort(),
    ]),
  );

/** Digest of a roster: the silos and their keys of this round. */
export function cohortDigest(session: SecureSession, roster: readonly Advertisement[]): string {
  const hash = createHash('sha256');
  for (const ad of bySilo(roster)) hash.update(advertisementBytes(session, ad));
  return hash.digest('hex');
}

export const bySilo = <T extends { readonly silo: string }>(entries: readonly T[]): T[] =>
  [...entries].sort((a, b) => (a.silo < b.silo ? -1 : a.silo > b.silo ? 1 : 0));

/**
 * Checks a roster as every party must: at least three silos, each known, named once, and signed by its own identity.
 * @throws CausewayError CW001 naming the silo.
 */
export function checkRoster(
  session: SecureSession,
  roster: readonly Advertisement[],
  identities: ReadonlyMap<string, Uint8Array>,
): void {
  if (roster.length < MINIMUM_COHORT) throw tooSmall(roster.length);
  const seen = new Set<string>();
  for (const ad of roster) {
    const identity = identities.get(ad.silo);
    if (seen.has(ad.silo)) throw refused(ad.silo, 'stands twice in the cohort');
    if (identity === undefined) throw refused(ad.silo, 'is not part of this training run');
    if (!verified(identity, advertisementBytes(session, ad), ad.signature)) {
      throw refused(ad.silo, 'sent keys that its identity did not sign');
    }
    seen.add(ad.silo);
  }
}

export const refused = (silo: string, reason: string): CausewayError =>
  new CausewayError(SQLSTATE.policyViolation, `secure aggregation: silo ${silo} ${reason}`, { silo });

export const tooSmall = (silos: number): CausewayError =>
  new CausewayError(
    SQLSTATE.policyViolation,
    `secure aggregation needs at least ${MINIMUM_COHORT} silos, this round has ${silos}`,
    { hint: 'Of two silos each could subtract its own update. Add a silo, or train with PRIVACY (secure => false).' },
  );
