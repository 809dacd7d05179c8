/** Addresses of buckets and containers. */
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';

/**
 * `scheme://bucket/prefix`, the prefix ending in `/` unless it is empty.
 * @throws CausewayError 22023 with the expected form.
 */
export function bucketUrl(url: string, schemes: readonly string[]): { bucket: string; prefix: string } {
  const match = /^(\w+):\/\/([^/?#]+)(?:\/([^?#]*))?$/.exec(url);
  if (match === null || !schemes.includes(match[1]!)) {
    throw new CausewayError(SQLSTATE.invalidParameterValue, `"${url}" is not the address of a bucket`, {
      hint: `It has the form ${schemes[0]}://bucket/prefix.`,
    });
  }
  const prefix = (match[3] ?? '').replace(/\/+$/, '');
  return { bucket: match[2]!, prefix: prefix === '' ? '' : `${prefix}/` };
}

/** `abfss://container@account.dfs.core.windows.net/prefix`, or `az://container/prefix` with the account beside it. */
export function azureUrl(
  url: string,
  account: string | undefined,
): { account: string; container: string; prefix: string } {
  const match = /^abfss?:\/\/([^@/]+)@([^./]+)[^/]*(\/.*)?$/.exec(url);
  if (match !== null) return { account: match[2]!, ...named(bucketUrl(`az://${match[1]}${match[3] ?? ''}`, ['az'])) };
  if (account !== undefined) return { account, ...named(bucketUrl(url, ['az'])) };
  throw new CausewayError(SQLSTATE.invalidParameterValue, `"${url}" does not name a storage account`, {
    hint: 'It has the form abfss://container@account.dfs.core.windows.net/prefix, or set the option account.',
  });
}

const named = ({ bucket, prefix }: { bucket: string; prefix: string }) => ({ container: bucket, prefix });

/** `http://namenode:9870/path`; the path ends in `/`. */
export function webHdfsUrl(url: string): { endpoint: string; root: string } {
  const match = /^(https?:\/\/[^/?#]+)(\/[^?#]*)?$/.exec(url);
  if (match === null) {
    throw new CausewayError(SQLSTATE.invalidParameterValue, `"${url}" is not the address of a WebHDFS server`, {
      hint: 'It has the form http://namenode:9870/path; the port is that of the name node’s web interface.',
    });
  }
  return { endpoint: match[1]!, root: `${(match[2] ?? '').replace(/\/+$/, '')}/` };
}
