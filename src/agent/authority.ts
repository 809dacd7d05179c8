/**
 * The coordinator's small certificate authority: one Ed25519 key that signs the certificates of agents and of the
 * coordinator itself, and a second one under which jobs and receipts are signed.
 */
import 'reflect-metadata';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  KeyObject,
  randomBytes,
  sign,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';

const ED25519 = { name: 'Ed25519' };
const DAY = 86_400_000;
const AUTHORITY_DAYS = 3650;
/** An agent asks for a new one when a third is left. */
export const AGENT_DAYS = 90;

/** The name in the coordinator's certificate. Agents expect it whatever address they dial. */
export const COORDINATOR_NAME = 'causeway-coordinator';

export interface IssuedCertificate {
  readonly pem: string;
  readonly serial: string;
  /** Raw Ed25519 public key of the agent. */
  readonly publicKey: Uint8Array;
}

export class Authority {
  /** PEM of the root that agents pin. */
  readonly certificate: string;
  /** Raw Ed25519 key that verifies jobs and receipts. */
  readonly signingPublicKey: Uint8Array;
  readonly #key: KeyObject;
  readonly #signing: KeyObject;

  private constructor(certificate: string, key: KeyObject, signing: KeyObject) {
    this.certificate = certificate;
    this.#key = key;
    this.#signing = signing;
    this.signingPublicKey = rawEd25519(createPublicKey(signing));
  }

  /** Opens the authority kept in `directory`, or makes a new one there. Keys are readable by their owner only. */
  static async open(directory: string): Promise<Authority> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, 'authority.pem');
    const key = keptKey(join(directory, 'authority.key'));
    const signing = keptKey(join(directory, 'signing.key'));
    if (!existsSync(path)) {
      const pair = await webKeys(key);
      const certificate = await X509CertificateGenerator.createSelfSigned({
        serialNumber: serial(),
        name: 'CN=Causeway authority',
        notBefore: new Date(Date.now() - DAY),
        notAfter: new Date(Date.now() + AUTHORITY_DAYS * DAY),
        signingAlgorithm: ED25519,
        keys: pair,
        extensions: [
          new BasicConstraintsExtension(true, 0, true),
          new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        ],
      });
      writeFileSync(path, certificate.toString('pem'));
    }
    return new Authority(readFileSync(path, 'utf8'), key, signing);
  }

  /** SHA-256 of the root certificate, hexadecimal: what an enrolment code pins. */
  get fingerprint(): string {
    return createHash('sha256').update(new X509Certificate(this.certificate).raw).digest('hex');
  }

  /** A certificate for the coordinator's own TLS key, made anew at every start. */
  async serverCredentials(): Promise<{ readonly key: string; readonly certificate: string }> {
    const { privateKey } = generateKeyPairSync('ed25519');
    const { publicKey } = await webKeys(privateKey);
    const { pem } = await this.#issue(`CN=${COORDINATOR_NAME}`, publicKey, ExtendedKeyUsage.serverAuth, [
      new SubjectAlternativeNameExtension([{ type: 'dns', value: COORDINATOR_NAME }]),
    ]);
    return { key: pemOf(privateKey), certificate: pem };
  }

  /**
   * The certificate of `silo`'s agent for the key in `request` (PKCS#10, DER).
   * @throws CausewayError 28P01 when the request is malformed, not signed by its own key, or no Ed25519 key.
   */
  async issue(request: Uint8Array, silo: string): Promise<IssuedCertificate> {
    try {
      const parsed = new Pkcs10CertificateRequest(Uint8Array.from(request));
      const publicKey = await parsed.publicKey.export(ED25519, ['verify']);
      if (!(await parsed.verify())) throw new Error('it is not signed by its own key');
      return await this.#issue(`CN=${JSON.stringify(silo)}`, publicKey, ExtendedKeyUsage.clientAuth, []);
    } catch (cause) {
      throw new CausewayError(SQLSTATE.invalidPassword, 'the certificate request cannot be granted', { cause });
    }
  }

  /** Ed25519 signature of a job or a receipt. */
  sign(message: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, message, this.#signing));
  }

  async #issue(
    subject: string,
    publicKey: webcrypto.CryptoKey,
    usage: ExtendedKeyUsage,
    extensions: SubjectAlternativeNameExtension[],
  ): Promise<IssuedCertificate> {
    const serialNumber = serial();
    const certificate = await X509CertificateGenerator.create({
      serialNumber,
      subject,
      issuer: 'CN=Causeway authority',
      // Yesterday, so that an agent whose clock is a little behind accepts it.
      notBefore: new Date(Date.now() - DAY),
      notAfter: new Date(Date.now() + AGENT_DAYS * DAY),
      signingAlgorithm: ED25519,
      publicKey,
      signingKey: (await webKeys(this.#key)).privateKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([usage]),
        ...extensions,
      ],
    });
    const raw = rawEd25519(KeyObject.from(publicKey));
    return { pem: certificate.toString('pem'), serial: serialNumber, publicKey: raw };
  }
}

/** The raw 32 bytes of an Ed25519 public key. */
const rawEd25519 = (key: KeyObject): Uint8Array =>
  new Uint8Array(key.export({ format: 'der', type: 'spki' }).subarray(-32));

/** The private key in `path` (PKCS#8, PEM), made there when it is not. */
export function keptKey(path: string): KeyObject {
  if (existsSync(path)) return createPrivateKey(readFileSync(path));
  const { privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(path, pemOf(privateKey), { mode: 0o600 });
  chmodSync(path, 0o600);
  return privateKey;
}

export const pemOf = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }) as string;

/** The pair as WebCrypto objects, as the X.509 library wants them. */
export async function webKeys(key: KeyObject): Promise<webcrypto.CryptoKeyPair> {
  const { subtle } = webcrypto;
  const pkcs8 = key.export({ format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    privateKey: await subtle.importKey('pkcs8', Uint8Array.from(pkcs8), ED25519, true, ['sign']),
    publicKey: await subtle.importKey('spki', Uint8Array.from(spki), ED25519, true, ['verify']),
  };
}

/** A positive 16-byte serial number. */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}
