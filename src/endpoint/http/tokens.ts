/** Tokens for HTTP: who, until when, and a signature of this server's run. Nothing is stored. */
import { createHmac, timingSafeEqual } from 'node:crypto';

const LIFETIME_MS = 12 * 3600 * 1000;

export class Tokens {
  readonly #secret: Buffer;

  constructor(secret: Buffer) {
    this.#secret = secret;
  }

  issue(user: string, now = Date.now()): string {
    const body = Buffer.from(JSON.stringify({ user, until: now + LIFETIME_MS })).toString('base64url');
    return `${body}.${this.#sign(body)}`;
  }

  /** The token's user; undefined when it is forged or too old. */
  user(token: string, now = Date.now()): string | undefined {
    const [body = '', signature = ''] = token.split('.');
    const expected = Buffer.from(this.#sign(body));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const { user, until } = JSON.parse(Buffer.from(body, 'base64url').toString()) as { user: string; until: number };
    return until > now ? user : undefined;
  }

  #sign(body: string): string {
    return createHmac('sha256', this.#secret).update(body).digest('base64url');
  }
}
