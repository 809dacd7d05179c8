/** The options of CREATE SILO that say who logs in, as the client library wants them. */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'snowflake-sdk';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { OptionSpec, SiloOptions } from '../connector.ts';

export const LOGIN_OPTIONS: readonly OptionSpec[] = [
  { name: 'account', description: 'the account identifier, organisation-account', required: true },
  {
    name: 'url',
    description: 'host or https://host[:port] of a private link or a proxy; from the account when absent',
  },
  { name: 'user', description: 'the login name; not needed with oauth_token' },
  { name: 'private_key', description: 'key pair: the private key as PEM (PKCS#8)', secret: true },
  { name: 'private_key_path', description: 'key pair: a file with the private key' },
  { name: 'private_key_passphrase', description: 'key pair: what the key is encrypted with', secret: true },
  { name: 'oauth_token', description: "an access token of the account's OAuth provider", secret: true },
  {
    name: 'oauth_token_path',
    description: 'a file with the access token, read anew at each login: containers in Snowflake',
  },
  { name: 'token', description: 'a programmatic access token', secret: true },
  { name: 'password', description: "the user's password", secret: true },
  { name: 'passcode', description: 'with password: the code of the second factor, good for one login', secret: true },
];

/** How one may log in: the option that decides, the library's word for it, and what else it needs. */
const WAYS: readonly { readonly option: string; readonly authenticator: string; readonly user: boolean }[] = [
  { option: 'private_key', authenticator: 'SNOWFLAKE_JWT', user: true },
  { option: 'private_key_path', authenticator: 'SNOWFLAKE_JWT', user: true },
  { option: 'oauth_token', authenticator: 'OAUTH', user: false },
  { option: 'oauth_token_path', authenticator: 'OAUTH', user: false },
  { option: 'token', authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', user: true },
  { option: 'password', authenticator: 'SNOWFLAKE', user: true },
];

/**
 * @throws CausewayError 22023 when no way or more than one way to log in is given, or one without its user.
 */
export function loginOf(options: SiloOptions): ConnectionOptions {
  const given = WAYS.filter(({ option }) => options[option] !== undefined);
  const [way] = given;
  if (way === undefined || given.length > 1) {
    const what = way === undefined ? 'none' : given.map(({ option }) => option).join(' and ');
    throw new CausewayError(
      SQLSTATE.invalidParameterValue,
      `a snowflake silo needs one way to log in, and got ${what}`,
      {
        hint: `Give one of ${WAYS.map(({ option }) => option).join(', ')}.`,
      },
    );
  }
  if (way.user && options.user === undefined) {
    throw new CausewayError(SQLSTATE.invalidParameterValue, `${way.option} needs the option "user"`);
  }
  const { account, url, user, warehouse, database, schema, role } = options;
  return {
    ...defined({ account, accessUrl: addressOf(url), username: user, warehouse, database, schema, role }),
    ...defined({ password: options.password, token: options.oauth_token ?? options.token ?? tokenIn(options) }),
    ...defined({ privateKey: options.private_key, privateKeyPath: options.private_key_path }),
    ...defined({ privateKeyPass: options.private_key_passphrase, passcode: options.passcode }),
    authenticator:
      way.option === 'password' && options.passcode !== undefined ? 'USERNAME_PASSWORD_MFA' : way.authenticator,
    application: 'Causeway',
  };
}

const addressOf = (url: string | undefined): string | undefined =>
  url === undefined || url.includes('://') ? url?.replace(/\/+$/, '') : `https://${url}`;

function tokenIn({ oauth_token_path: path }: SiloOptions): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new CausewayError(SQLSTATE.undefinedFile, `there is no access token in ${path}`, { cause });
  }
}

/** What must never be printed, wherever it turns up in a message of the service or of the library. */
export const secretsOf = (options: SiloOptions): readonly string[] =>
  LOGIN_OPTIONS.flatMap(({ name, secret }) => (secret === true && options[name] !== undefined ? [options[name]] : []));

/** Without the members that are undefined. */
const defined = (members: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(members).filter((entry): entry is [string, string] => entry[1] !== undefined));
