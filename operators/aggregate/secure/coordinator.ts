/** The coordinator's part in secure aggregation: it relays sealed shares and learns the sum of the survivors only. */
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import { neighbours, threshold } from './graph.ts';
import { agreementKey } from './keys.ts';
import { addMask } from './mask.ts';
import {
  type Advertisement,
  bySilo,
  checkRoster,
  cohortDigest,
  MINIMUM_COHORT,
  type Revealed,
  refused,
  type SecureSession,
  tooSmall,
} from './messages.ts';
import { addInto } from './ring.ts';
import { combine } from './shamir.ts';
import { pairKey } from './silo.ts';

export interface SecureSumInput {
  readonly session: SecureSession;
  readonly roster: readonly Advertisement[];
  readonly identities: ReadonlyMap<string, Uint8Array>;
  /** Silos that sealed shares in step 1: with these, and no others, masks were exchanged. */
  readonly shared: ReadonlySet<string>;
  /** Masked updates by silo; its keys are the survivors. */
  readonly masked: ReadonlyMap<string, Uint32Array>;
  readonly revealed: readonly Revealed[];
}

/**
 * The sum of the survivors' encoded updates, modulo 2³².
 * @throws CausewayError CW001 for fewer than 3 survivors or bad messages, CW002 when shares are missing.
 */
export function secureSum(input: SecureSumInput): Uint32Array {
  const { session, roster, identities, shared, masked } = input;
  checkRoster(session, roster, identities);
  if (masked.size < MINIMUM_COHORT) throw tooSmall(masked.size);
  const keys = new Map(bySilo(roster).map((ad) => [ad.silo, ad.maskKey]));
  const graph = neighbours([...keys.keys()], cohortDigest(session, roster));
  const survivors = [...masked.keys()].sort();
  const length = masked.get(survivors[0]!)!.length;
  const sum = new Uint32Array(length);
  for (const silo of survivors) {
    const values = masked.get(silo)!;
    if (values.length !== length) throw refused(silo, `sent ${values.length} values, the others ${length}`);
    addInto(sum, values);
    addMask(sum, secretOf(input.revealed, silo, 'self-mask', graph.get(silo)!.length + 1), -1);
  }
  for (const dropped of shared) {
    if (masked.has(dropped)) continue;
    const near = graph.get(dropped)!.filter((peer) => masked.has(peer));
    if (near.length === 0) continue;
    const secret = agreementKey(secretOf(input.revealed, dropped, 'mask-key', graph.get(dropped)!.length + 1));
    // A survivor below the dropped silo added the pair's mask, one above it subtracted it.
    for (const peer of near) addMask(sum, pairKey(secret, keys.get(peer)!, session), peer < dropped ? -1 : 1);
  }
  return sum;
}

function secretOf(revealed: readonly Revealed[], about: string, kind: Revealed['kind'], circle: number): Uint8Array {
  const needed = threshold(circle);
  const shares = revealed.filter((entry) => entry.about === about && entry.kind === kind).slice(0, needed);
  if (shares.length === needed) return combine(shares);
  throw new CausewayError(
    SQLSTATE.trainingFailed,
    `secure aggregation: ${shares.length} of ${needed} shares about silo ${about} have come`,
    {
      silo: about,
      hint: 'Too many silos were lost in this round; it cannot be unmasked. RESUME TRAIN when they are back.',
    },
  );
}
