/** The server's side of one SCRAM-SHA-256 exchange, with or without channel binding (RFC 5802 §5 to §7). */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { hmac, KEY_BYTES, sha256, type Verifier } from '../../catalog/verifier.ts';
import { ProtocolViolation } from '../wire/conditions.ts';

export const SCRAM = 'SCRAM-SHA-256';
export const SCRAM_PLUS = 'SCRAM-SHA-256-PLUS';

export class ScramExchange {
  readonly #verifier: Verifier;
  readonly #binding: Buffer | undefined;
  readonly #plus: boolean;
  #clientFirstBare = '';
  #serverFirst = '';
  #nonce = '';
  #gs2 = '';

  /** @param binding the hash of the server's certificate, over TLS (RFC 5929 §4) */
  constructor(verifier: Verifier, mechanism: string, binding: Buffer | undefined) {
    this.#verifier = verifier;
    this.#plus = mechanism === SCRAM_PLUS;
    this.#binding = binding;
    if (this.#plus ? binding === undefined : mechanism !== SCRAM) {
      throw new ProtocolViolation('client selected an invalid SASL authentication mechanism');
    }
  }

  /** Answers the client's first message. @throws ProtocolViolation */
  first(message: string): string {
    const match = /^(([nyp])(?:=([^,]*))?,(?:a=[^,]*)?,)((?:m=[^,]*,)?n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/.exec(
      message,
    );
    if (!match) throw new ProtocolViolation('malformed SCRAM message');
    const [, gs2, flag, binding, bare, nonce] = match as unknown as [
      string,
      string,
      string,
      string | undefined,
      string,
      string,
    ];
    if (bare.startsWith('m=')) throw new ProtocolViolation('client requires an unsupported SCRAM extension');
    if (this.#plus !== (flag === 'p')) throw new ProtocolViolation('SCRAM channel binding does not fit the mechanism');
    if (flag === 'p' && binding !== 'tls-server-end-point') {
      throw new ProtocolViolation(`unsupported SCRAM channel-binding type "${binding ?? ''}"`);
    }
    // The client could bind, and believes that we cannot: somebody in between took the offer away.
    if (flag === 'y' && this.#binding !== undefined) {
      throw new ProtocolViolation('SCRAM channel binding negotiation error', '28000');
    }
    this.#gs2 = gs2;
    this.#clientFirstBare = bare;
    this.#nonce = nonce + randomBytes(18).toString('base64');
    const { salt, iterations } = this.#verifier;
    this.#serverFirst = `r=${this.#nonce},s=${salt.toString('base64')},i=${iterations}`;
    return this.#serverFirst;
  }

  /** Answers the client's proof; undefined when it is wrong. Takes the same time either way. @throws ProtocolViolation */
  final(message: string): string | undefined {
    const match = /^(c=([A-Za-z0-9+/=]+),r=([^,]+)(?:,.*)?),p=([A-Za-z0-9+/=]+)$/.exec(message);
    if (!match) throw new ProtocolViolation('malformed SCRAM message');
    const [, withoutProof, channel, nonce, proof] = match as unknown as [string, string, string, string, string];
    if (nonce !== this.#nonce) throw new ProtocolViolation('malformed SCRAM message: the nonce does not match');
    const expected = Buffer.concat([Buffer.from(this.#gs2), this.#plus ? this.#binding! : Buffer.alloc(0)]);
    if (!Buffer.from(channel, 'base64').equals(expected)) {
      throw new ProtocolViolation('SCRAM channel binding check failed', '28000');
    }
    const authMessage = `${this.#clientFirstBare},${this.#serverFirst},${withoutProof}`;
    const signature = hmac(this.#verifier.storedKey, authMessage);
    const given = Buffer.from(proof, 'base64');
    if (given.length !== KEY_BYTES)
      throw new ProtocolViolation('malformed SCRAM message: the proof has a wrong length');
    const clientKey = Buffer.from(given.map((byte, i) => byte ^ signature[i]!));
    if (!timingSafeEqual(sha256(clientKey), this.#verifier.storedKey)) return undefined;
    return `v=${hmac(this.#verifier.serverKey, authMessage).toString('base64')}`;
  }
}
