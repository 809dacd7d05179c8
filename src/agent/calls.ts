/** What the coordinator asks an agent, and what comes back. */
import type { EgressKind } from './egress-ledger.ts';

export interface CallRequest {
  /** The same id again is the same call: the agent does it once. */
  readonly id: string;
  readonly method: string;
  /** A JSON value. */
  readonly body: unknown;
  readonly payloads?: readonly Uint8Array[];
}

export interface CallAnswer {
  readonly body: unknown;
  readonly payloads: readonly Uint8Array[];
}

/** What a method of the agent gets to work with. */
export interface MethodContext {
  readonly payloads: readonly Uint8Array[];
  readonly signal: AbortSignal;
  /** Streams rows to the coordinator, ahead of the answer; every chunk is written to the ledger first. */
  sendRows(chunks: AsyncIterable<Uint8Array>, purpose: string): Promise<void>;
}

/** A method's answer, and how it stands in the egress ledger. */
export interface MethodAnswer {
  readonly body: unknown;
  readonly payloads?: readonly Uint8Array[];
  readonly purpose: string;
  readonly kind: EgressKind;
}

export type Method = (body: unknown, context: MethodContext) => Promise<MethodAnswer>;
