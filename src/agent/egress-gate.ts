/** The only way out of a silo: what no manifest allows is not sent, and what is sent is in the ledger before it leaves. */
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import type { EgressKind, EgressLedger, LedgerLine, Sent } from './egress-ledger.ts';

/** Bytes that may leave for one purpose, by kind; kinds that are not named may not leave. */
export type Manifest = Readonly<Partial<Record<EgressKind, number>>>;

/** Names and types of tables, and error messages, may always be said — in measure. */
const ALWAYS: Manifest = { catalog: 64 << 20, errors: 1 << 20 };

export class EgressGate {
  readonly #silo: string;
  readonly #ledger: EgressLedger;
  readonly #manifests = new Map<string, Manifest>();
  /** What each purpose with a manifest has sent, by kind: the ledger is asked once. */
  readonly #sent = new Map<string, Map<EgressKind, number>>();

  constructor(silo: string, ledger: EgressLedger) {
    this.#silo = silo;
    this.#ledger = ledger;
  }

  /** Allows a purpose what `manifest` says, what was sent before included. */
  allow(purpose: string, manifest: Manifest): void {
    this.#manifests.set(purpose, { ...ALWAYS, ...manifest });
  }

  forget(purpose: string): void {
    this.#manifests.delete(purpose);
    this.#sent.delete(purpose);
  }

  /**
   * Writes the ledger's line of what is about to be sent. Sending the same again adds a line, not bytes.
   * @throws CausewayError CW001 when the manifest does not allow it; nothing may be sent then.
   */
  pass(sent: Sent): LedgerLine {
    const { bytes, kind, purpose } = sent;
    const allowed = (this.#manifests.get(purpose) ?? ALWAYS)[kind] ?? 0;
    const again = this.#ledger.has(this.#silo, sent);
    const before = this.#before(purpose, kind);
    if (!again && before + bytes > allowed) throw refused(this.#silo, sent, before, allowed);
    const line = this.#ledger.append(this.#silo, sent);
    if (!again) this.#sent.get(purpose)?.set(kind, before + bytes);
    return line;
  }

  #before(purpose: string, kind: EgressKind): number {
    const known = this.#sent.get(purpose);
    const before = known?.get(kind) ?? this.#ledger.sent(this.#silo, purpose, kind);
    if (this.#manifests.has(purpose)) this.#sent.set(purpose, (known ?? new Map()).set(kind, before));
    return before;
  }
}

const refused = (silo: string, { bytes, kind, purpose }: Sent, before: number, allowed: number): CausewayError =>
  new CausewayError(
    SQLSTATE.policyViolation,
    `the agent of silo ${silo} does not send ${bytes} bytes of ${kind} for ${purpose}`,
    {
      silo,
      detail: `The egress manifest allows ${allowed} bytes of ${kind}, ${before} have left.`,
      hint: 'EXPLAIN shows what a statement needs; the silo’s owner decides in policy.sql.',
    },
  );
