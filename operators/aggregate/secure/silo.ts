/**
 * A silo's part in secure aggregation with drop-outs: double masking after Bonawitz et al. 2017 (CCS '17, protocol of
 * figure 4 with the signatures of the active model), on the graph of Bell et al. 2020.
 */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import type { CohortLedger } from './cohort-ledger.ts';
import { neighbours, threshold } from './graph.ts';
import { type AgreementPair, agree, newAgreementPair, signWith, verified } from './keys.ts';
import { addMask } from './mask.ts';
import {
  type Advertisement,
  advertisementBytes,
  bySilo,
  type Confirmation,
  checkRoster,
  cohortDigest,
  type EncryptedShare,
  MINIMUM_COHORT,
  type Revealed,
  refused,
  type SecureSession,
  survivorBytes,
  tooSmall,
} from './messages.ts';
import { split } from './shamir.ts';

export interface SecureSiloOptions {
  readonly silo: string;
  readonly session: SecureSession;
  /** This silo's Ed25519 private key. */
  readonly identity: KeyObject;
  readonly ledger: CohortLedger;
}

/** Two shares about one sender: of its self mask's seed and of its mask key. */
interface HeldShares {
  readonly x: number;
  readonly selfMask: Uint8Array;
  readonly maskKey: Uint8Array;
}

/** One silo in one session; the calls come in the order advertise, share, mask, confirm, unmask. */
export class SecureSilo {
  readonly #options: SecureSiloOptions;
  readonly #channel: AgreementPair = newAgreementPair();
  readonly #maskPair: AgreementPair = newAgreementPair();
  readonly #selfSeed = new Uint8Array(randomBytes(32));
  readonly #held = new Map<string, HeldShares>();
  /** Under which shares go to a neighbour and come from it. */
  readonly #channelKeys = new Map<string, Uint8Array>();
  #roster = new Map<string, Advertisement>();
  #identities: ReadonlyMap<string, Uint8Array> = new Map();
  #neighbours: readonly string[] = [];
  #cohort = '';
  /** The survivors this silo has already revealed shares for. */
  #revealedFor: string | undefined;

  constructor(options: SecureSiloOptions) {
    this.#options = options;
  }

  /** Step 0: this round's keys, signed. */
  advertise(): Advertisement {
    const { silo, session, identity } = this.#options;
    const ad = { silo, channelKey: this.#channel.public, maskKey: this.#maskPair.public };
    return { ...ad, signature: signWith(identity, advertisementBytes(session, ad)) };
  }

  /**
   * Step 1: checks the roster and gives each neighbour a share of both secrets. `identities` are the raw Ed25519 public
   * keys of all silos of the run.
   * @throws CausewayError CW001
   */
  share(roster: readonly Advertisement[], identities: ReadonlyMap<string, Uint8Array>): EncryptedShare[] {
    const { silo, session } = this.#options;
    this.#identities = identities;
    checkRoster(session, roster, identities);
    const own = roster.find((ad) => ad.silo === silo);
    if (own === undefined || !Buffer.from(own.maskKey).equals(this.#maskPair.public)) {
      throw refused(silo, 'is not in the cohort with its own keys');
    }
    this.#roster = new Map(bySilo(roster).map((ad) => [ad.silo, ad]));
    this.#cohort = cohortDigest(session, roster);
    this.#neighbours = neighbours([...this.#roster.keys()], this.#cohort).get(silo)!;
    const circle = [silo, ...this.#neighbours];
    const needed = threshold(circle.length);
    const selfShares = split(this.#selfSeed, circle.length, needed);
    const keyShares = split(this.#maskPair.secret, circle.length, needed);
    const held = (k: number): HeldShares => ({
      x: selfShares[k]!.x,
      selfMask: selfShares[k]!.values,
      maskKey: keyShares[k]!.values,
    });
    this.#held.set(silo, held(0));
    return this.#neighbours.map((to, k) => ({ from: silo, to, sealed: this.#seal(to, held(k + 1)) }));
  }

  /**
   * Step 2: the encoded update under its masks. `received` are the shares of those neighbours that are still there;
   * only with them pairwise masks are exchanged.
   */
  mask(encoded: Uint32Array, received: readonly EncryptedShare[]): Uint32Array {
    const { silo, session } = this.#options;
    for (const share of received) {
      if (share.to !== silo || !this.#neighbours.includes(share.from))
        throw refused(share.from, 'is no neighbour here');
      this.#held.set(share.from, this.#open(share));
    }
    if (this.#held.size < threshold(this.#neighbours.length + 1)) throw tooSmall(this.#held.size);
    const masked = encoded.slice();
    addMask(masked, this.#selfSeed, 1);
    for (const peer of this.#held.keys()) {
      if (peer === silo) continue;
      addMask(masked, pairKey(this.#maskPair.key, this.#roster.get(peer)!.maskKey, session), silo < peer ? 1 : -1);
    }
    return masked;
  }

  /** Step 3: signs the set of silos whose masked updates have come, and remembers that it did. */
  confirm(survivors: readonly string[]): Confirmation {
    const { silo, session, identity, ledger } = this.#options;
    if (survivors.length < MINIMUM_COHORT) throw tooSmall(survivors.length);
    ledger.claim(session.run, session.round, silo, survivors);
    return { silo, signature: signWith(identity, survivorBytes(session, this.#cohort, survivors)) };
  }

  /**
   * Step 4: for each neighbour the self mask's share (a survivor) or the mask key's share (dropped out), never both,
   * and for one set of survivors only. Demands that enough neighbours signed the same set.
   */
  unmask(survivors: readonly string[], confirmations: readonly Confirmation[]): Revealed[] {
    const { silo, session, ledger } = this.#options;
    const identities = this.#identities;
    const bytes = survivorBytes(session, this.#cohort, survivors);
    const set = Buffer.from(bytes).toString();
    if (survivors.length < MINIMUM_COHORT) throw tooSmall(survivors.length);
    if (this.#revealedFor !== undefined && this.#revealedFor !== set) {
      throw refused(silo, 'was asked to unmask two sets of survivors');
    }
    const circle = new Set([silo, ...this.#neighbours]);
    const agreeing = new Set(
      confirmations
        .filter((entry) => circle.has(entry.silo) && survivors.includes(entry.silo))
        .filter((entry) => verified(identities.get(entry.silo)!, bytes, entry.signature))
        .map((entry) => entry.silo),
    );
    if (agreeing.size < threshold(circle.size)) {
      throw refused(
        silo,
        `saw only ${agreeing.size} of ${threshold(circle.size)} signatures under the set of survivors`,
      );
    }
    ledger.claim(session.run, session.round, silo, survivors);
    this.#revealedFor = set;
    const alive = new Set(survivors);
    return [...this.#held].map(([about, held]): Revealed => {
      const survived = alive.has(about);
      return {
        by: silo,
        about,
        kind: survived ? 'self-mask' : 'mask-key',
        x: held.x,
        values: survived ? held.selfMask : held.maskKey,
      };
    });
  }

  #seal(to: string, shares: HeldShares): Uint8Array {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#channelKey(to), nonce);
    cipher.setAAD(Buffer.from(JSON.stringify([this.#options.silo, to])));
    const text = Buffer.concat([Uint8Array.of(shares.x), shares.selfMask, shares.maskKey]);
    return Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  }

  #open({ from, to, sealed }: EncryptedShare): HeldShares {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#channelKey(from), sealed.subarray(0, 12));
      decipher.setAAD(Buffer.from(JSON.stringify([from, to])));
      decipher.setAuthTag(sealed.subarray(-16));
      const text = Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
      return { x: text[0]!, selfMask: text.subarray(1, 33), maskKey: text.subarray(33, 65) };
    } catch {
      throw refused(from, `sent silo ${to} a share that does not open`);
    }
  }

  #channelKey(peer: string): Uint8Array {
    const known = this.#channelKeys.get(peer);
    if (known !== undefined) return known;
    const key = agree(this.#channel.key, this.#roster.get(peer)!.channelKey, info('share', this.#options.session));
    this.#channelKeys.set(peer, key);
    return key;
  }
}

const info = (purpose: string, { run, round, attempt }: SecureSession): string =>
  JSON.stringify(['causeway secure', purpose, run, round, attempt]);

/** The pairwise mask's key, equal at both ends. */
export const pairKey = (secret: KeyObject, peer: Uint8Array, session: SecureSession): Uint8Array =>
  agree(secret, peer, info('mask', session));
