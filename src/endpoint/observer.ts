/** What is told of every statement, for logs, metrics and the audit. */
import type { AuditEntry } from '../catalog/audit.ts';

export interface StatementRecord {
  readonly user: string;
  /** The session's number; 0 for HTTP. */
  readonly pid: number;
  readonly text: string;
  readonly milliseconds: number;
  readonly rows: number;
  /** SQLSTATE, when it failed. */
  readonly sqlstate?: string;
}

export type Observe = (record: StatementRecord) => void;

/** Longer statements are cut in the audit. */
const LONGEST_AUDITED = 10_000;

/** The line of `causeway.audit`. @param text the statement without secrets */
export const auditEntry = (record: StatementRecord, text: string): AuditEntry => ({
  at: new Date().toISOString(),
  role: record.user,
  session: record.pid,
  statement: text.slice(0, LONGEST_AUDITED),
  outcome: record.sqlstate ?? 'ok',
  rows: record.rows,
  milliseconds: record.milliseconds,
});

/** Passwords and other secrets in a statement's text, replaced by `***`. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/\b(password\s+)'(?:[^']|'')*'/gi, "$1'***'")
    .replace(/\b(\w*(?:password|secret|token|key|credential)\w*\s*(?:=>|=)?\s*)'(?:[^']|'')*'/gi, "$1'***'")
    .replace(/(:\/\/[^:/@\s']*:)[^@\s']*@/g, '$1***@');
}
