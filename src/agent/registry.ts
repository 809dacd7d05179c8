/** Which agents may connect: one-time enrolment codes, issued certificates, and revocations. */
import { createHash, randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import type { Authority, IssuedCertificate } from './authority.ts';

/** Codes that are not used for this long are void. */
const CODE_LIFETIME_MS = 24 * 3600 * 1000;

export interface EnrolledAgent {
  readonly silo: string;
  readonly serial: string;
  /** Raw Ed25519 key. */
  readonly publicKey: Uint8Array;
  readonly enrolledAt: string;
  readonly revokedAt: string | null;
}

export class AgentRegistry {
  readonly #db: DatabaseSync;
  readonly #authority: Authority;

  constructor(db: DatabaseSync, authority: Authority) {
    this.#db = db;
    this.#authority = authority;
    db.exec(`CREATE TABLE IF NOT EXISTS enrolment_codes (
      digest TEXT PRIMARY KEY, silo TEXT NOT NULL, expires INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS agents (
      serial TEXT PRIMARY KEY, silo TEXT NOT NULL, public_key BLOB NOT NULL, enrolled_at TEXT NOT NULL, revoked_at TEXT
    ) STRICT`);
  }

  /** A one-time code for `silo`: 20 random characters, and the fingerprint by which the agent knows this coordinator. */
  newCode(silo: string): string {
    const secret = randomBytes(16).toString('hex');
    this.#db
      .prepare('INSERT INTO enrolment_codes VALUES (?, ?, ?)')
      .run(digest(secret), silo, Date.now() + CODE_LIFETIME_MS);
    return `${secret}.${this.#authority.fingerprint}`;
  }

  /** Uses a code up. @throws CausewayError 28P01 when it is unknown, used, or too old. */
  async enrol(code: string, request: Uint8Array): Promise<{ silo: string; issued: IssuedCertificate }> {
    const key = digest(code.split('.')[0] ?? '');
    const row = this.#db.prepare('DELETE FROM enrolment_codes WHERE digest = ? RETURNING silo, expires').get(key);
    if (row === undefined || (row.expires as number) < Date.now()) {
      throw new CausewayError(SQLSTATE.invalidPassword, 'the enrolment code is unknown, used, or too old', {
        hint: 'Ask for a new one: causeway silo enroll NAME.',
      });
    }
    return { silo: row.silo as string, issued: await this.#issue(row.silo as string, request) };
  }

  /** A new certificate in place of `serial`, which stays valid until it ends. */
  renew(silo: string, request: Uint8Array): Promise<IssuedCertificate> {
    return this.#issue(silo, request);
  }

  /** The silo that holds certificate `serial`. @throws CausewayError 28P01 when it is unknown or revoked. */
  siloOf(serial: string): string {
    const row = this.#db.prepare('SELECT silo, revoked_at FROM agents WHERE serial = ?').get(serial.toLowerCase());
    if (row === undefined) throw new CausewayError(SQLSTATE.invalidPassword, 'this certificate was not issued here');
    if (row.revoked_at === null) return row.silo as string;
    throw new CausewayError(
      SQLSTATE.invalidPassword,
      `the certificate of silo ${row.silo as string} was revoked at ${row.revoked_at as string}`,
      { hint: 'Enrol again with a new code.' },
    );
  }

  /** Revokes every certificate of a silo; returns how many. */
  revoke(silo: string): number {
    return Number(
      this.#db
        .prepare('UPDATE agents SET revoked_at = ? WHERE silo = ? AND revoked_at IS NULL')
        .run(new Date().toISOString(), silo).changes,
    );
  }

  /** The silo's valid agent key: the newest one. */
  publicKey(silo: string): Uint8Array | undefined {
    const row = this.#db
      .prepare('SELECT public_key FROM agents WHERE silo = ? AND revoked_at IS NULL ORDER BY rowid DESC LIMIT 1')
      .get(silo);
    return row?.public_key as Uint8Array | undefined;
  }

  /** Silos that have a certificate which was not revoked. */
  enrolled(): Set<string> {
    const rows = this.#db.prepare('SELECT DISTINCT silo FROM agents WHERE revoked_at IS NULL').all();
    return new Set(rows.map((row) => row.silo as string));
  }

  list(): EnrolledAgent[] {
    return this.#db
      .prepare('SELECT * FROM agents ORDER BY rowid')
      .all()
      .map((row) => ({
        silo: row.silo as string,
        serial: row.serial as string,
        publicKey: row.public_key as Uint8Array,
        enrolledAt: row.enrolled_at as string,
        revokedAt: row.revoked_at as string | null,
      }));
  }

  async #issue(silo: string, request: Uint8Array): Promise<IssuedCertificate> {
    const issued = await this.#authority.issue(request, silo);
    this.#db
      .prepare('INSERT INTO agents VALUES (?, ?, ?, ?, NULL)')
      .run(issued.serial, silo, issued.publicKey, new Date().toISOString());
    return issued;
  }
}

const digest = (secret: string): string => createHash('sha256').update(secret).digest('hex');
