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
