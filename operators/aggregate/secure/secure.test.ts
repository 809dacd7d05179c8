import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { cohortLedger } from './cohort-ledger.ts';
import { secureSum } from './coordinator.ts';
import { degree, neighbours } from './graph.ts';
import { rawPublic } from './keys.ts';
import type { Confirmation, EncryptedShare } from './messages.ts';
import { addInto, decode, encode, quantisationStep } from './ring.ts';
import { combine, split } from './shamir.ts';
import { SecureSilo } from './silo.ts';

interface Drops {
  /** Silos that vanish after advertising, after sharing, after masking. */
  readonly afterAdvertise?: readonly string[];
  readonly afterShare?: readonly string[];
  readonly afterMask?: readonly string[];
}

const session = { run: 'r1', round: 1, attempt: 1 };
const RANGE = 8;

/** A small deterministic generator (mulberry32) for test data. */
function numbers(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Federation {
  readonly names: readonly string[];
  readonly identities: ReadonlyMap<string, Uint8Array>;
  readonly keys: ReadonlyMap<string, KeyObject>;
  readonly silo: (name: string, over?: Partial<typeof session>, db?: DatabaseSync) => SecureSilo;
}

function federation(n: number): Federation {
  const names = Array.from({ length: n }, (_, k) => `silo${String(k).padStart(3, '0')}`);
  const pairs = names.map((name) => [name, generateKeyPairSync('ed25519')] as const);
  const identities = new Map(pairs.map(([name, pair]) => [name, rawPublic(pair.publicKey)]));
  const keys = new Map(pairs.map(([name, pair]) => [name, pair.privateKey]));
  const silo: Federation['silo'] = (name, over = {}, db = new DatabaseSync(':memory:')) =>
    new SecureSilo({
      silo: name,
      session: { ...session, ...over },
      identity: keys.get(name)!,
      ledger: cohortLedger(db),
    });
  return { names, identities, keys, silo };
}

/** Runs the whole protocol; returns the decoded secure sum and the plain one over the survivors. */
function run(n: number, length: number, drops: Drops = {}): { secure: Float64Array; plain: Float64Array } {
  const { names, identities, silo } = federation(n);
  const random = numbers(n);
  const updates = new Map(names.map((name) => [name, Float32Array.from({ length }, () => random() * 4 - 2)]));
  const silos = new Map(names.map((name) => [name, silo(name)]));
  const roster = names.map((name) => silos.get(name)!.advertise());
  const gone = (...lists: (readonly string[] | undefined)[]) => new Set(lists.flatMap((list) => list ?? []));
  const sharing = names.filter((name) => !gone(drops.afterAdvertise).has(name));
  const shares: EncryptedShare[] = sharing.flatMap((name) => silos.get(name)!.share(roster, identities));
  const masking = sharing.filter((name) => !gone(drops.afterShare).has(name));
  const masked = new Map(
    masking.map((name) => {
      const encoded = encode(updates.get(name)!, 1 / n, RANGE);
      const mine = shares.filter((share) => share.to === name);
      return [name, silos.get(name)!.mask(encoded, mine)];
    }),
  );
  const answering = masking.filter((name) => !gone(drops.afterMask).has(name));
  const confirmations: Confirmation[] = answering.map((name) => silos.get(name)!.confirm(masking));
  const revealed = answering.flatMap((name) => silos.get(name)!.unmask(masking, confirmations));
  const sum = secureSum({ session, roster, identities, shared: new Set(sharing), masked, revealed });
  const plain = new Float64Array(length);
  for (const name of masking) {
    const values = updates.get(name)!;
    for (let i = 0; i < length; i++) plain[i]! += values[i]! / n;
  }
  return { secure: decode(sum, RANGE), plain };
}

function expectEqualSums({ secure, plain }: ReturnType<typeof run>, silos: number): void {
  const bound = (silos / 2) * quantisationStep(RANGE) * 1.001;
  secure.forEach((value, i) => {
    expect(Math.abs(value - plain[i]!)).toBeLessThanOrEqual(bound);
  });
}

test.each([3, 4, 16])('the secure sum of %i silos is the plain sum to the quantisation step', (n) => {
  expectEqualSums(run(n, 500), n);
});

test('a mask longer than one chunk of key stream', () => {
  expectEqualSums(run(3, 40_000), 3);
});

test('drop-outs after every step leave the sum of the survivors', () => {
  expectEqualSums(
    run(16, 200, {
      afterAdvertise: ['silo003'],
      afterShare: ['silo000', 'silo015'],
      afterMask: ['silo008', 'silo009'],
    }),
    16,
  );
});

test('70 silos mask on a sparse graph and survive drop-outs', () => {
  expect(degree(70)).toBeLessThan(69);
  expectEqualSums(run(70, 50, { afterShare: ['silo001', 'silo030', 'silo069'], afterMask: ['silo002'] }), 70);
});

test('the graph is symmetric and regular', () => {
  const names = Array.from({ length: 200 }, (_, k) => `s${k}`);
  const graph = neighbours(names, 'seed');
  for (const [silo, near] of graph) {
    expect(near).toHaveLength(degree(200));
    for (const peer of near) expect(graph.get(peer)).toContain(silo);
  }
});

test('too many drop-outs are an error that names the silo, not a wrong sum', () => {
  expect(() => run(6, 10, { afterMask: ['silo000', 'silo001', 'silo002'] })).toThrow(/signatures under the set/);
});

test('a masked update looks nothing like the update', () => {
  const { identities, names, silo } = federation(3);
  const silos = names.map((name) => silo(name));
  const roster = silos.map((entry) => entry.advertise());
  const shares = silos.flatMap((entry) => entry.share(roster, identities));
  const zeros = new Uint32Array(4096);
  const masked = silos[0]!.mask(
    zeros,
    shares.filter((share) => share.to === names[0]),
  );
  const top = masked.filter((value) => value >= 2 ** 31).length;
  // Half of the words of a uniform stream have the top bit set: 2048 ± 6 standard deviations (32).
  expect(Math.abs(top - 2048)).toBeLessThan(192);
});

describe('refusals', () => {
  test('a cohort of two', () => {
    const { identities, names, silo } = federation(2);
    const silos = names.map((name) => silo(name));
    expect(() =>
      silos[0]!.share(
        silos.map((entry) => entry.advertise()),
        identities,
      ),
    ).toThrow(/at least 3 silos/);
  });

  test('keys that the silo did not sign, and strangers', () => {
    const { identities, names, silo } = federation(4);
    const silos = names.map((name) => silo(name));
    const roster = silos.map((entry) => entry.advertise());
    const forged = roster.map((ad, k) => (k === 1 ? { ...ad, maskKey: roster[2]!.maskKey } : ad));
    expect(() => silos[0]!.share(forged, identities)).toThrow(/silo001 sent keys that its identity did not sign/);
    const stranger = [...roster, { ...roster[1]!, silo: 'mallory' }];
    expect(() => silos[0]!.share(stranger, identities)).toThrow(/mallory is not part of this training run/);
    const replayed = silo(names[1]!, { round: 2 }).advertise();
    expect(() =>
      silos[0]!.share(
        roster.map((ad, k) => (k === 1 ? replayed : ad)),
        identities,
      ),
    ).toThrow(/did not sign/);
    expect(() => silos[0]!.share([...roster, roster[1]!], identities)).toThrow(/silo001 stands twice/);
  });

  test('a sum with other silos for one update, also after a restart; the same sum again is nothing new', () => {
    const { identities, names, silo } = federation(4);
    const db = new DatabaseSync(':memory:');
    const attempt = (cohort: readonly string[], survivors = cohort): Confirmation => {
      const silos = cohort.map((name) => silo(name, {}, name === names[0] ? db : undefined));
      const roster = silos.map((entry) => entry.advertise());
      const shares = silos.flatMap((entry) => entry.share(roster, identities));
      silos[0]!.mask(
        new Uint32Array(4),
        shares.filter((share) => share.to === names[0]),
      );
      return silos[0]!.confirm(survivors);
    };
    attempt(names);
    attempt(names);
    const others = names.slice(0, 3);
    expect(() => attempt(others)).toThrow(/silo000 has already agreed to a sum of its update of round 1/);
    expect(() => attempt(names, others)).toThrow(/silo000 has already agreed to a sum of its update of round 1/);
  });

  test('both shares about one silo: two sets of survivors in one round', () => {
    const { identities, names, silo } = federation(4);
    const silos = names.map((name) => silo(name));
    const roster = silos.map((entry) => entry.advertise());
    const shares = silos.flatMap((entry) => entry.share(roster, identities));
    for (const [k, entry] of silos.entries()) {
      entry.mask(
        new Uint32Array(4),
        shares.filter((share) => share.to === names[k]),
      );
    }
    const all = silos.map((entry) => entry.confirm(names));
    const three = names.slice(0, 3);
    for (const entry of silos) expect(() => entry.confirm(three)).toThrow(/already agreed to a sum/);
    expect(new Set(silos[0]!.unmask(names, all).map((entry) => entry.kind))).toEqual(new Set(['self-mask']));
    expect(() => silos[0]!.unmask(three, all)).toThrow(/two sets of survivors/);
    expect(() => silos[1]!.unmask(names, all.slice(0, 2))).toThrow(/only 2 of 3 signatures/);
  });

  test('a share that was tampered with', () => {
    const { identities, names, silo } = federation(3);
    const silos = names.map((name) => silo(name));
    const roster = silos.map((entry) => entry.advertise());
    const shares = silos.flatMap((entry) => entry.share(roster, identities)).filter((share) => share.to === names[0]);
    const sealed = Uint8Array.from(shares[0]!.sealed);
    sealed[20]! ^= 1;
    expect(() => silos[0]!.mask(new Uint32Array(1), [{ ...shares[0]!, sealed }, shares[1]!])).toThrow(
      /silo001 sent silo silo000 a share that does not open/,
    );
  });
});

describe('Shamir', () => {
  const secret = Uint8Array.from({ length: 32 }, (_, i) => i * 7);

  test('any threshold of shares gives the secret, fewer do not', () => {
    const shares = split(secret, 9, 5);
    expect(combine(shares.slice(0, 5))).toEqual(secret);
    expect(combine([8, 2, 6, 0, 4].map((k) => shares[k]!))).toEqual(secret);
    expect(combine(shares.slice(0, 4))).not.toEqual(secret);
  });

  test('255 shares', () => {
    expect(combine(split(secret, 255, 171).slice(84))).toEqual(secret);
  });
});

test('encoding clips at the range and adds without wrapping', () => {
  const sum = encode(Float32Array.of(100, -100, 0.5), 0.5, RANGE);
  addInto(sum, encode(Float32Array.of(100, -100, -1), 0.5, RANGE));
  expect([...decode(sum, RANGE)]).toEqual([8, -8, -0.25]);
});
