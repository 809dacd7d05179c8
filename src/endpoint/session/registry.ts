/** All sessions of the endpoint: who may cancel whom, and what `pg_stat_activity` shows. */
import { randomInt, timingSafeEqual } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CausewayError, canceled, SQLSTATE } from '../../plan/errors.ts';
import { CONDITION } from '../wire/conditions.ts';
import type { PlanCache } from './plan-cache.ts';
import type { Session } from './session.ts';

export class SessionRegistry {
  readonly plans: PlanCache;
  readonly #sessions = new Map<number, Session>();

  constructor(plans: PlanCache) {
    this.plans = plans;
  }

  get size(): number {
    return this.#sessions.size;
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#sessions.values();
  }

  /** The number under which the session is known. */
  add(session: Session): number {
    let pid: number;
    do pid = randomInt(1, 2 ** 31 - 1);
    while (this.#sessions.has(pid));
    this.#sessions.set(pid, session);
    return pid;
  }

  remove(session: Session): void {
    this.#sessions.delete(session.pid);
  }

  /** A CancelRequest: does nothing unless the secret is right. */
  cancel(pid: number, secret: Buffer): void {
    const session = this.#sessions.get(pid);
    if (session === undefined || session.secret.length !== secret.length) return;
    if (timingSafeEqual(session.secret, secret)) session.cancel(canceled());
  }

  /** What the oracle asks for in a notice: `cancel 7`, `terminate 7`, `sleep 1.5`. */
  async control(by: Session, request: string, signal: AbortSignal): Promise<void> {
    const [action, value] = request.split(' ');
    if (action === 'sleep') {
      await sleep(Math.min(Number(value) * 1000, 2 ** 31 - 1), undefined, { signal }).catch(() => {
        throw signal.reason instanceof CausewayError ? signal.reason : canceled();
      });
      return;
    }
    const other = this.#sessions.get(Number(value));
    if (other === undefined) {
      by.warn('01000', `PID ${value} is not a session of this server`);
      return;
    }
    if (other.user !== by.user) {
      throw new CausewayError(SQLSTATE.insufficientPrivilege, `permission denied to ${action} the session ${value}`, {
        hint: 'Only sessions of the same user can be ended.',
      });
    }
    if (action === 'cancel') other.cancel(canceled());
    else {
      other.terminate(
        new CausewayError(CONDITION.adminShutdown, 'terminating connection due to administrator command'),
      );
    }
  }

  /** Rows of `pg_stat_activity` as JSON; other users' statements are not shown. */
  activity(viewer: Session): string {
    const rows = [...this.#sessions.values()].map((session) => ({
      pid: session.pid,
      usename: session.user,
      application_name: session.settings.get('application_name') ?? '',
      backend_start: session.startedAt,
      query_start: session.queryStartedAt ?? null,
      state_change: session.queryStartedAt ?? session.startedAt,
      state: session.user === viewer.user ? session.state : null,
      query: session.user === viewer.user ? session.query.slice(0, 1024) : '<insufficient privilege>',
    }));
    return JSON.stringify(rows);
  }
}
