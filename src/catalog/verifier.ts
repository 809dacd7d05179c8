/** What is kept of a password: SCRAM-SHA-256 keys, in the text form of PostgreSQL's pg_authid (RFC 5802, RFC 7677). */
import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(pbkdf2);

/** RFC 7677 wants at least 4096. */
const ITERATIONS = 4096;
const SALT_BYTES = 16;
export const KEY_BYTES = 32;

export interface Verifier {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export const hmac = (key: Buffer, data: string | Buffer): Buffer => createHmac('sha256', key).update(data).digest();
export const sha256 = (data: Buffer): Buffer => createHash('sha256').update(data).digest();

/** The verifier of a new password. */
export async function makeVerifier(password: string, salt: Buffer = randomBytes(SALT_BYTES)): Promise<Verifier> {
  // SASLprep's normalisation; what it forbids is taken as it is, as PostgreSQL does.
  const salted = await derive(password.normalize('NFKC'), salt, ITERATIONS, KEY_BYTES, 'sha256');
  return {
    iterations: ITERATIONS,
    salt,
    storedKey: sha256(hmac(salted, 'Client Key')),
    serverKey: hmac(salted, 'Server Key'),
  };
}

/** `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey` */
export function formatVerifier({ iterations, salt, storedKey, serverKey }: Verifier): string {
  const base64 = (bytes: Buffer) => bytes.toString('base64');
  return `SCRAM-SHA-256$${iterations}:${base64(salt)}$${base64(storedKey)}:${base64(serverKey)}`;
}

/** Undefined for any other text. */
export function parseVerifier(text: string): Verifier | undefined {
  const match = /^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)$/.exec(text);
  if (!match) return undefined;
  const [iterations, salt, storedKey, serverKey] = match.slice(1) as [string, string, string, string];
  const verifier = {
    iterations: Number(iterations),
    salt: Buffer.from(salt, 'base64'),
    storedKey: Buffer.from(storedKey, 'base64'),
    serverKey: Buffer.from(serverKey, 'base64'),
  };
  return verifier.storedKey.length === KEY_BYTES && verifier.serverKey.length === KEY_BYTES ? verifier : undefined;
}

/**
 * A verifier for a user who does not exist: the exchange runs to its end all the same, so that names cannot be guessed.
 * @param secret the server's own: the same user always gets the same salt
 */
export function mockVerifier(user: string, secret: Buffer): Verifier {
  return {
    iterations: ITERATIONS,
    salt: hmac(secret, user).subarray(0, SALT_BYTES),
    storedKey: hmac(secret, `stored ${user}`),
    serverKey: hmac(secret, `server ${user}`),
  };
}
