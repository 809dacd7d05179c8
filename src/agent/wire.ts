/** Between the product's values and the protocol's messages. */
import { create } from '@bufbuild/protobuf';
import { CausewayError, messageOf, SQLSTATE } from '../plan/errors.ts';
import type { EgressKind, LedgerLine } from './egress-ledger.ts';
import { CHUNK_BYTES, type PayloadRef } from './payload-store.ts';
import { type Failure, FailureSchema, type LedgerEntry, LedgerEntrySchema } from './protocol/agent_pb.ts';

/** Both ends must speak this one. */
export const PROTOCOL_VERSION = 2;

/** Signatures expire by the clock: an agent whose clock is further off is told so at once. */
export const MOST_CLOCK_SKEW_MS = 5 * 60_000;

/** Something is said at least this often; three silences in a row are a lost link. */
export const ALIVE_INTERVAL_MS = 15_000;

export const refFromWire = (ref: { readonly digest: string; readonly size: bigint }): PayloadRef => ({
  digest: ref.digest,
  size: Number(ref.size),
});

export const refToWire = (ref: PayloadRef): { digest: string; size: bigint } => ({
  digest: ref.digest,
  size: BigInt(ref.size),
});

/** One that travels with its message, and one that is fetched in chunks. */
export const payloadToWire = (ref: PayloadRef, bytes: Uint8Array) =>
  isSmall(ref) ? { ...refToWire(ref), data: bytes } : refToWire(ref);

export const isSmall = ({ size }: PayloadRef): boolean => size <= CHUNK_BYTES;

export function entryToWire(line: LedgerLine): LedgerEntry {
  const { sequence, previous, hash, time, purpose, kind, bytes, digests } = line;
  return create(LedgerEntrySchema, {
    sequence: BigInt(sequence),
    previous,
    hash,
    time: BigInt(time),
    purpose,
    kind,
    bytes: BigInt(bytes),
    digests: [...digests],
  });
}

/** The line as the agent of `silo` claims it. */
export function entryFromWire(silo: string, entry: LedgerEntry): LedgerLine {
  const { sequence, previous, hash, time, purpose, kind, bytes, digests } = entry;
  return {
    silo,
    sequence: Number(sequence),
    previous,
    hash,
    time: Number(time),
    purpose,
    kind: kind as EgressKind,
    bytes: Number(bytes),
    digests,
  };
}

export function failureToWire(thrown: unknown): Failure {
  if (!(thrown instanceof CausewayError)) {
    return create(FailureSchema, { sqlstate: SQLSTATE.internalError, message: messageOf(thrown) });
  }
  const { sqlstate, message, detail = '', hint = '', silo = '' } = thrown;
  return create(FailureSchema, { sqlstate, message, detail, hint, silo });
}

export function failureFromWire(silo: string, failure: Failure): CausewayError {
  const { sqlstate, message, detail, hint } = failure;
  return new CausewayError(sqlstate, message, {
    silo,
    ...(detail === '' ? {} : { detail }),
    ...(hint === '' ? {} : { hint }),
  });
}
