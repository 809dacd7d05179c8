/**
 * The kinds of lake silos: one per object store, over the same table layouts and formats. A store's client library is
 * loaded when the first silo of its kind is opened.
 */
import type { TypeKind } from '../../src/plan/types.ts';
import type { Capabilities, FunctionSupport } from '../capabilities.ts';
import type { Connector, OptionSpec, SiloOptions } from '../connector.ts';
import { checkOptions } from '../options.ts';
import { bytesOption, flagOption, LAKE_OPTIONS } from './options.ts';
import { LakeSilo } from './silo.ts';
import { RETRY } from './stores/retry.ts';
import type { ObjectStore } from './stores/store.ts';
import { azureUrl, bucketUrl, webHdfsUrl } from './stores/url.ts';

const CACHE_BYTES = 10 * 1024 ** 3;

/** Types on which DuckDB compares as PostgreSQL does. */
const COMPARED: readonly TypeKind[] = [
  'boolean',
  'smallint',
  'integer',
  'bigint',
  'double',
  'numeric',
  'text',
  'date',
  'timestamp',
  'timestamptz',
  'uuid',
];

const compared: FunctionSupport = Object.fromEntries(COMPARED.map((kind) => [kind, 'exact']));

/** Scans with simple filters: files, row groups and partitions are skipped, and every row is checked. */
const capabilities: Capabilities = {
  language: 'scan',
  operations: { filter: 'exact', project: 'exact', limit: 'exact' },
  functions: {
    '=': compared,
    '<>': compared,
    '<': compared,
    '<=': compared,
    '>': compared,
    '>=': compared,
    in_list: compared,
    is_null: 'exact',
    is_not_null: 'exact',
    and: 'exact',
  },
  aggregates: {},
  types: [...COMPARED, 'real', 'bytea', 'time', 'json', 'array'],
  maxListLength: 1000,
};

function lake(
  kind: string,
  options: readonly OptionSpec[],
  openStore: (options: SiloOptions) => Promise<ObjectStore>,
): Connector {
  const all = [...options, ...LAKE_OPTIONS];
  return {
    kind,
    options: all,
    capabilities,
    async connect(given, signal) {
      checkOptions({ kind, options: all }, given);
      const store = await openStore(given);
      const cache = {
        limit: bytesOption(given, 'cache_bytes', CACHE_BYTES),
        encrypted: flagOption(given, 'cache_encryption', false),
        ...(given.cache_folder === undefined ? {} : { parent: given.cache_folder }),
      };
      return LakeSilo.open(store, { cache, silo: given }, signal);
    },
  };
}

const S3_OPTIONS: readonly OptionSpec[] = [
  { name: 'url', description: 's3://bucket/prefix', required: true },
  { name: 'region', description: 'the bucket’s region (default us-east-1)' },
  { name: 'endpoint', description: 'another server than Amazon’s: http://host:port' },
  { name: 'path_style', description: 'true for http://host/bucket/key (default: when endpoint is given)' },
  { name: 'access_key', description: 'without it, the AWS credential chain is asked' },
  { name: 'secret_key', description: 'belongs to access_key', secret: true },
  { name: 'session_token', description: 'for temporary credentials', secret: true },
  { name: 'requester_pays', description: 'true to pay for requests to somebody else’s bucket' },
  { name: 'checksums', description: 'false for stores that lack checksums and trailers' },
  { name: 'encryption', description: 'AES256 or aws:kms for what is written' },
  { name: 'kms_key', description: 'key id for aws:kms' },
];

async function openS3(scheme: 's3' | 'gs', options: SiloOptions): Promise<ObjectStore> {
  const { s3Store } = await import('./stores/s3.ts');
  const { bucket, prefix } = bucketUrl(options.url!, scheme === 's3' ? ['s3', 's3a'] : ['gs']);
  const endpoint = options.endpoint ?? (scheme === 'gs' ? 'https://storage.googleapis.com' : undefined);
  const {
    access_key: accessKeyId,
    secret_key: secretAccessKey,
    session_token: sessionToken,
    kms_key: kmsKey,
  } = options;
  return s3Store({
    scheme,
    bucket,
    prefix,
    region: options.region ?? (scheme === 'gs' ? 'auto' : 'us-east-1'),
    pathStyle: flagOption(options, 'path_style', endpoint !== undefined),
    requesterPays: flagOption(options, 'requester_pays', false),
    checksums: flagOption(options, 'checksums', scheme === 's3') ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED',
    retry: RETRY,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } }),
    ...(options.encryption === undefined
      ? {}
      : { encryption: options.encryption === 'aws:kms' ? 'aws:kms' : 'AES256' }),
    ...(kmsKey === undefined ? {} : { kmsKey }),
  });
}

export const s3 = lake('s3', S3_OPTIONS, (options) => openS3('s3', options));

export const gcs = lake(
  'gcs',
  S3_OPTIONS.filter(({ name }) => !['encryption', 'kms_key', 'requester_pays'].includes(name)).map((spec) =>
    spec.name === 'url' ? { ...spec, description: 'gs://bucket/prefix' } : spec,
  ),
  (options) => openS3('gs', options),
);

const ADLS_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'url',
    description: 'abfss://container@account.dfs.core.windows.net/prefix, or az://container/prefix with account',
    required: true,
  },
  { name: 'account', description: 'the storage account, where the url does not name it' },
  { name: 'endpoint', description: 'another Blob endpoint than https://<account>.blob.core.windows.net' },
  { name: 'account_key', description: 'shared key; without key and token, Entra ID is asked', secret: true },
  { name: 'sas_token', description: 'shared access signature', secret: true },
];

export const adls = lake('adls', ADLS_OPTIONS, async (options) => {
  const { azureStore } = await import('./stores/azure.ts');
  const { account_key: key, sas_token: sas } = options;
  const { account, container, prefix } = azureUrl(options.url!, options.account);
  return azureStore({
    account,
    container,
    prefix,
    endpoint: options.endpoint ?? `https://${account}.blob.core.windows.net`,
    auth: key !== undefined ? { key } : sas !== undefined ? { sas } : 'entra',
    retry: RETRY,
  });
});

const HDFS_OPTIONS: readonly OptionSpec[] = [
  { name: 'url', description: 'http://namenode:9870/path of WebHDFS, https:// with TLS', required: true },
  { name: 'user', description: 'user.name of simple authentication' },
  { name: 'delegation_token', description: 'instead of user', secret: true },
  { name: 'datanode_hosts', description: 'hosts of data nodes, separated by commas (default: the name node’s domain)' },
];

export const hdfs = lake('hdfs', HDFS_OPTIONS, async (options) => {
  const { webHdfsStore } = await import('./stores/webhdfs.ts');
  const { endpoint, root } = webHdfsUrl(options.url!);
  const { user, delegation_token: delegationToken, datanode_hosts: hosts } = options;
  return webHdfsStore({
    endpoint,
    root,
    retry: RETRY,
    ...(user === undefined ? {} : { user }),
    ...(delegationToken === undefined ? {} : { delegationToken }),
    ...(hosts === undefined ? {} : { dataNodes: hosts.split(',').map((host) => host.trim()) }),
  });
});

export const folder = lake(
  'lake',
  [{ name: 'path', description: 'a folder on this machine', required: true }],
  async (options) => {
    const { localStore } = await import('./stores/local.ts');
    return localStore(options.path!);
  },
);
