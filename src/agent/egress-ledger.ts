/**
 * The egress ledger: one line per send, written before the bytes leave, each line bound to the one before by its hash.
 * The agent keeps its own; the coordinator keeps a copy per silo and signs what it received. Neither can change the
 * past without the other's copy showing it.
 */
import { createHash } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { verified } from '../../operators/aggregate/secure/keys.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';

export type EgressKind = 'rows' | 'updates' | 'statistics' | 'keys' | 'catalog' | 'errors';

export interface Sent {
  /** The job or statement that asked for it. */
  readonly purpose: string;
  readonly kind: EgressKind;
  readonly bytes: number;
  /** SHA-256 of each part, hexadecimal. */
  readonly digests: readonly string[];
}

export interface LedgerLine extends Sent {
  readonly silo: string;
  /** From 1, without gaps. */
  readonly sequence: number;
  readonly previous: string;
  readonly hash: string;
  /** Milliseconds since 1970, by the agent's clock. */
  readonly time: number;
  /** The coordinator's signature under `hash`, once it has come. */
  readonly receipt?: Uint8Array;
}

/** What precedes the first line. */
const GENESIS = '0'.repeat(64);

/** SHA-256 over everything the line says, and the line before. */
const lineHash = (line: Omit<LedgerLine, 'hash' | 'receipt'>): string =>
  createHash('sha256')
    .update(
      JSON.stringify([
        line.silo,
        line.sequence,
        line.previous,
        line.time,
        line.purpose,
        line.kind,
        line.bytes,
        line.digests,
      ]),
    )
    .digest('hex');

/** The bytes a receipt signs. */
export const receiptBytes = (silo: string, hash: string): Uint8Array =>
  Buffer.from(JSON.stringify(['causeway egress receipt', silo, hash]));

export class EgressLedger {
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
    db.exec(`CREATE TABLE IF NOT EXISTS egress_ledger (
      silo TEXT NOT NULL, sequence INTEGER NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL, time INTEGER NOT NULL,
      purpose TEXT NOT NULL, kind TEXT NOT NULL, bytes INTEGER NOT NULL, digests TEXT NOT NULL, receipt BLOB,
      PRIMARY KEY (silo, sequence)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS egress_by_purpose ON egress_ledger (silo, purpose);
    CREATE INDEX IF NOT EXISTS egress_by_hash ON egress_ledger (hash)`);
  }

  /** The agent's side: the next line, on disk before it is returned. */
  append(silo: string, sent: Sent): LedgerLine {
    const last = this.#sql(
      'SELECT sequence, hash FROM egress_ledger WHERE silo = ? ORDER BY sequence DESC LIMIT 1',
    ).get(silo) as { sequence: number; hash: string } | undefined;
    const line = {
      silo,
      sequence: (last?.sequence ?? 0) + 1,
      previous: last?.hash ?? GENESIS,
      time: Date.now(),
      ...sent,
    };
    return this.#insert({ ...line, hash: lineHash(line) });
  }

  /**
   * The coordinator's side: takes a line as the agent wrote it. The same line again changes nothing.
   * @throws CausewayError XX001 when its hash is wrong, or contradicts a line that is here.
   */
  receive(line: LedgerLine): void {
    if (lineHash(line) !== line.hash) throw broken(line, 'does not have the hash it claims');
    const known = this.#hashAt(line.silo, line.sequence);
    if (known !== undefined && known !== line.hash) throw broken(line, 'was another one when it first came');
    const before = this.#hashAt(line.silo, line.sequence - 1);
    if (before !== undefined && before !== line.previous) throw broken(line, 'does not follow the line before');
    if (known === undefined) this.#insert(line);
  }

  receipt(silo: string, hash: string, signature: Uint8Array): void {
    this.#sql('UPDATE egress_ledger SET receipt = ? WHERE silo = ? AND hash = ?').run(signature, silo, hash);
  }

  /** Bytes of one kind sent for a purpose; the same bytes sent again count once. */
  sent(silo: string, purpose: string, kind: EgressKind): number {
    const row = this.#sql(
      `SELECT total(bytes) AS bytes FROM
         (SELECT DISTINCT bytes, digests FROM egress_ledger WHERE silo = ? AND purpose = ? AND kind = ?)`,
    ).get(silo, purpose, kind);
    return row?.bytes as number;
  }

  /** True when exactly these bytes have been sent for this purpose before. */
  has(silo: string, { purpose, digests }: Sent): boolean {
    const found = this.#sql('SELECT 1 FROM egress_ledger WHERE silo = ? AND purpose = ? AND digests = ? LIMIT 1').get(
      silo,
      purpose,
      JSON.stringify(digests),
    );
    return found !== undefined;
  }

  lines(silo?: string): LedgerLine[] {
    const rows =
      silo === undefined
        ? this.#db.prepare('SELECT * FROM egress_ledger ORDER BY silo, sequence').all()
        : this.#db.prepare('SELECT * FROM egress_ledger WHERE silo = ? ORDER BY sequence').all(silo);
    return rows.map(read);
  }

  #insert(line: LedgerLine): LedgerLine {
    const { silo, sequence, previous, hash, time, purpose, kind, bytes, digests } = line;
    this.#sql('INSERT INTO egress_ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').run(
      silo,
      sequence,
      previous,
      hash,
      time,
      purpose,
      kind,
      bytes,
      JSON.stringify(digests),
      line.receipt ?? null,
    );
    return line;
  }

  #hashAt(silo: string, sequence: number): string | undefined {
    const row = this.#sql('SELECT hash FROM egress_ledger WHERE silo = ? AND sequence = ?').get(silo, sequence);
    return row?.hash as string | undefined;
  }

  /** Every send writes a line: its statements are compiled once. */
  #sql(text: string): StatementSync {
    const prepared = this.#prepared.get(text) ?? this.#db.prepare(text);
    this.#prepared.set(text, prepared);
    return prepared;
  }
}

function read(row: Record<string, unknown>): LedgerLine {
  const { receipt, digests, ...rest } = row;
  return {
    ...(rest as unknown as LedgerLine),
    digests: JSON.parse(digests as string) as string[],
    ...(receipt === null ? {} : { receipt: receipt as Uint8Array }),
  };
}

const broken = (line: LedgerLine, what: string): CausewayError =>
  new CausewayError(SQLSTATE.dataCorrupted, `line ${line.sequence} of silo ${line.silo}’s egress ledger ${what}`, {
    silo: line.silo,
    hint: 'Compare both ledgers: causeway audit verify.',
  });

export interface AuditReport {
  readonly lines: number;
  readonly bytes: number;
  /** Lines the coordinator signed for. */
  readonly acknowledged: number;
  /** Everything that is wrong; empty when the ledger holds. */
  readonly faults: readonly string[];
}

/**
 * Checks one silo's ledger: the chain, the receipts (`signingKey` is the coordinator's), and, where the coordinator's
 * copy is given, that both say the same.
 */
export function auditLedger(
  own: readonly LedgerLine[],
  signingKey: Uint8Array | undefined,
  copy: readonly LedgerLine[] | undefined,
): AuditReport {
  const faults: string[] = [];
  let previous = GENESIS;
  own.forEach((line, k) => {
    if (line.sequence !== k + 1) faults.push(`line ${k + 1} is missing: ${line.sequence} stands in its place`);
    if (line.previous !== previous) faults.push(`line ${line.sequence} does not follow the line before`);
    if (lineHash(line) !== line.hash) faults.push(`line ${line.sequence} was changed after it was written`);
    if (line.receipt && signingKey && !verified(signingKey, receiptBytes(line.silo, line.hash), line.receipt)) {
      faults.push(`line ${line.sequence} has a receipt that the coordinator did not sign`);
    }
    previous = line.hash;
  });
  const hashes = new Set(own.map((line) => line.hash));
  for (const line of copy ?? []) {
    if (!hashes.has(line.hash)) faults.push(`the coordinator has line ${line.sequence}, which the agent has not`);
  }
  return {
    lines: own.length,
    bytes: own.reduce((sum, line) => sum + line.bytes, 0),
    acknowledged: own.filter((line) => line.receipt !== undefined).length,
    faults,
  };
}
