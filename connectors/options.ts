/** Checks the options of CREATE SILO against what the connector takes. */
import { z } from 'zod';
import { CausewayError, messageOf, SQLSTATE } from '../src/plan/errors.ts';
import { didYouMean } from '../src/plan/nearest.ts';
import type { Connector, OptionSpec, SiloOptions } from './connector.ts';

/** The options of a kind of silo that is a server with databases. */
export const serverOptions = (port: number): readonly OptionSpec[] => [
  { name: 'host', description: 'server name or address; localhost when absent' },
  { name: 'port', description: `server port; ${port} when absent` },
  { name: 'database', description: 'database name', required: true },
  { name: 'user', description: 'user to connect as', required: true },
  { name: 'password', description: "the user's password", secret: true },
  { name: 'connections', description: 'the most connections held at once; 8 when absent' },
];

export interface ServerLogin {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

/**
 * Whom {@link serverOptions} say to log in as, and with how many connections at once.
 * @throws CausewayError for options that are wrong, and for a port or a count that is no whole number above 0
 */
export function serverLogin(connector: Pick<Connector, 'kind' | 'options'>, options: SiloOptions, port: number) {
  checkOptions(connector, options);
  const { host = 'localhost', user = '', password = '', database = '' } = options;
  const login: ServerLogin = { host, port: wholeNumber(options, 'port', port), user, password, database };
  return { login, connections: wholeNumber(options, 'connections', 8), address: `${host}:${login.port}/${database}` };
}

/** @throws CausewayError when the option is there and no whole number above 0. */
export function wholeNumber(options: SiloOptions, name: string, otherwise: number): number {
  const value = Number(options[name] ?? otherwise);
  if (Number.isInteger(value) && value > 0) return value;
  throw new CausewayError(
    SQLSTATE.invalidParameterValue,
    `${name} must be a whole number above 0, not "${options[name]}"`,
  );
}

/** @throws CausewayError for an unknown option (naming the nearest one) or a missing required one. */
export function checkOptions(connector: Pick<Connector, 'kind' | 'options'>, options: SiloOptions): void {
  const names = connector.options.map(({ name }) => name);
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const hint = didYouMean(name, names);
    throw new CausewayError(
      SQLSTATE.invalidParameterValue,
      `unknown option "${name}" of a ${connector.kind} silo`,
      hint === undefined ? {} : { hint },
    );
  }
  for (const { name, required, description } of connector.options) {
    if (required !== true || options[name] !== undefined) continue;
    throw new CausewayError(SQLSTATE.invalidParameterValue, `a ${connector.kind} silo needs the option "${name}"`, {
      hint: `${name}: ${description}`,
    });
  }
}

/**
 * An option that is written as JSON, checked.
 * @throws CausewayError naming the option and what is wrong with it
 */
export function jsonOption<T>(name: string, text: string, schema: z.ZodType<T>, example: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new CausewayError(SQLSTATE.invalidParameterValue, `the option ${name} is not as expected`, {
      cause,
      detail: cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause),
      hint: `Write it as JSON: ${example}.`,
    });
  }
}
