/** What a session does on each message of its client, and on errors. */
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import { errorResponse, readyForQuery } from '../wire/backend.ts';
import type { FrontendMessage } from '../wire/frontend.ts';
import { bind, close, describe, execute, parse } from './extended-query.ts';
import { asCausewayError, FailedStatement } from './failed-statement.ts';
import type { Session } from './session.ts';
import { simpleQuery } from './simple-query.ts';

export class Protocol {
  readonly #session: Session;
  /** After an error of the extended protocol everything up to Sync is passed over. */
  #skipping = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Handles one message; false when the client takes its leave. */
  async handle(message: FrontendMessage): Promise<boolean> {
    const { sink } = this.#session;
    if (message.kind === 'terminate') return false;
    if (message.kind === 'query') {
      this.#skipping = false;
      this.#session.query = message.text;
      this.#session.queryStartedAt = new Date();
      await this.#guarded(() => simpleQuery(this.#session, message.text));
      await this.#ready();
      return true;
    }
    if (message.kind === 'sync') {
      this.#skipping = false;
      await this.#ready();
      return true;
    }
    if (this.#skipping) return true;
    if (message.kind === 'flush') {
      await sink.flush();
      return true;
    }
    const failed = await this.#guarded(() => this.#extended(message));
    this.#skipping = failed;
    return true;
  }

  async #extended(message: FrontendMessage): Promise<void> {
    switch (message.kind) {
      case 'parse':
        return parse(this.#session, message);
      case 'bind':
        return bind(this.#session, message);
      case 'describe':
        return describe(this.#session, message);
      case 'execute':
        this.#session.queryStartedAt = new Date();
        return execute(this.#session, message);
      case 'close':
        return close(this.#session, message);
      case 'function-call':
        throw new CausewayError(SQLSTATE.featureNotSupported, 'the function call protocol is not supported');
      default:
        // What comes after a COPY that has failed.
        return;
    }
  }

  /** Tells the client of an error; true when there was one. */
  async #guarded(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return false;
    } catch (thrown) {
      this.#session.transaction.fail();
      const position = thrown instanceof FailedStatement ? thrown.position : undefined;
      errorResponse(this.#session.sink.writer, asCausewayError(thrown), 'ERROR', position);
      return true;
    }
  }

  async #ready(): Promise<void> {
    const { sink, transaction } = this.#session;
    // Portals live as long as their transaction.
    if (transaction.status === 'I') await this.#session.closePortals((portal) => !portal.options.hold);
    readyForQuery(sink.writer, transaction.status);
    await sink.flush();
  }
}
