/** Key agreement (X25519 → HKDF-SHA-256) and signatures (Ed25519) with raw 32-byte keys, as they travel. */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';

/** The DER headers before the 32 key bytes (RFC 8410). */
const X25519_PRIVATE = Buffer.from('302e020100300506032b656e04220420', 'hex');
const X25519_PUBLIC = Buffer.from('302a300506032b656e032100', 'hex');
const ED25519_PUBLIC = Buffer.from('302a300506032b6570032100', 'hex');

/** An X25519 pair as raw bytes, and the secret as what OpenSSL takes: making that costs as much as an agreement. */
export interface AgreementPair {
  readonly secret: Uint8Array;
  readonly public: Uint8Array;
  readonly key: KeyObject;
}

export function newAgreementPair(): AgreementPair {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return {
    secret: privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32),
    public: rawPublic(publicKey),
    key: privateKey,
  };
}

/** The X25519 key of 32 raw secret bytes. */
export const agreementKey = (secret: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([X25519_PRIVATE, secret]), format: 'der', type: 'pkcs8' });

/** 32 bytes both ends derive: HKDF of the X25519 secret, bound to `info`. */
export function agree(privateKey: KeyObject, peer: Uint8Array, info: string): Uint8Array {
  const shared = diffieHellman({
    privateKey,
    publicKey: createPublicKey({ key: Buffer.concat([X25519_PUBLIC, peer]), format: 'der', type: 'spki' }),
  });
  return new Uint8Array(hkdfSync('sha256', shared, '', info, 32));
}

/** The raw 32 bytes of an Ed25519 or X25519 public key. */
export const rawPublic = (key: KeyObject): Uint8Array =>
  new Uint8Array(key.export({ format: 'der', type: 'spki' }).subarray(-32));

export const signWith = (identity: KeyObject, message: Uint8Array): Uint8Array =>
  new Uint8Array(sign(null, message, identity));

/** False for a wrong signature and for a key that is none. */
export function verified(identity: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (identity.length !== 32) return false;
  const key = createPublicKey({ key: Buffer.concat([ED25519_PUBLIC, identity]), format: 'der', type: 'spki' });
  return verify(null, message, key, signature);
}
