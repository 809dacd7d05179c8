/**
 * A small S3 server for tests. Unlike the usual fakes it verifies SigV4 signatures, the clock and payload checksums,
 * decodes aws-chunked bodies with trailers, and knows ranges, ListObjectsV2 pages and conditional requests.
 * Path style only: `/bucket/key`. Objects live in memory.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';

export interface S3TestServer extends AsyncDisposable {
  readonly endpoint: string;
  /** `bucket/key` → content. */
  readonly objects: Map<string, Buffer>;
  readonly log: S3Request[];
  /** Called before a request is answered; what it returns happens instead of, or to, the answer. */
  fault: (request: S3Request) => S3Fault | undefined;
  put(path: string, body: Uint8Array | string): void;
}

export interface S3Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly range: string | undefined;
}

/** `status`: an error answer. `truncate`: the body stops early. `delay`: milliseconds before the body. `reset`: no answer,
 * `reset after`: the request is carried out, but not answered. */
export type S3Fault =
  | { status: number; code: string }
  | { truncate: number }
  | { delay: number }
  | 'reset'
  | 'reset after';

export interface S3TestOptions {
  readonly accessKey?: string;
  readonly secretKey?: string;
  readonly region?: string;
  /** Keys in one page of a listing. */
  readonly pageSize?: number;
  /** The server's clock, milliseconds since 1970. */
  readonly now?: () => number;
}

class S3Error extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string = code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export async function startS3(options: S3TestOptions = {}): Promise<S3TestServer> {
  const objects = new Map<string, Buffer>();
  const log: S3Request[] = [];
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      const { status, code, message } =
        error instanceof S3Error ? error : new S3Error(500, 'InternalError', String(error));
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(
        request.method === 'HEAD' ? '' : `<Error><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error>`,
      );
    });
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, 'http://localhost');
    const path = decodeURIComponent(url.pathname).slice(1);
    const entry: S3Request = { method: request.method!, path, query: url.searchParams, range: request.headers.range };
    log.push(entry);
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const raw = Buffer.concat(chunks);
    verifySignature(request, url, raw, options);
    const fault = self.fault(entry);
    if (fault === 'reset') return void request.socket.destroy();
    if (typeof fault === 'object' && 'status' in fault) throw new S3Error(fault.status, fault.code);
    const bucket = path.split('/')[0]!;
    if (![...objects.keys()].some((k) => k.startsWith(`${bucket}/`))) throw new S3Error(404, 'NoSuchBucket');

    if (request.method === 'PUT') {
      if (fault === 'reset after') response.end = () => response.destroy();
      return put(request, response, path, raw);
    }
    if (request.method === 'DELETE') {
      objects.delete(path);
      response.writeHead(204).end();
    } else if (path.replace(/\/$/, '') === bucket) {
      list(response, bucket, url.searchParams);
    } else {
      get(request, response, path, fault);
    }
  }

  function put(request: IncomingMessage, response: ServerResponse, path: string, raw: Buffer): void {
    const existing = objects.get(path);
    const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers;
    const absent = ifNoneMatch === '*' || request.headers['x-goog-if-generation-match'] === '0';
    if (absent && existing !== undefined) throw new S3Error(412, 'PreconditionFailed');
    if (ifMatch !== undefined && (existing === undefined || ifMatch !== etag(existing))) {
      throw new S3Error(412, 'PreconditionFailed');
    }
    const body = decodePayload(request, raw);
    objects.set(path, body);
    response.writeHead(200, { etag: etag(body) }).end();
  }

  function get(request: IncomingMessage, response: ServerResponse, path: string, fault: S3Fault | undefined): void {
    const body = objects.get(path);
    if (body === undefined) throw new S3Error(404, 'NoSuchKey', 'The specified key does not exist.');
    const tag = etag(body);
    if (request.headers['if-match'] !== undefined && request.headers['if-match'] !== tag) {
      throw new S3Error(412, 'PreconditionFailed');
    }
    const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '');
    let [start, end] = [0, body.length];
    if (range !== null) {
      start = range[1] === '' ? Math.max(0, body.length - Number(range[2])) : Number(range[1]);
      end = range[1] === '' || range[2] === '' ? body.length : Math.min(body.length, Number(range[2]) + 1);
      if (start >= body.length) throw new S3Error(416, 'InvalidRange');
      response.setHeader('content-range', `bytes ${start}-${end - 1}/${body.length}`);
    }
    const part = body.subarray(start, end);
    response.writeHead(range === null ? 200 : 206, {
      etag: tag,
      'content-length': part.length,
      'accept-ranges': 'bytes',
    });
    if (request.method === 'HEAD') return void response.end();
    if (typeof fault === 'object' && 'truncate' in fault) {
      response.write(part.subarray(0, fault.truncate), () => request.socket.destroy());
    } else if (typeof fault === 'object' && 'delay' in fault) {
      setTimeout(() => response.end(part), fault.delay).unref();
    } else {
      response.end(part);
    }
  }

  function list(response: ServerResponse, bucket: string, query: URLSearchParams): void {
    const prefix = query.get('prefix') ?? '';
    const delimiter = query.get('delimiter') ?? '';
    const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
    const keys = [...objects.keys()]
      .filter((k) => k.startsWith(`${bucket}/`))
      .map((k) => k.slice(bucket.length + 1))
      .filter((k) => k.startsWith(prefix))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const entries = new Map<string, string>();
    for (const key of keys) {
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      const name = cut < 0 ? key : key.slice(0, cut + 1);
      if (name <= after || entries.has(name)) continue;
      const body = objects.get(`${bucket}/${key}`)!;
      entries.set(
        name,
        cut < 0
          ? `<Contents><Key>${escapeXml(key)}</Key><Size>${body.length}</Size><ETag>${escapeXml(etag(body))}</ETag></Contents>`
          : `<CommonPrefixes><Prefix>${escapeXml(name)}</Prefix></CommonPrefixes>`,
      );
    }
    const size = Math.min(Number(query.get('max-keys') ?? 1000), options.pageSize ?? 1000);
    const page = [...entries].slice(0, size);
    const more = entries.size > size;
    const token = more ? `<NextContinuationToken>${escapeXml(page.at(-1)![0])}</NextContinuationToken>` : '';
    response.writeHead(200, { 'content-type': 'application/xml' });
    response.end(
      `<?xml version="1.0"?><ListBucketResult><Name>${bucket}</Name><IsTruncated>${more}</IsTruncated>${token}` +
        `${page.map(([, xml]) => xml).join('')}</ListBucketResult>`,
    );
  }

  const self: S3TestServer = {
    endpoint: '',
    objects,
    log,
    fault: () => undefined,
    put: (path, body) => void objects.set(path, Buffer.from(body)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(self, { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

const etags = new WeakMap<Buffer, string>();
function etag(body: Buffer): string {
  const known = etags.get(body) ?? `"${createHash('md5').update(body).digest('hex')}"`;
  etags.set(body, known);
  return known;
}
const escapeXml = (text: string): string => text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);
const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: Buffer | string, data: string): Buffer => createHmac('sha256', key).update(data).digest();
const uriEncode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** AWS Signature Version 4, "Authenticating Requests: Using the Authorization Header" of the S3 API reference. */
function verifySignature(request: IncomingMessage, url: URL, raw: Buffer, options: S3TestOptions): void {
  const { accessKey = 'test-access', secretKey = 'test-secret', region = 'eu-test-1', now = Date.now } = options;
  const header = (name: string): string => String(request.headers[name] ?? '');
  const match = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
    header('authorization'),
  );
  if (match === null) throw new S3Error(403, 'AccessDenied', 'the request is not signed');
  const [, credential, signedHeaders, signature] = match;
  const [key, date, signedRegion, service] = credential!.split('/');
  if (key !== accessKey) throw new S3Error(403, 'InvalidAccessKeyId');
  if (signedRegion !== region || service !== 's3') throw new S3Error(400, 'AuthorizationHeaderMalformed');
  const stamp = header('x-amz-date');
  const signedAt = Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(signedAt - now()) <= 15 * 60_000)) throw new S3Error(403, 'RequestTimeTooSkewed');

  const query = [...url.searchParams]
    .map(([k, v]) => `${uriEncode(k)}=${uriEncode(v)}`)
    .sort()
    .join('&');
  const path = decodeURIComponent(url.pathname).split('/').map(uriEncode).join('/');
  const names = signedHeaders!.split(';');
  const headers = names.map((name) => `${name}:${header(name).trim().replace(/ +/g, ' ')}\n`).join('');
  const payload = header('x-amz-content-sha256');
  const canonical = [request.method, path, query, headers, signedHeaders, payload].join('\n');
  const scope = `${date}/${signedRegion}/s3/aws4_request`;
  const signingKey = hmac(hmac(hmac(hmac(`AWS4${secretKey}`, date!), signedRegion!), 's3'), 'aws4_request');
  const expected = hmac(signingKey, `AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${sha256(canonical)}`);
  if (!timingSafeEqual(expected, Buffer.from(signature!, 'hex'))) throw new S3Error(403, 'SignatureDoesNotMatch');
  if (/^[0-9a-f]{64}$/.test(payload) && payload !== sha256(raw)) throw new S3Error(400, 'XAmzContentSHA256Mismatch');
}

/** Takes aws-chunked framing off, and checks the CRC32 of header or trailer. */
function decodePayload(request: IncomingMessage, raw: Buffer): Buffer {
  let body = raw;
  let checksum = request.headers['x-amz-checksum-crc32'];
  if (String(request.headers['x-amz-content-sha256']).startsWith('STREAMING-')) {
    const chunks: Buffer[] = [];
    let at = 0;
    for (;;) {
      const line = raw.indexOf('\r\n', at);
      const size = Number.parseInt(raw.toString('latin1', at, line), 16);
      at = line + 2;
      if (size === 0) break;
      chunks.push(raw.subarray(at, at + size));
      at += size + 2;
    }
    body = Buffer.concat(chunks);
    checksum = /x-amz-checksum-crc32:([^\r\n]+)/.exec(raw.toString('latin1', at))?.[1] ?? checksum;
  }
  if (checksum !== undefined) {
    const actual = Buffer.alloc(4);
    actual.writeUInt32BE(crc32(body));
    if (actual.toString('base64') !== String(checksum)) throw new S3Error(400, 'BadDigest');
  }
  return body;
}
