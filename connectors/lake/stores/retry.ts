/** Trying again: exponential back-off with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015). */
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '../../../src/plan/errors.ts';
import { StoreError } from './store.ts';

export interface RetryPolicy {
  /** Tries in all. */
  readonly attempts: number;
  /** Milliseconds: the first pause is 0 … base, each next one may be twice as long. */
  readonly base: number;
  readonly cap: number;
  /** Milliseconds after which one try is given up and counts as transient. */
  readonly timeout: number;
}

export const RETRY: RetryPolicy = { attempts: 6, base: 100, cap: 5_000, timeout: 60_000 };

/**
 * Runs `attempt` until it succeeds, fails for good, or the tries are used up. Each try gets a signal that also fires
 * on the policy's timeout.
 */
export async function withRetry<T>(
  policy: RetryPolicy,
  signal: AbortSignal,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    throwIfAborted(signal);
    const timeout = AbortSignal.timeout(policy.timeout);
    try {
      return await attempt(AbortSignal.any([signal, timeout]));
    } catch (error) {
      throwIfAborted(signal);
      const slow = timeout.aborted
        ? new StoreError('transient', `no answer within ${policy.timeout} ms`, { cause: error })
        : error;
      if (!isWorthAnotherTry(slow) || tries >= policy.attempts) throw slow;
      const longest = Math.min(policy.cap, policy.base * 2 ** (tries - 1));
      await sleep(Math.random() * longest * (slow.kind === 'throttled' ? 2 : 1), undefined, { signal }).catch(() => {});
    }
  }
}

const isWorthAnotherTry = (error: unknown): error is StoreError =>
  error instanceof StoreError && (error.kind === 'transient' || error.kind === 'throttled');

/** Network failures that Node reports by code, on the error itself or on its cause. */
const NETWORK = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ECONNABORTED',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** The network error code of anything that was thrown, if it has one worth another try. */
export function networkCode(thrown: unknown): string | undefined {
  for (let at = thrown, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    const code = (at as Error & { code?: unknown }).code;
    if (typeof code === 'string' && NETWORK.has(code)) return code;
    if (at.message === 'aborted' || at.message === 'terminated') return 'ECONNRESET';
  }
  return undefined;
}
