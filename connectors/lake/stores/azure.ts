/** Azure Blob Storage and Data Lake Storage Gen2, through the Blob API that both speak. */
import { DefaultAzureCredential } from '@azure/identity';
import {
  AnonymousCredential,
  type BlobItem,
  ContainerClient,
  type ContainerListBlobHierarchySegmentResponse,
  RestError,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
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

export interface AzureOptions {
  readonly account: string;
  readonly container: string;
  /** Without a leading slash, ending in one unless empty. */
  readonly prefix: string;
  /** The account's Blob endpoint, without the container. */
  readonly endpoint: string;
  /** A shared key, a SAS token, or Entra ID through the environment, a managed identity or the Azure CLI. */
  readonly auth: { readonly key: string } | { readonly sas: string } | 'entra';
  readonly retry: RetryPolicy;
}

/** Opens a container. No request is made yet. */
export function azureStore(options: AzureOptions): ObjectStore {
  const { account, container, prefix, auth } = options;
  const sas = typeof auth === 'object' && 'sas' in auth ? `?${auth.sas.replace(/^\?/, '')}` : '';
  const credential =
    auth === 'entra'
      ? new DefaultAzureCredential()
      : 'key' in auth
        ? new StorageSharedKeyCredential(account, auth.key)
        : new AnonymousCredential();
  const client = new ContainerClient(`${options.endpoint.replace(/\/$/, '')}/${container}${sas}`, credential, {
    retryOptions: { maxTries: 1 }, // one retry policy for all stores: retry.ts
  });
  const root = `abfss://${container}@${account}.dfs.core.windows.net/${prefix}`;
  const location = root.replace(/\/$/, '');
  const attempt = <T>(
    key: string,
    signal: AbortSignal,
    request: (abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> =>
    withRetry(options.retry, signal, async (trySignal) => {
      try {
        return await request(trySignal);
      } catch (error) {
        throw error instanceof StoreError ? error : translate(error, key === '' ? location : `${location}/${key}`);
      }
    });
  const infoOf = (item: BlobItem): ObjectInfo => ({
    key: item.name.slice(prefix.length),
    size: item.properties.contentLength ?? 0,
    etag: quoted(item.properties.etag),
  });

  return {
    location,
    async *list(under, signal, after = '') {
      let token: string | undefined;
      do {
        const page = await attempt(under, signal, async (abortSignal) => {
          const pages = client
            .listBlobsFlat({ prefix: prefix + under, includeMetadata: true, abortSignal })
            .byPage(token === undefined ? {} : { continuationToken: token });
          return (await pages.next()).value;
        });
        for (const item of page?.segment.blobItems ?? []) {
          if (!isFolder(item) && item.name.slice(prefix.length) > after) yield infoOf(item);
        }
        token = page?.continuationToken || undefined;
      } while (token !== undefined);
    },
    async children(folder, signal) {
      const folders: string[] = [];
      const objects: ObjectInfo[] = [];
      let token: string | undefined;
      do {
        const page = await attempt(folder, signal, async (abortSignal) => {
          const pages = client
            .listBlobsByHierarchy('/', { prefix: prefix + folder, includeMetadata: true, abortSignal })
            .byPage(token === undefined ? {} : { continuationToken: token });
          return (await pages.next()).value as ContainerListBlobHierarchySegmentResponse | undefined;
        });
        folders.push(...(page?.segment.blobPrefixes ?? []).map(({ name }) => name.slice(prefix.length)));
        objects.push(...(page?.segment.blobItems ?? []).filter((item) => !isFolder(item)).map(infoOf));
        token = page?.continuationToken || undefined;
      } while (token !== undefined);
      return { folders, objects };
    },
    async stat(key, signal) {
      try {
        const found = await attempt(key, signal, (abortSignal) =>
          client.getBlobClient(prefix + safeKey(key)).getProperties({ abortSignal }),
        );
        return { key, size: found.contentLength ?? 0, etag: quoted(found.etag) };
      } catch (error) {
        if (error instanceof StoreError && error.kind === 'missing') return undefined;
        throw error;
      }
    },
    read(object, range, signal) {
      const length = range.end - range.start;
      if (length <= 0) return Promise.resolve({ body: new Uint8Array(), etag: object.etag });
      return attempt(object.key, signal, async (abortSignal) => {
        const conditions = object.etag === '' ? {} : { conditions: { ifMatch: object.etag } };
        const answer = await client
          .getBlobClient(prefix + safeKey(object.key))
          .download(range.start, length, { abortSignal, maxRetryRequests: 0, ...conditions })
          .catch((error) => {
            const status = error instanceof RestError ? error.statusCode : undefined;
            if (status === 412 || status === 404 || status === 416) throw changed(location, object);
            throw error;
          });
        const chunks: Buffer[] = [];
        for await (const chunk of answer.readableStreamBody!) chunks.push(Buffer.from(chunk as Uint8Array));
        const body = Buffer.concat(chunks);
        if (body.length !== length) {
          throw new StoreError('transient', `${location}/${object.key}: ${body.length} of ${length} bytes came`);
        }
        return { body, etag: quoted(answer.etag) };
      });
    },
    async write(key, body, condition, signal) {
      const conditions =
        condition === 'any' ? {} : condition === 'absent' ? { ifNoneMatch: '*' } : { ifMatch: condition.etag };
      const put = await attempt(key, signal, (abortSignal) =>
        client
          .getBlockBlobClient(prefix + safeKey(key))
          .upload(Buffer.from(body), body.length, { conditions, abortSignal }),
      );
      return { key, size: body.length, etag: quoted(put.etag) };
    },
    async remove(key, signal) {
      await attempt(key, signal, (abortSignal) =>
        client.getBlobClient(prefix + safeKey(key)).deleteIfExists({ abortSignal }),
      );
    },
    keyOf: (uri) =>
      keyUnder(
        [root, root.replace(/^abfss/, 'abfs'), `wasbs://${container}@${account}.blob.core.windows.net/${prefix}`],
        uri,
      ),
    uriOf: (key) => root + safeKey(key),
    async [Symbol.asyncDispose]() {},
  };
}

/** On accounts with a hierarchical namespace a directory appears as an empty blob with this mark. */
const isFolder = (item: BlobItem): boolean => item.metadata?.hdi_isfolder === 'true';

/** Listings have the ETag without the quotes that headers have. */
const quoted = (etag: string | undefined): string =>
  etag === undefined || etag.startsWith('"') ? (etag ?? '') : `"${etag}"`;

const CODES: Readonly<Record<string, readonly [StoreErrorKind, string?]>> = {
  ContainerNotFound: ['missing', 'Check the container and the account in the url.'],
  BlobNotFound: ['missing'],
  AuthenticationFailed: ['denied', "Check account_key or sas_token, and this machine's clock."],
  AuthorizationFailure: [
    'denied',
    'Check sas_token (expired? may it read and list?) or account_key; an identity needs the role Storage Blob Data Reader.',
  ],
  AuthorizationPermissionMismatch: [
    'denied',
    'Check sas_token (expired? may it read and list?) or account_key; an identity needs the role Storage Blob Data Reader.',
  ],
  ConditionNotMet: ['conflict'],
  BlobAlreadyExists: ['conflict'],
  ServerBusy: ['throttled'],
  OperationTimedOut: ['transient'],
  InternalError: ['transient'],
};

function translate(error: unknown, what: string): StoreError {
  const code = error instanceof RestError ? (error.code ?? '') : '';
  const status = error instanceof RestError ? (error.statusCode ?? 0) : 0;
  const [kind, hint] = Object.hasOwn(CODES, code) ? CODES[code]! : [kindOf(status, code, error)];
  return new StoreError(kind, `${what}: ${code === '' ? '' : `${code}: `}${messageOf(error).split('\n')[0]}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}

function kindOf(status: number, code: string, error: unknown): StoreErrorKind {
  if (status === 503 || status === 429) return 'throttled';
  if (status >= 500 || code === 'REQUEST_SEND_ERROR' || networkCode(error) !== undefined) return 'transient';
  if (status === 404) return 'missing';
  if (status === 401 || status === 403) return 'denied';
  return status === 409 || status === 412 ? 'conflict' : 'fatal';
}
