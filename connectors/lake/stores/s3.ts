/** Amazon S3 and the stores that speak its protocol, Google Cloud Storage (HMAC keys) among them. */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
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

export interface S3Options {
  /** `s3`, or `gs` for Google Cloud Storage. */
  readonly scheme: 's3' | 'gs';
  readonly bucket: string;
  /** Without a leading slash, ending in one unless empty. */
  readonly prefix: string;
  readonly region: string;
  readonly endpoint?: string;
  /** `http://host/bucket/key` instead of `http://bucket.host/key`. */
  readonly pathStyle: boolean;
  /** Without keys the SDK's chain is asked: environment, shared files, SSO, container, instance. */
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  readonly requesterPays: boolean;
  /** `WHEN_REQUIRED` for stores that lack checksums and trailers. */
  readonly checksums: 'WHEN_SUPPORTED' | 'WHEN_REQUIRED';
  /** Server-side encryption of what is written: `AES256`, `aws:kms`. */
  readonly encryption?: 'AES256' | 'aws:kms';
  readonly kmsKey?: string;
  readonly retry: RetryPolicy;
}

/** Opens a bucket. No request is made yet. */
export function s3Store(options: S3Options): ObjectStore {
  const client = new S3Client({
    region: options.region,
    forcePathStyle: options.pathStyle,
    maxAttempts: 1, // one retry policy for all stores: retry.ts
    requestChecksumCalculation: options.checksums,
    responseChecksumValidation: options.checksums,
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
  });
  const { bucket, prefix } = options;
  const root = `${options.scheme}://${bucket}/${prefix}`;
  const location = root.replace(/\/$/, '');
  const place = { Bucket: bucket, ...(options.requesterPays ? { RequestPayer: 'requester' as const } : {}) };
  const fullKey = (key: string): string => prefix + safeKey(key);
  const attempt = <T>(key: string, signal: AbortSignal, request: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    withRetry(options.retry, signal, async (trySignal) => {
      try {
        return await request(trySignal);
      } catch (error) {
        throw error instanceof StoreError ? error : translate(error, key === '' ? location : `${location}/${key}`);
      }
    });

  async function* pages(folder: string, signal: AbortSignal, after: string | undefined, delimiter?: string) {
    let token: string | undefined;
    do {
      const page = await attempt(folder, signal, (abortSignal) =>
        client.send(
          new ListObjectsV2Command({
            ...place,
            Prefix: prefix + folder,
            ...(delimiter === undefined ? {} : { Delimiter: delimiter }),
            ...(token === undefined ? {} : { ContinuationToken: token }),
            ...(after === undefined ? {} : { StartAfter: prefix + after }),
          }),
          { abortSignal },
        ),
      );
      yield {
        objects: (page.Contents ?? [])
          .map((o): ObjectInfo => ({ key: o.Key!.slice(prefix.length), size: o.Size ?? 0, etag: o.ETag ?? '' }))
          .filter((o) => o.key !== '' && !o.key.endsWith('/')),
        folders: (page.CommonPrefixes ?? []).map((p) => p.Prefix!.slice(prefix.length)),
      };
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  return {
    location,
    async *list(under, signal, after) {
      for await (const page of pages(under, signal, after)) yield* page.objects;
    },
    async children(folder, signal) {
      const folders: string[] = [];
      const objects: ObjectInfo[] = [];
      for await (const page of pages(folder, signal, undefined, '/')) {
        folders.push(...page.folders);
        objects.push(...page.objects);
      }
      return { folders, objects };
    },
    async stat(key, signal) {
      try {
        const head = await attempt(key, signal, (abortSignal) =>
          client.send(new HeadObjectCommand({ ...place, Key: fullKey(key) }), { abortSignal }),
        );
        return { key, size: head.ContentLength ?? 0, etag: head.ETag ?? '' };
      } catch (error) {
        if (error instanceof StoreError && error.kind === 'missing') return undefined;
        throw error;
      }
    },
    read(object, range, signal) {
      if (range.end <= range.start) return Promise.resolve({ body: new Uint8Array(), etag: object.etag });
      return attempt(object.key, signal, async (abortSignal) => {
        const answer = await client
          .send(
            new GetObjectCommand({
              ...place,
              Key: fullKey(object.key),
              Range: `bytes=${range.start}-${range.end - 1}`,
              ...(object.etag === '' ? {} : { IfMatch: object.etag }),
            }),
            { abortSignal },
          )
          .catch((error) => {
            const status = statusOf(error);
            if (status === 412 || status === 404 || status === 416) throw changed(location, object);
            throw error;
          });
        // Stores that do not know If-Match still say which version they sent.
        if (object.etag !== '' && answer.ETag !== undefined && answer.ETag !== object.etag)
          throw changed(location, object);
        const body = await answer.Body!.transformToByteArray();
        if (body.length !== range.end - range.start) {
          throw new StoreError(
            'transient',
            `${location}/${object.key}: ${body.length} of ${range.end - range.start} bytes came`,
          );
        }
        return { body, etag: answer.ETag ?? object.etag };
      });
    },
    async write(key, body, condition, signal) {
      const encryption = options.encryption === undefined ? {} : { ServerSideEncryption: options.encryption };
      const kms = options.kmsKey === undefined ? {} : { SSEKMSKeyId: options.kmsKey };
      const guard =
        condition === 'any' ? {} : condition === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.etag };
      const put = await attempt(key, signal, (abortSignal) => {
        const google = options.scheme === 'gs' && condition === 'absent';
        const command = new PutObjectCommand({
          ...place,
          ...encryption,
          ...kms,
          ...(google ? {} : guard),
          Key: fullKey(key),
          Body: body,
        });
        if (google) {
          // Google's spelling of `If-None-Match: *`.
          command.middlewareStack.add(
            (next) => (call) => {
              (call.request as { headers: Record<string, string> }).headers['x-goog-if-generation-match'] = '0';
              return next(call);
            },
            { step: 'build' },
          );
        }
        return client.send(command, { abortSignal });
      });
      return { key, size: body.length, etag: put.ETag ?? '' };
    },
    async remove(key, signal) {
      await attempt(key, signal, (abortSignal) =>
        client.send(new DeleteObjectCommand({ ...place, Key: fullKey(key) }), { abortSignal }),
      );
    },
    keyOf: (uri) => keyUnder([root, root.replace(/^s3:/, 's3a:'), root.replace(/^s3:/, 's3n:')], uri),
    uriOf: (key) => root + safeKey(key),
    async [Symbol.asyncDispose]() {
      client.destroy();
    },
  };
}

const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;

/** What S3's error codes mean to us, and what to do about them. */
const CODES: Readonly<Record<string, readonly [StoreErrorKind, string?]>> = {
  NoSuchBucket: ['missing', 'Check the bucket name and the region.'],
  NoSuchKey: ['missing'],
  NotFound: ['missing'],
  AccessDenied: ['denied', 'The credentials are known but lack the right: s3:ListBucket and s3:GetObject are needed.'],
  Forbidden: ['denied', 'The credentials are known but lack the right: s3:ListBucket and s3:GetObject are needed.'],
  InvalidAccessKeyId: ['denied', 'Check access_key.'],
  SignatureDoesNotMatch: ['denied', 'Check secret_key.'],
  ExpiredToken: ['denied', 'The session token has expired; get a new one.'],
  CredentialsProviderError: ['denied', 'Give access_key and secret_key, or set up the AWS credential chain.'],
  RequestTimeTooSkewed: ['denied', "This machine's clock is wrong by more than 15 minutes; correct it."],
  PermanentRedirect: ['fatal', 'The bucket is in another region; set the option region.'],
  AuthorizationHeaderMalformed: ['fatal', 'The bucket is in another region; set the option region.'],
  PreconditionFailed: ['conflict'],
  ConditionalRequestConflict: ['conflict'],
  SlowDown: ['throttled'],
  Throttling: ['throttled'],
  TooManyRequests: ['throttled'],
};

function translate(error: unknown, what: string): StoreError {
  const name = error instanceof Error ? error.name : '';
  const status = statusOf(error) ?? 0;
  const [kind, hint] = Object.hasOwn(CODES, name) ? CODES[name]! : [kindOf(status, error)];
  return new StoreError(kind, `${what}: ${name === '' || name === 'Error' ? '' : `${name}: `}${messageOf(error)}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}

function kindOf(status: number, error: unknown): StoreErrorKind {
  if (status === 503 || status === 429) return 'throttled';
  if (status >= 500 || networkCode(error) !== undefined) return 'transient';
  if (status === 404) return 'missing';
  if (status === 403 || status === 401) return 'denied';
  if (status === 412 || status === 409) return 'conflict';
  // A checksum of the SDK's own that does not fit: the body was damaged on the way.
  return /checksum mismatch/i.test(messageOf(error)) ? 'transient' : 'fatal';
}
