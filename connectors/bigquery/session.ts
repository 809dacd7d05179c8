/**
 * Requests to BigQuery's REST interface (bigquery/v2). Google's library signs in; the requests are sent from here and not by
 * its client of BigQuery, because an abort must end them, a Retry-After must be kept, and numbers must stay the texts they are.
 */
import { canceled } from '../../src/plan/errors.ts';
import { AskAgain, fetchWithRetry } from '../http-retry.ts';
import { type BigQueryErrors, RequestRefused, type ServiceProblem } from './errors.ts';
import type { TokenSource } from './login.ts';

export interface ServiceRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below `…/bigquery/v2/`, or a whole address that the service gave. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly json?: unknown;
  /** Instead of `json`. */
  readonly body?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers with another status than 2xx that are no error: HTTP's 308, which asks for more of an upload. */
  readonly allowed?: readonly number[];
}

export interface ServiceAnswer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** What the service asks to be tried again by its reason, whatever the status is. */
const LATER: ReadonlySet<string> = new Set(['rateLimitExceeded', 'userRateLimitExceeded', 'backendError']);

export class BigQuerySession {
  readonly #tokens: TokenSource;
  readonly #errors: BigQueryErrors;
  /** The token of the last request: a secret that an error may repeat. */
  #token: string | undefined;

  constructor(tokens: TokenSource, errors: (secrets: () => readonly string[]) => BigQueryErrors) {
    this.#tokens = tokens;
    this.#errors = errors(() => (this.#token === undefined ? [] : [this.#token]));
  }

  /** The service's address, without a path. */
  get endpoint(): string {
    return this.#tokens.endpoint;
  }

  get errors(): BigQueryErrors {
    return this.#errors;
  }

  /** What proves to the service who asks; for its other interfaces. */
  async headers(signal: AbortSignal, refused?: string): Promise<Readonly<Record<string, string>>> {
    this.#token = await this.#tokens.token(signal, refused);
    return this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
  }

  /**
   * The answer's JSON. A token that the service refuses is renewed once.
   * @throws RequestRefused for what the service refuses, to be told apart by the caller or made ours by {@link errors};
   * CausewayError for everything else
   */
  async request<T>(request: ServiceRequest, signal: AbortSignal): Promise<ServiceAnswer<T>> {
    let refused: string | undefined;
    for (;;) {
      try {
        return await this.#send<T>(request, await this.headers(signal, refused), signal);
      } catch (thrown) {
        if (signal.aborted) throw canceled(thrown);
        if (!(thrown instanceof RequestRefused)) throw this.#errors.of(thrown);
        if (thrown.status !== 401 || refused !== undefined || this.#token === undefined) throw thrown;
        refused = this.#token;
      }
    }
  }

  #send<T>(
    { method = 'GET', path, query = {}, json, body, headers, allowed = [] }: ServiceRequest,
    proof: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<ServiceAnswer<T>> {
    const url = new URL(path.includes('://') ? path : `${this.#tokens.endpoint}/bigquery/v2/${path}`);
    if (!path.includes('://')) url.searchParams.set('prettyPrint', 'false');
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const content = json === undefined ? body : JSON.stringify(json);
    const init: RequestInit = {
      method,
      headers: { ...proof, ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      redirect: 'manual',
      ...(content === undefined ? {} : { body: content as string | Uint8Array<ArrayBuffer> }),
    };
    return fetchWithRetry(url, init, (response) => answerOf<T>(response, allowed), signal);
  }
}

async function answerOf<T>(response: Response, allowed: readonly number[]): Promise<ServiceAnswer<T>> {
  const { status, headers } = response;
  const text = await response.text();
  const body = (text === '' ? {} : parsed(text)) as T & { readonly error?: ErrorBody };
  if (response.ok || allowed.includes(status)) return { status, headers, body };
  const { error } = body ?? {};
  const problem: ServiceProblem = {
    message: error?.message ?? `it answered ${status} ${response.statusText}`,
    ...error?.errors?.[0],
  };
  const refusal = new RequestRefused(status, problem);
  throw LATER.has(problem.reason ?? '') ? new AskAgain(refusal) : refusal;
}

interface ErrorBody {
  readonly message?: string;
  readonly errors?: readonly ServiceProblem[];
}

/** Undefined for what is no JSON: a proxy's page. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
