/**
 * An Iceberg REST catalog (REST catalog open API specification): which tables a namespace has, and where the newest
 * metadata of each stands. Files are read with the silo's own credentials; vended ones are not used.
 */
import { CausewayError, messageOf, SQLSTATE } from '../../../../src/plan/errors.ts';
import { networkCode, type RetryPolicy, withRetry } from '../../stores/retry.ts';
import { StoreError } from '../../stores/store.ts';

export interface RestCatalogOptions {
  readonly url: string;
  readonly warehouse?: string;
  readonly namespace: string;
  readonly token?: string;
  readonly retry: RetryPolicy;
}

export interface RestCatalog {
  tables(signal: AbortSignal): Promise<readonly string[]>;
  /** The table's folder and its newest metadata file, as URIs. */
  load(table: string, signal: AbortSignal): Promise<{ readonly location: string; readonly metadata: string }>;
}

/** The catalog; it is not asked yet. Levels of a namespace are separated by dots. */
export function restCatalog({ url, warehouse, namespace, token, retry }: RestCatalogOptions): RestCatalog {
  const root = `${url.replace(/\/+$/, '')}/v1`;
  const levels = encodeURIComponent(namespace.split('.').join('\u001f'));
  let prefix: Promise<string> | undefined;

  const get = (path: string, signal: AbortSignal): Promise<Record<string, unknown>> =>
    withRetry(retry, signal, async (trySignal) => {
      let response: Response;
      try {
        response = await fetch(`${root}/${path}`, {
          signal: trySignal,
          redirect: 'error',
          headers: { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
        });
      } catch (error) {
        throw new StoreError(
          networkCode(error) === undefined ? 'fatal' : 'transient',
          `the Iceberg catalog at ${url} does not answer: ${messageOf(error)}`,
          { cause: error },
        );
      }
      if (response.ok) return (await response.json()) as Record<string, unknown>;
      const { status } = response;
      throw new StoreError(
        status === 404
          ? 'missing'
          : status === 401 || status === 403
            ? 'denied'
            : status >= 500 || status === 429
              ? 'transient'
              : 'fatal',
        `the Iceberg catalog at ${url} answers ${status} to ${path}`,
        status === 401 || status === 403 ? { hint: 'Check iceberg_token.' } : {},
      );
    });

  async function prefixed(path: string, signal: AbortSignal): Promise<Record<string, unknown>> {
    prefix ??= get(
      `config${warehouse === undefined ? '' : `?warehouse=${encodeURIComponent(warehouse)}`}`,
      signal,
    ).then((config) => {
      const given = { ...(config.defaults as object), ...(config.overrides as object) } as { prefix?: string };
      return given.prefix === undefined ? '' : `${encodeURIComponent(given.prefix)}/`;
    });
    prefix.catch(() => {
      prefix = undefined;
    });
    return get(`${await prefix}namespaces/${levels}/${path}`, signal);
  }

  return {
    async tables(signal) {
      const names: string[] = [];
      let token: string | undefined;
      do {
        const page = await prefixed(
          `tables${token === undefined ? '' : `?pageToken=${encodeURIComponent(token)}`}`,
          signal,
        );
        names.push(...(page.identifiers as { name: string }[]).map(({ name }) => name));
        token = page['next-page-token'] as string | undefined;
      } while (token);
      return names;
    },
    async load(table, signal) {
      const answer = await prefixed(`tables/${encodeURIComponent(table)}`, signal);
      const metadata = answer['metadata-location'];
      const location = (answer.metadata as { location?: unknown } | undefined)?.location;
      if (typeof metadata === 'string' && typeof location === 'string') return { metadata, location };
      throw new CausewayError(
        SQLSTATE.dataCorrupted,
        `the Iceberg catalog at ${url} does not tell where "${table}" stands`,
      );
    },
  };
}
