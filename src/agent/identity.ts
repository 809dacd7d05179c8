/** Who an agent is: its key, made where it stands and never sent, and what the coordinator gave it for a one-time code. */
import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { CausewayError, messageOf, SQLSTATE } from '../plan/errors.ts';
import { AGENT_DAYS, keptKey, pemOf, webKeys } from './authority.ts';
import { type DialOptions, dial } from './dial.ts';

export interface Identity {
  readonly silo: string;
  readonly key: KeyObject;
  /** PEM. */
  readonly certificate: string;
  /** PEM of the coordinator's root, pinned. */
  readonly authority: string;
  /** Raw Ed25519 key that signs jobs and receipts. */
  readonly signingKey: Uint8Array;
}

interface Stored {
  readonly silo: string;
  readonly certificate: string;
  readonly authority: string;
  readonly signingKey: string;
}

const FILE = 'identity.json';

/** The identity kept in `directory`, or undefined before enrolment. */
export function loadIdentity(directory: string): Identity | undefined {
  const path = join(directory, FILE);
  if (!existsSync(path)) return undefined;
  const stored = JSON.parse(readFileSync(path, 'utf8')) as Stored;
  return {
    ...stored,
    signingKey: new Uint8Array(Buffer.from(stored.signingKey, 'base64')),
    key: keptKey(join(directory, 'agent.key')),
  };
}

/**
 * Fails early and clearly where the coordinator could only break the connection off.
 * @throws CausewayError 28P01 when the certificate has ended, or is not of the pinned authority.
 */
export function checkIdentity({ authority, certificate, silo }: Identity): void {
  const own = new X509Certificate(certificate);
  const again = 'Enrol again: causeway silo enroll NAME at the coordinator, then causeway agent --code CODE here.';
  if (Date.parse(own.validTo) < Date.now()) {
    const message = `the certificate of silo ${silo}’s agent ended on ${own.validTo}`;
    throw new CausewayError(SQLSTATE.invalidPassword, message, { silo, hint: `Check this machine’s clock. ${again}` });
  }
  if (own.verify(new X509Certificate(authority).publicKey)) return;
  const message = `the certificate of silo ${silo}’s agent was not signed by the coordinator it knows`;
  throw new CausewayError(SQLSTATE.invalidPassword, message, { silo, hint: again });
}

/**
 * Trades a one-time code for a certificate. The code's second half is the fingerprint of the coordinator's root: a
 * server that cannot show a chain to it gets nothing.
 * @throws CausewayError 28P01 for a bad code, 08006 when the coordinator is not the one that made the code.
 */
export async function enrol(directory: string, code: string, options: DialOptions): Promise<Identity> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const key = keptKey(join(directory, 'agent.key'));
  using link = await dial(options);
  const root = rootOf(link.socket.getPeerCertificate(true));
  const expected = code.split('.')[1] ?? '';
  if (root === undefined || createHash('sha256').update(root.raw).digest('hex') !== expected) {
    throw new CausewayError(SQLSTATE.connectionFailure, 'the server at this address did not make this enrolment code', {
      hint: 'Check "coordinator", and that nothing on the way opens TLS connections.',
    });
  }
  const request = await certificateRequest(key);
  try {
    return store(directory, key, await link.client.enrol({ code, request }));
  } catch (cause) {
    throw new CausewayError(SQLSTATE.invalidPassword, `enrolment was refused: ${messageOf(cause)}`, { cause });
  }
}

/** Asks for a new certificate when less than a third of the old one's time is left; returns the identity to use. */
export async function renewed(
  directory: string,
  identity: Identity,
  renew: (request: { request: Uint8Array }) => Promise<Granted>,
): Promise<Identity> {
  const ends = Date.parse(new X509Certificate(identity.certificate).validTo);
  if (ends - Date.now() > (AGENT_DAYS / 3) * 86_400_000) return identity;
  return store(directory, identity.key, await renew({ request: await certificateRequest(identity.key) }));
}

export const keyPem = ({ key }: Identity): string => pemOf(key);

interface Granted {
  readonly silo: string;
  readonly certificate: string;
  readonly authority: string;
  readonly signingKey: Uint8Array;
}

function store(directory: string, key: KeyObject, { silo, certificate, authority, signingKey }: Granted): Identity {
  const stored: Stored = { silo, certificate, authority, signingKey: Buffer.from(signingKey).toString('base64') };
  const path = join(directory, FILE);
  writeFileSync(`${path}.new`, JSON.stringify(stored, null, 2), { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return { silo, certificate, authority, signingKey: new Uint8Array(signingKey), key };
}

/** PKCS#10, DER. The coordinator decides the name. */
async function certificateRequest(key: KeyObject): Promise<Uint8Array> {
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=agent',
    keys: await webKeys(key),
    signingAlgorithm: { name: 'Ed25519' },
  });
  return new Uint8Array(request.rawData);
}

/** The root that signed the server's certificate, when the chain really leads there. */
function rootOf(peer: { raw: Buffer; issuerCertificate?: { raw: Buffer } }): X509Certificate | undefined {
  if (peer.issuerCertificate === undefined) return undefined;
  const leaf = new X509Certificate(peer.raw);
  const root = new X509Certificate(peer.issuerCertificate.raw);
  return leaf.verify(root.publicKey) ? root : undefined;
}
