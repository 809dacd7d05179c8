/** Who may log in at the test server, and how each way of it is checked. */
import { createHash, createPublicKey, verify } from 'node:crypto';
import { Refusal } from './refusal.ts';

export interface TestUser {
  readonly password?: string;
  /** The code of the second factor; the login without it is refused. */
  readonly passcode?: string;
  /** PEM; the one of ALTER USER … SET RSA_PUBLIC_KEY. */
  readonly publicKey?: string;
  readonly programmaticTokens?: readonly string[];
  readonly oauthTokens?: readonly string[];
}

/** `data` of a login request. */
export interface LoginData {
  readonly ACCOUNT_NAME?: string;
  readonly LOGIN_NAME?: string;
  readonly PASSWORD?: string;
  readonly PASSCODE?: string;
  readonly EXT_AUTHN_DUO_METHOD?: string;
  readonly AUTHENTICATOR?: string;
  readonly TOKEN?: string;
}

/** @throws Refusal as the service refuses. */
export function checkLogin(data: LoginData, users: Readonly<Record<string, TestUser>>): string {
  const authenticator = (data.AUTHENTICATOR ?? 'SNOWFLAKE').toUpperCase();
  if (authenticator === 'OAUTH') {
    const found = Object.entries(users).find(([, user]) => user.oauthTokens?.includes(data.TOKEN ?? ''));
    if (found === undefined) throw new Refusal('390303', 'Invalid OAuth access token. [test]');
    return found[0];
  }
  const name = data.LOGIN_NAME ?? '';
  const user = Object.entries(users).find(([each]) => each.toUpperCase() === name.toUpperCase())?.[1];
  const wrong = () => new Refusal('390100', 'Incorrect username or password was specified.');
  if (authenticator === 'SNOWFLAKE_JWT') {
    if (user?.publicKey === undefined || !isSigned(data, user.publicKey)) {
      throw new Refusal('390144', 'JWT token is invalid. [test]');
    }
  } else if (authenticator === 'PROGRAMMATIC_ACCESS_TOKEN') {
    if (user?.programmaticTokens?.includes(data.TOKEN ?? '') !== true) {
      throw new Refusal('394400', 'Programmatic access token is invalid.');
    }
  } else {
    if (user?.password === undefined || user.password !== data.PASSWORD) throw wrong();
    if (user.passcode !== undefined && user.passcode !== data.PASSCODE) {
      throw new Refusal('390127', 'The provided passcode is incorrect.');
    }
  }
  return name;
}

/** A JWT of key-pair login: RS256, issuer ACCOUNT.USER.SHA256:fingerprint, subject ACCOUNT.USER, not expired. */
function isSigned({ TOKEN = '', ACCOUNT_NAME = '', LOGIN_NAME = '' }: LoginData, publicKey: string): boolean {
  const [header = '', payload = '', signature = ''] = TOKEN.split('.');
  const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
  const key = createPublicKey(publicKey);
  const digest = createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest('base64');
  const subject = `${ACCOUNT_NAME}.${LOGIN_NAME}`.toUpperCase();
  try {
    const { alg } = decode(header);
    const { iss, sub, exp } = decode(payload);
    // Seconds by the RFC; the service takes the library's milliseconds too.
    const expires = Number(exp) > 1e11 ? Number(exp) : Number(exp) * 1000;
    const claims = iss === `${subject}.SHA256:${digest}` && sub === subject && expires > Date.now();
    const signed = verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'));
    return alg === 'RS256' && claims && signed;
  } catch {
    return false;
  }
}
