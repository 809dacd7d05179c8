/** A certificate for localhost, signed by itself. */
import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { KeyPair } from '../auth/server-identity.ts';

/** As WebCrypto takes it to generate a key and to sign. */
export type KeyAlgorithm = Readonly<Record<string, unknown>>;

export const ECDSA: KeyAlgorithm = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' };

export async function selfSigned(algorithm: KeyAlgorithm = ECDSA): Promise<KeyPair> {
  x509.cryptoProvider.set(webcrypto as never);
  const generated = await webcrypto.subtle.generateKey(algorithm as never, true, ['sign', 'verify']);
  const keys = generated as unknown as webcrypto.CryptoKeyPair;
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    notBefore: new Date(),
    notAfter: new Date(Date.now() + 86_400_000),
    keys: keys as never,
    signingAlgorithm: algorithm as never,
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    certificate: made.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`,
  };
}
