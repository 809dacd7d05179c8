/**
 * HTTP requests that are sent again when the service says "later" (408, 429, 5xx) or the network fails: exponential back-off
 * with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015), and never before a Retry-After has passed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '../src/plan/errors.ts';

export interface HttpRetryPolicy {
  /** Tries in all. */
  readonly attempts: number;
  /** Milliseconds: the first pause is 0 … base, each next one may be twice as long, up to `cap`. */
  readonly base: number;
  readonly cap: number;
}

export const HTTP_RETRY: HttpRetryPolicy = { attempts: 6, base: 200, cap: 8_000 };

/** Milliseconds that a Retry-After header asks for at most; a service that wants more is told the truth to the user. */
const LONGEST_WISH = 60_000;

/** Thrown by `read` for an answer that says "later" in another way than by its status. */
export class AskAgain extends Error {
  /** What is thrown when it was the last try. */
  readonly reason: Error;

  constructor(reason: Error) {
    super(reason.message);
    this.reason = reason;
  }
}

const later = (status: number): boolean => status === 408 || status === 429 || (status >= 500 && status !== 501);

/**
 * Sends the request and hands the answer to `read`, which takes its body; both again after a failure that may pass.
 * The last answer is returned whatever its status is.
 * @throws what `read` or the network threw at the last try; the signal's reason once it is aborted
 */
export async function fetchWithRetry<T>(
  url: string | URL,
  init: RequestInit,
  read: (response: Response) => Promise<T>,
  signal: AbortSignal,
  policy: HttpRetryPolicy = HTTP_RETRY,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    throwIfAborted(signal);
    let wish = 0;
    try {
      const response = await fetch(url, { ...init, signal });
      if (!later(response.status) || tries >= policy.attempts) return await read(response);
      wish = Math.min(LONGEST_WISH, 1000 * (Number(response.headers.get('retry-after')) || 0));
      await response.body?.cancel();
    } catch (thrown) {
      throwIfAborted(signal);
      const again = thrown instanceof TypeError || thrown instanceof AskAgain;
      if (!again || tries >= policy.attempts) throw thrown instanceof AskAgain ? thrown.reason : thrown;
    }
    const jitter = Math.random() * Math.min(policy.cap, policy.base * 2 ** (tries - 1));
    await sleep(wish + jitter, undefined, { signal }).catch(() => undefined);
  }
}
