/** The certificate a server shows, ready for use; it can be renewed while the server runs. */
import { createSecureContext, type SecureContext } from 'node:tls';
import { CausewayError, messageOf } from '../../plan/errors.ts';
import { CONDITION } from '../wire/conditions.ts';
import { endPointHash } from './channel-binding.ts';

/** PEM texts. */
export interface KeyPair {
  readonly key: string;
  readonly certificate: string;
}

export interface ServerIdentity {
  readonly context: SecureContext;
  /** What SCRAM-SHA-256-PLUS binds to. */
  readonly binding: Buffer;
}

/** @throws CausewayError F0000 when they are no PEM texts, or do not belong together */
export function serverIdentity({ key, certificate }: KeyPair): ServerIdentity {
  try {
    return {
      context: createSecureContext({ key, cert: certificate, minVersion: 'TLSv1.3' }),
      binding: endPointHash(certificate),
    };
  } catch (cause) {
    throw new CausewayError(CONDITION.configFile, `the certificate cannot be used: ${messageOf(cause)}`, {
      hint: 'Name a certificate chain and its private key, both as PEM.',
      cause,
    });
  }
}
