/** The options of CREATE SILO that say who asks, and where the tokens come from that prove it. */
import type { GoogleAuth, GoogleAuthOptions } from 'google-auth-library';
import { CausewayError, messageOf, SQLSTATE } from '../../src/plan/errors.ts';
import type { OptionSpec, SiloOptions } from '../connector.ts';
import { fetchWithRetry } from '../http-retry.ts';

export const LOGIN_OPTIONS: readonly OptionSpec[] = [
  { name: 'key_file', description: 'a file with credentials: a service account’s key, a workload identity federation' },
  { name: 'key', description: 'the same as text', secret: true },
  { name: 'access_token', description: 'an OAuth 2.0 access token; it is not renewed', secret: true },
  { name: 'impersonate', description: 'the service account to act as, for whom the credentials may make tokens' },
];

/** Where the bearer tokens of requests come from. */
export interface TokenSource {
  /** The service's address, without a path. */
  readonly endpoint: string;
  /**
   * A token that is good for now; undefined where nobody asks for one.
   * @param refused one that the service has just refused: another is wanted
   */
  token(signal: AbortSignal, refused?: string): Promise<string | undefined>;
}

/** Asks for access to BigQuery and nothing else. */
const SCOPE = 'https://www.googleapis.com/auth/bigquery';
/** What a token that makes other tokens must be good for. */
const WIDE_SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const SERVICE = 'https://bigquery.googleapis.com';
const TOKENS_OF_OTHERS = 'https://iamcredentials.googleapis.com';

/**
 * With none of the options the environment's own credentials are taken (Application Default Credentials). An endpoint in the
 * clear (`http://`) is no Google service: it gets a token only where one is given for it.
 * @throws CausewayError 22023 for two ways to sign in, or credentials that cannot be read
 */
export async function signIn(options: SiloOptions, tokensOfOthers = TOKENS_OF_OTHERS): Promise<TokenSource> {
  const given = ['key_file', 'key', 'access_token'].filter((name) => options[name] !== undefined);
  if (given.length > 1) {
    throw new CausewayError(
      SQLSTATE.invalidParameterValue,
      `a bigquery silo needs one way to sign in, and got ${given.join(' and ')}`,
      { hint: 'Give one of key_file, key, access_token, or none for the credentials of the environment.' },
    );
  }
  const { access_token: fixed, impersonate } = options;
  const endpoint = (options.endpoint ?? SERVICE).replace(/\/+$/, '');
  const anonymous = given.length === 0 && endpoint.startsWith('http:');
  const own = anonymous || fixed !== undefined ? async () => fixed : tokensOf(await credentialsOf(options));
  if (impersonate === undefined || anonymous) return { endpoint, token: own };
  return { endpoint, token: tokensFor(impersonate, own, tokensOfOthers) };
}

/** Google's own library, loaded with the first silo: it knows every kind of credentials there is. */
async function credentialsOf(options: SiloOptions): Promise<GoogleAuth> {
  const { project, key_file: keyFilename, key, impersonate } = options;
  const { GoogleAuth: Library } = await import('google-auth-library');
  return new Library({
    projectId: project!,
    scopes: [impersonate === undefined ? SCOPE : WIDE_SCOPE],
    ...(keyFilename === undefined ? {} : { keyFilename }),
    ...(key === undefined ? {} : { credentials: parsedKey(key) }),
  });
}

function parsedKey(key: string): NonNullable<GoogleAuthOptions['credentials']> {
  try {
    return JSON.parse(key) as NonNullable<GoogleAuthOptions['credentials']>;
  } catch {
    // The parser's message would repeat the key.
    throw new CausewayError(SQLSTATE.invalidParameterValue, 'the option key is no JSON', {
      hint: 'Give the whole text of the key file, or its path as key_file.',
    });
  }
}

/** The library's tokens. It keeps one for as long as it is good by the clock; a refused one is called expired. */
function tokensOf(credentials: GoogleAuth): TokenSource['token'] {
  return async (_signal, refused) => {
    try {
      const client = await credentials.getClient();
      if (refused !== undefined && client.credentials.access_token === refused) {
        client.setCredentials({ ...client.credentials, expiry_date: 1 });
      }
      const { token } = await client.getAccessToken();
      return token ?? undefined;
    } catch (thrown) {
      throw new CausewayError(SQLSTATE.invalidPassword, `Google gives no access token: ${messageOf(thrown)}`, {
        hint: 'Check the option key_file or key; without them, run `gcloud auth application-default login`.',
      });
    }
  };
}

interface MadeToken {
  readonly accessToken: string;
  /** RFC 3339 */
  readonly expireTime: string;
}

/** Milliseconds before its end at which a token is made anew. */
const EARLY = 60_000;

/** Tokens of another service account, made by the IAM Service Account Credentials API (projects.serviceAccounts.generateAccessToken). */
function tokensFor(account: string, own: TokenSource['token'], base: string): TokenSource['token'] {
  const address = `${base}/v1/projects/-/serviceAccounts/${encodeURIComponent(account)}:generateAccessToken`;
  let made: MadeToken | undefined;
  return async (signal, refused) => {
    const good = made !== undefined && made.accessToken !== refused && Date.parse(made.expireTime) - EARLY > Date.now();
    if (good) return made!.accessToken;
    const headers = { authorization: `Bearer ${await own(signal)}`, 'content-type': 'application/json' };
    const request = { method: 'POST', headers, body: JSON.stringify({ scope: [SCOPE] }) };
    made = await fetchWithRetry(address, request, (response) => madeToken(response, account), signal);
    return made.accessToken;
  };
}

async function madeToken(response: Response, account: string): Promise<MadeToken> {
  const answer = (await response.json()) as MadeToken & { readonly error?: { readonly message: string } };
  if (response.ok) return answer;
  const reason = answer.error?.message ?? response.statusText;
  throw new CausewayError(SQLSTATE.invalidPassword, `no access token for ${account}: ${reason}`, {
    hint: `Grant who asks roles/iam.serviceAccountTokenCreator on ${account}.`,
  });
}

/** What must never be printed, wherever it turns up in a message. */
export function secretsOf(options: SiloOptions): readonly string[] {
  const { key, access_token: token } = options;
  const inside = key === undefined ? [] : Object.values(parsedKey(key)).filter((value) => typeof value === 'string');
  const private_ = inside.filter((value) => value.length > 40);
  return [key, token, ...private_].filter((value) => value !== undefined);
}
