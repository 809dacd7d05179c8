/** A schema of a Snowflake account as a silo. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type { Connector, SiloOptions, SitePrice } from '../connector.ts';
import { checkOptions } from '../options.ts';
import { snowflakeCapabilities } from './capabilities.ts';
import { snowflakeErrors } from './errors.ts';
import { LOGIN_OPTIONS, loginOf, secretsOf } from './login.ts';
import { SnowflakeSession } from './session.ts';
import { SnowflakeSilo } from './silo.ts';

/** A name of an option as the service keeps it: folded to upper case unless it stands in quotes. */
const storedName = (name: string): string =>
  name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toUpperCase();

/** A warehouse is billed by the second while it runs, a minute at least each time it resumes; the minute is not in here. */
function priceOf({ price_per_credit: perCredit, credits_per_hour: perHour = '1' }: SiloOptions): SitePrice | undefined {
  if (perCredit === undefined) return undefined;
  const moneyPerSecond = (Number(perCredit) * Number(perHour)) / 3600;
  if (Number.isFinite(moneyPerSecond) && moneyPerSecond >= 0) return { moneyPerSecond, moneyPerByte: 0 };
  throw new CausewayError(SQLSTATE.invalidParameterValue, 'price_per_credit and credits_per_hour must be numbers');
}

export const snowflake: Connector = {
  kind: 'snowflake',
  options: [
    ...LOGIN_OPTIONS,
    { name: 'database', description: 'the database', required: true },
    { name: 'schema', description: 'the schema to import; PUBLIC when absent' },
    { name: 'warehouse', description: "what statements run on; the user's default when absent" },
    { name: 'price_per_credit', description: 'what a credit costs you: statements have a price then' },
    {
      name: 'credits_per_hour',
      description: 'what the warehouse takes: 1 for X-Small (when absent), twice that a size',
    },
    { name: 'role', description: "the role to act as; the user's default when absent" },
  ],
  capabilities: snowflakeCapabilities,
  async connect(options, signal) {
    checkOptions(snowflake, options);
    const named = { ...options, schema: storedName(options.schema ?? 'PUBLIC') };
    const address = `${options.account}/${options.database}`;
    const errors = snowflakeErrors(address, secretsOf(options));
    const price = priceOf(options);
    const session = await SnowflakeSession.open(() => loginOf(named), errors, signal);
    const silo = new SnowflakeSilo({
      session,
      errors,
      context: `snowflake:${address}/${named.schema}:${options.user ?? ''}:${options.role ?? ''}`,
      schema: named.schema,
      ...(price === undefined ? {} : { price }),
    });
    try {
      // The service logs in to a database that is not there; its own catalog says so.
      await silo.tables(signal);
      return silo;
    } catch (thrown) {
      await silo[Symbol.asyncDispose]();
      throw thrown;
    }
  },
};
