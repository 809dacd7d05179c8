/** What the endpoint and the oracle's thread say to each other. */

export interface OracleStart {
  /** A data directory to start from (tar, gzip); without it a new one is made. */
  readonly dump?: Uint8Array<ArrayBuffer>;
  /** Every schema change since, in order: replayed, each object gets the number it had. */
  readonly schema: readonly string[];
}

/** Whose statement it is. */
export interface SessionContext {
  readonly role: string;
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** The exchange may leave other settings behind. */
  readonly changes?: boolean;
}

export type OracleRequest = { readonly id: number } & (
  | { readonly kind: 'schema'; readonly text: string }
  | { readonly kind: 'dump' }
  | { readonly kind: 'exchange'; readonly session: SessionContext; readonly bytes: Uint8Array }
);

/** Answer 0 says that the thread is ready. */
export interface OracleAnswer {
  readonly id: number;
  readonly bytes?: Uint8Array<ArrayBuffer>;
  readonly error?: string;
}
