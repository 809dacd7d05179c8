/** Who may come in. */
import type { Verifier } from '../../catalog/verifier.ts';

export interface Users {
  /** While there is none, anybody may connect from this machine, under any name. */
  readonly exist: boolean;
  /** Undefined for a user who does not exist, or has no password. */
  verifier(user: string): Verifier | undefined;
}

export const NO_USERS: Users = Object.freeze({ exist: false, verifier: () => undefined });
