/**
 * A login at Snowflake. The service's own client library logs in (every way there is), renews the session, submits and aborts
 * statements; what it would do to results — JavaScript numbers, an object per row — is not asked of it: results are read
 * from the REST interface with the session's token (result.ts).
 */
import type { Connection, ConnectionOptions, RowStatement, SnowflakeError, StatementOption } from 'snowflake-sdk';
import { CausewayError, canceled, SQLSTATE, throwIfAborted } from '../../src/plan/errors.ts';
import { fetchWithRetry } from '../http-retry.ts';
import type { SnowflakeErrors } from './errors.ts';

/** What the service says to a request. */
export interface ServiceAnswer {
  readonly success: boolean;
  readonly code?: string | null;
  readonly message?: string | null;
  readonly data?: Readonly<Record<string, unknown>> | null;
}

/** Of every statement: moments in UTC, spellings that result.ts reads, one statement a text. */
const PARAMETERS = {
  TIMEZONE: 'UTC',
  TIMESTAMP_TYPE_MAPPING: 'TIMESTAMP_NTZ',
  BINARY_OUTPUT_FORMAT: 'HEX',
  BINARY_INPUT_FORMAT: 'HEX',
  DATE_OUTPUT_FORMAT: 'YYYY-MM-DD',
  GEOGRAPHY_OUTPUT_FORMAT: 'GeoJSON',
  GEOMETRY_OUTPUT_FORMAT: 'GeoJSON',
  JSON_INDENT: 0,
  QUOTED_IDENTIFIERS_IGNORE_CASE: false,
  WEEK_START: 0,
  WEEK_OF_YEAR_POLICY: 0,
  QUERY_TAG: 'causeway',
  MULTI_STATEMENT_COUNT: 1,
} as const;

/** The session token has run out; the master token can renew it. */
const SESSION_EXPIRED = '390112';
/** The session is gone, or the library has given it up: only a new login helps. */
const SESSION_GONE: ReadonlySet<string> = new Set(['390104', '390111', '390114', '407001', '407002']);

/** Tries of one login; the library waits between them. */
const LOGIN_RETRIES = 2;

export class SnowflakeSession implements AsyncDisposable {
  readonly #login: () => ConnectionOptions;
  readonly #errors: SnowflakeErrors;
  #connection: Connection;
  #renewing: Promise<void> | undefined;
  #again: Promise<void> | undefined;

  private constructor(login: () => ConnectionOptions, errors: SnowflakeErrors, connection: Connection) {
    this.#login = login;
    this.#errors = errors;
    this.#connection = connection;
  }

  /**
   * @param login asked at each login: a token in a file may have been replaced
   * @throws CausewayError for a refused login or an address that does not answer
   */
  static async open(
    login: () => ConnectionOptions,
    errors: SnowflakeErrors,
    signal: AbortSignal,
  ): Promise<SnowflakeSession> {
    return new SnowflakeSession(login, errors, await logIn(login(), errors, signal));
  }

  /**
   * Starts a statement and returns as soon as the service has taken it. A session that ended since its last use is
   * replaced by a new login, once.
   */
  async submit(text: string, signal: AbortSignal): Promise<RowStatement> {
    return this.#execute(text, { asyncExec: true }, signal);
  }

  /** The statement's columns, without running it. */
  async describe(text: string, signal: AbortSignal): Promise<RowStatement> {
    return this.#execute(text, { describeOnly: true }, signal);
  }

  async #execute(text: string, options: Partial<StatementOption>, signal: AbortSignal): Promise<RowStatement> {
    throwIfAborted(signal);
    // The library would read or write files of this machine.
    if (/^\s*(put|get)\s/i.test(text)) {
      throw new CausewayError(
        SQLSTATE.featureNotSupported,
        'PUT and GET are not run: they touch files of this machine',
      );
    }
    const used = this.#connection;
    try {
      return await execute(used, text, options, signal);
    } catch (thrown) {
      if (signal.aborted) throw canceled(thrown);
      if (!SESSION_GONE.has(String((thrown as SnowflakeError).code))) throw this.#errors.of(thrown);
      await this.#logInAgain(used, signal);
      try {
        return await execute(this.#connection, text, options, signal);
      } catch (again) {
        throw signal.aborted ? canceled(again) : this.#errors.of(again);
      }
    }
  }

  /**
   * A path of the service, asked for with the session's token. A token that has expired is renewed once.
   * @throws CausewayError for an answer that is not `success`
   */
  async get(path: string, signal: AbortSignal): Promise<ServiceAnswer> {
    for (let renewed = false; ; renewed = true) {
      const { base, token } = this.#access();
      const headers = { authorization: `Snowflake Token="${token}"`, accept: 'application/snowflake' };
      let answer: ServiceAnswer;
      try {
        answer = await fetchWithRetry(new URL(path, base), { headers }, answerOf, signal);
      } catch (thrown) {
        throw signal.aborted ? canceled(thrown) : this.#errors.of(thrown);
      }
      if (answer.success) return answer;
      const sqlState = answer.data?.sqlState;
      const failure = { ...answer, ...(typeof sqlState === 'string' ? { sqlState } : {}) };
      if (answer.code !== SESSION_EXPIRED || renewed) throw this.#errors.of(failure);
      await this.#renew(token);
      // Where it could not, the library has forgotten the session.
      if (['', token].includes(this.#access().token)) throw this.#errors.of(failure);
    }
  }

  /** The library renews the token when it meets the expiry itself: a heartbeat makes it. */
  #renew(expired: string): Promise<void> {
    if (this.#access().token !== expired) return Promise.resolve();
    this.#renewing ??= this.#connection
      .isValidAsync()
      .then(() => undefined)
      .finally(() => {
        this.#renewing = undefined;
      });
    return this.#renewing;
  }

  #logInAgain(ended: Connection, signal: AbortSignal): Promise<void> {
    if (this.#connection !== ended) return Promise.resolve();
    this.#again ??= logIn(this.#login(), this.#errors, signal)
      .then((connection) => {
        this.#connection = connection;
      })
      .finally(() => {
        this.#again = undefined;
      });
    return this.#again;
  }

  /** The library hands its tokens out in serialised form only. */
  #access(): { readonly base: string; readonly token: string } {
    const { account, accessUrl } = this.#login();
    const { tokenInfo } = (JSON.parse(this.#connection.serialize()) as Serialized).services.sf;
    return { base: accessUrl ?? `https://${account}.snowflakecomputing.com`, token: tokenInfo.sessionToken ?? '' };
  }

  /** Ends the session. What still runs in it goes on at the service; readers abort their own statements. */
  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((done) => this.#connection.destroy(() => done()));
  }
}

interface Serialized {
  readonly services: { readonly sf: { readonly tokenInfo: { readonly sessionToken?: string } } };
}

async function logIn(options: ConnectionOptions, errors: SnowflakeErrors, signal: AbortSignal): Promise<Connection> {
  throwIfAborted(signal);
  const sdk = await loadLibrary();
  try {
    // It checks its options here, and reads the private key.
    const connection = sdk.createConnection({ ...options, sfRetryMaxLoginRetries: LOGIN_RETRIES });
    return await new Promise<Connection>((done, fail) => {
      const stop = () => fail(canceled(signal.reason));
      signal.addEventListener('abort', stop, { once: true });
      connection.connect((error) => {
        signal.removeEventListener('abort', stop);
        if (error) fail(error);
        else if (signal.aborted) connection.destroy(() => undefined);
        else done(connection);
      });
    });
  } catch (thrown) {
    throw errors.of(thrown);
  }
}

/** A statement's start. An abort before the service has answered is sent after it. */
function execute(
  connection: Connection,
  sqlText: string,
  options: Partial<StatementOption>,
  signal: AbortSignal,
): Promise<RowStatement> {
  return new Promise((done, fail) => {
    const stop = () => {
      statement.cancel();
      fail(canceled(signal.reason));
    };
    const statement = connection.execute({
      ...options,
      sqlText,
      parameters: PARAMETERS,
      streamResult: true,
      complete: (error, taken) => {
        signal.removeEventListener('abort', stop);
        if (error) fail(error);
        else done(taken);
      },
    });
    signal.addEventListener('abort', stop, { once: true });
  });
}

async function answerOf(response: Response): Promise<ServiceAnswer> {
  const text = await response.text();
  try {
    return JSON.parse(text) as ServiceAnswer;
  } catch {
    throw new Error(`it answered ${response.status} ${response.statusText} without JSON`);
  }
}

/** Loaded at the first login: it is large. It would log to a file, load a native module to count its users, and tell how. */
async function loadLibrary() {
  process.env.SNOWFLAKE_DISABLE_MINICORE ??= 'true';
  process.env.SF_TELEMETRY_DISABLE_CONNECTION_SHAPE ??= 'true';
  const { default: sdk } = await import('snowflake-sdk');
  sdk.configure({ logLevel: 'OFF', additionalLogToConsole: false });
  return sdk;
}
