/** `tls-server-end-point`: the hash of the server's certificate (RFC 5929 §4.1). */
import { createHash, X509Certificate } from 'node:crypto';

/** @param certificate in PEM. Signatures by MD5, SHA-1 or a method without a hash of its own bind by SHA-256. */
export function endPointHash(certificate: string): Buffer {
  const { raw, signatureAlgorithm } = new X509Certificate(certificate);
  const hash = /sha(224|384|512)/i.exec(signatureAlgorithm ?? '')?.[1] ?? '256';
  return createHash(`sha${hash}`).update(raw).digest();
}
