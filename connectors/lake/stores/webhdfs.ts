/**
 * HDFS through WebHDFS (Hadoop: "WebHDFS REST API"). Reads and writes take two steps: the name node answers with a
 * redirect, and the data node it names has the bytes. Simple authentication and delegation tokens; no Kerberos.
 */
import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { messageOf } from '../../../src/plan/errors.ts';
import { networkCode, type RetryPolicy, withRetry } from './retry.ts';
import {
  changed,
  keyUnder,
  type ObjectInfo,
  type ObjectStore,
  StoreError,
  type StoreErrorKind,
  safeKey,
} from './store.ts';

export interface WebHdfsOptions {
  /** `http://namenode:9870` */
  readonly endpoint: string;
  /** An absolute path ending in `/`. */
  readonly root: string;
  readonly user?: string;
  readonly delegationToken?: string;
  /** Hosts that redirects may name. Without it: the name node's host, and hosts of its domain. */
  readonly dataNodes?: readonly string[];
  readonly retry: RetryPolicy;
}

interface FileStatus {
  readonly pathSuffix: string;
  readonly type: 'FILE' | 'DIRECTORY';
  readonly length: number;
  readonly modificationTime: number;
  readonly fileId: number;
}

type Parameters = Readonly<Record<string, string | number>>;

/** Opens a folder of HDFS. No request is made yet. */
export function webHdfsStore(options: WebHdfsOptions): ObjectStore {
  const { endpoint, root } = options;
  const host = new URL(endpoint).host;
  const location = `hdfs://${host}${root}`.replace(/\/$/, '');
  const identity: Parameters = {
    ...(options.user === undefined ? {} : { 'user.name': options.user }),
    ...(options.delegationToken === undefined ? {} : { delegation: options.delegationToken }),
  };
  const urlOf = (key: string, parameters: Parameters): string => {
    const path = (root + safeKey(key)).split('/').map(encodeURIComponent).join('/');
    const query = new URLSearchParams(
      Object.entries({ ...parameters, ...identity }).map(([k, v]): [string, string] => [k, String(v)]),
    );
    return `${endpoint}/webhdfs/v1${path}?${query}`;
  };
  const attempt = <T>(key: string, signal: AbortSignal, request: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    withRetry(options.retry, signal, async (trySignal) => {
      try {
        return await request(trySignal);
      } catch (error) {
        if (error instanceof StoreError) throw error;
        const kind = networkCode(error) !== undefined || error instanceof TypeError ? 'transient' : 'fatal';
        throw new StoreError(kind, `${location}/${key}: ${messageOf(error)}`, { cause: error });
      }
    });

  const call = (key: string, parameters: Parameters, signal: AbortSignal, method = 'GET'): Promise<unknown> =>
    attempt(key, signal, async (trySignal) => {
      const response = await fetch(urlOf(key, parameters), { method, signal: trySignal, redirect: 'manual' });
      if (!response.ok) throw await remoteError(response, `${location}/${key}`);
      return response.json();
    });

  /** Where the name node sends us, if that is a place we may go to. */
  async function dataNode(key: string, parameters: Parameters, signal: AbortSignal, method: string): Promise<string> {
    const response = await fetch(urlOf(key, parameters), { method, signal, redirect: 'manual' });
    const target = response.headers.get('location');
    if (response.status !== 307 || target === null) throw await remoteError(response, `${location}/${key}`);
    await response.body?.cancel();
    const url = new URL(target);
    if (!/^https?:$/.test(url.protocol) || !url.pathname.startsWith('/webhdfs/v1/') || !isTrusted(url.hostname)) {
      throw new StoreError('denied', `the name node ${host} redirects to ${url.host}`, {
        hint: 'Name the hosts of the data nodes in the option datanode_hosts.',
      });
    }
    return target;
  }

  function isTrusted(name: string): boolean {
    if (options.dataNodes !== undefined) return options.dataNodes.includes(name);
    const own = new URL(endpoint).hostname;
    const domain = /^[\d.]+$|^\[/.test(own) ? undefined : /\.[^.]+\..+$/.exec(own)?.[0];
    return name === own || (domain !== undefined && name.endsWith(domain));
  }

  async function status(key: string, signal: AbortSignal): Promise<ObjectInfo | undefined> {
    try {
      const answer = (await call(key, { op: 'GETFILESTATUS' }, signal)) as { FileStatus: FileStatus };
      return answer.FileStatus.type === 'FILE' ? info(key, answer.FileStatus) : undefined;
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'missing') return undefined;
      throw error;
    }
  }

  async function entries(folder: string, signal: AbortSignal): Promise<FileStatus[]> {
    const all: FileStatus[] = [];
    for (let startAfter = ''; ; ) {
      const answer = (await call(
        folder,
        { op: 'LISTSTATUS_BATCH', ...(startAfter === '' ? {} : { startAfter }) },
        signal,
      )) as {
        DirectoryListing: { partialListing: { FileStatuses: { FileStatus: FileStatus[] } }; remainingEntries: number };
      };
      const { partialListing, remainingEntries } = answer.DirectoryListing;
      const page = partialListing.FileStatuses.FileStatus;
      all.push(...page);
      if (remainingEntries === 0 || page.length === 0) return all;
      startAfter = page.at(-1)!.pathSuffix;
    }
  }

  async function* walk(folder: string, prefix: string, signal: AbortSignal): AsyncIterable<ObjectInfo> {
    const found = await entries(folder, signal).catch((error: unknown) => {
      if (error instanceof StoreError && error.kind === 'missing' && folder !== '') return [];
      throw error;
    });
    const named = found
      .map((entry) => ({ entry, key: folder + entry.pathSuffix + (entry.type === 'DIRECTORY' ? '/' : '') }))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    for (const { entry, key } of named) {
      if (!key.startsWith(prefix) && !prefix.startsWith(key)) continue;
      if (entry.type === 'DIRECTORY') yield* walk(key, prefix, signal);
      else if (key.startsWith(prefix)) yield info(key, entry);
    }
  }

  return {
    location,
    async *list(prefix, signal, after = '') {
      const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
      for await (const object of walk(folder, prefix, signal)) if (object.key > after) yield object;
    },
    async children(folder, signal) {
      const found = await entries(folder, signal).catch((error: unknown) => {
        if (error instanceof StoreError && error.kind === 'missing' && folder !== '') return [];
        throw error;
      });
      return {
        folders: found.filter((e) => e.type === 'DIRECTORY').map((e) => `${folder}${e.pathSuffix}/`),
        objects: found.filter((e) => e.type === 'FILE').map((e) => info(folder + e.pathSuffix, e)),
      };
    },
    stat: status,
    read(object, range, signal) {
      const length = range.end - range.start;
      if (length <= 0) return Promise.resolve({ body: new Uint8Array(), etag: object.etag });
      return attempt(object.key, signal, async (trySignal) => {
        const target = await dataNode(object.key, { op: 'OPEN', offset: range.start, length }, trySignal, 'GET').catch(
          (error) => {
            throw error instanceof StoreError && error.kind === 'missing' ? changed(location, object) : error;
          },
        );
        const response = await fetch(target, { signal: trySignal, redirect: 'error' });
        if (!response.ok) throw await remoteError(response, `${location}/${object.key}`);
        const body = new Uint8Array(await response.arrayBuffer());
        // A replaced file has another id or time: asked after the read, so that what was read is what is compared.
        const now = await status(object.key, trySignal);
        if (now === undefined || (object.etag !== '' && now.etag !== object.etag)) throw changed(location, object);
        if (body.length !== length) {
          throw new StoreError('transient', `${location}/${object.key}: ${body.length} of ${length} bytes came`);
        }
        return { body, etag: now.etag };
      });
    },
    async write(key, body, condition, signal) {
      const folder = key.slice(0, key.lastIndexOf('/') + 1);
      const temporary = `${folder}.${randomUUID()}.tmp`;
      await attempt(key, signal, async (trySignal) => {
        const target = await dataNode(temporary, { op: 'CREATE', overwrite: 'true' }, trySignal, 'PUT');
        const response = await putBody(target, body, trySignal);
        if (!response.ok) throw await remoteError(response, `${location}/${key}`);
      });
      const conflict = new StoreError('conflict', `${location}/${key} was written by somebody else`);
      try {
        if (condition !== 'absent' && condition !== 'any' && (await status(key, signal))?.etag !== condition.etag)
          throw conflict;
        const replace: Parameters = condition === 'absent' ? {} : { renameoptions: 'OVERWRITE' };
        const answer = (await renamed(temporary, key, replace, signal)) as { boolean?: boolean } | undefined;
        if (answer?.boolean === false) throw conflict;
      } catch (error) {
        await call(temporary, { op: 'DELETE' }, signal, 'DELETE').catch(() => {});
        throw error;
      }
      return (await status(key, signal))!;
    },
    async remove(key, signal) {
      await call(key, { op: 'DELETE' }, signal, 'DELETE');
    },
    keyOf: (uri) => keyUnder([`${location}/`, `webhdfs://${host}${root}`, ...anyPort(host, root)], uri),
    uriOf: (key) => `${location}/${safeKey(key)}`,
    async [Symbol.asyncDispose]() {},
  };

  /** A rename is answered with JSON, or with nothing when it was asked to overwrite. */
  function renamed(from: string, to: string, more: Parameters, signal: AbortSignal): Promise<unknown> {
    return attempt(to, signal, async (trySignal) => {
      const url = urlOf(from, { op: 'RENAME', destination: root + safeKey(to), ...more });
      const response = await fetch(url, { method: 'PUT', signal: trySignal, redirect: 'manual' });
      if (!response.ok) throw await remoteError(response, `${location}/${to}`);
      const text = await response.text();
      return text === '' ? undefined : JSON.parse(text);
    });
  }
}

/**
 * Sends a file's bytes. Data nodes answer `100 Continue` without being asked to, which `fetch` takes for an error and
 * `node:http` does not.
 */
function putBody(url: string, body: Uint8Array, signal: AbortSignal): Promise<Response> {
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? httpsRequest : httpRequest;
    const headers = { 'content-length': body.length, 'content-type': 'application/octet-stream' };
    const request = send(url, { method: 'PUT', headers, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve(new Response(text === '' ? null : text, { status: response.statusCode ?? 500 }));
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Other engines write the name node's RPC address into table metadata, which has another port than WebHDFS. */
const anyPort = (host: string, root: string): string[] => {
  const name = host.replace(/:\d+$/, '');
  return [`hdfs://${name}${root}`, `hdfs://${name}:8020${root}`, `hdfs://${name}:9000${root}`];
};

const info = (key: string, { length, modificationTime, fileId }: FileStatus): ObjectInfo => ({
  key,
  size: length,
  etag: `${fileId}-${modificationTime}-${length}`,
});

const EXCEPTIONS: Readonly<Record<string, readonly [StoreErrorKind, string?]>> = {
  FileNotFoundException: ['missing'],
  FileAlreadyExistsException: ['conflict'],
  AccessControlException: [
    'denied',
    'The user needs read and execute permission on the folder; check the option user.',
  ],
  SecurityException: ['denied', 'Check the options user and delegation_token. Kerberos is not supported.'],
  InvalidToken: ['denied', 'Get a new delegation token.'],
  StandbyException: ['fatal', 'This name node is on standby; name the active one in the url.'],
  RetriableException: ['transient'],
  SafeModeException: ['transient'],
};

async function remoteError(response: Response, what: string): Promise<StoreError> {
  const text = await response.text().catch(() => '');
  let name = '';
  let message = `HTTP ${response.status}`;
  try {
    const remote = (JSON.parse(text) as { RemoteException: { exception: string; message: string } }).RemoteException;
    name = remote.exception;
    message = `${name}: ${remote.message}`;
  } catch {
    // Proxies and old servers answer with HTML.
  }
  const [kind, hint] = Object.hasOwn(EXCEPTIONS, name) ? EXCEPTIONS[name]! : [kindOf(response.status)];
  return new StoreError(kind, `${what}: ${message.split('\n')[0]}`, hint === undefined ? {} : { hint });
}

function kindOf(status: number): StoreErrorKind {
  if (status === 503 || status === 429) return 'throttled';
  if (status >= 500) return 'transient';
  if (status === 404) return 'missing';
  return status === 401 || status === 403 ? 'denied' : 'fatal';
}
