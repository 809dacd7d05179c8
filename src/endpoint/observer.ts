/** What is told of every statement, for logs, metrics and traces. */

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

/** Passwords and other secrets in a statement's text, replaced by `***`. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/\b(password\s+)'(?:[^']|'')*'/gi, "$1'***'")
    .replace(/\b(\w*(?:password|secret|token|key|credential)\w*\s*(?:=>|=)?\s*)'(?:[^']|'')*'/gi, "$1'***'")
    .replace(/(:\/\/[^:/@\s']*:)[^@\s']*@/g, '$1***@');
}
