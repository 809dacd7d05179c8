/** A schema of a Snowflake account as a silo. */
import type { Connector } from '../connector.ts';
import { checkOptions } from '../options.ts';
import { snowflakeCapabilities } from './capabilities.ts';
import { snowflakeErrors } from './errors.ts';
import { LOGIN_OPTIONS, loginOf, secretsOf } from './login.ts';
import { SnowflakeSession } from './session.ts';
import { SnowflakeSilo } from './silo.ts';
import { procedureName } from './training/step.ts';

/** A name of an option as the service keeps it: folded to upper case unless it stands in quotes. */
const storedName = (name: string): string =>
  name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toUpperCase();

export const snowflake: Connector = {
  kind: 'snowflake',
  options: [
    ...LOGIN_OPTIONS,
    { name: 'database', description: 'the database', required: true },
    { name: 'schema', description: 'the schema to import; PUBLIC when absent' },
    { name: 'warehouse', description: "what statements run on; the user's default when absent" },
    {
      name: 'training_procedure',
      description: 'the installed procedure of `causeway agent manifest --for snowpark`: TRAIN may call it',
    },
    { name: 'role', description: "the role to act as; the user's default when absent" },
  ],
  capabilities: snowflakeCapabilities,
  async connect(options, signal) {
    checkOptions(snowflake, options);
    const named = { ...options, schema: storedName(options.schema ?? 'PUBLIC') };
    const { training_procedure } = options;
    const procedure = training_procedure === undefined ? {} : { procedure: procedureName(training_procedure) };
    const address = `${options.account}/${options.database}`;
    const errors = snowflakeErrors(address, secretsOf(options));
    const session = await SnowflakeSession.open(() => loginOf(named), errors, signal);
    const silo = new SnowflakeSilo({
      session,
      errors,
      context: `snowflake:${address}/${named.schema}:${options.user ?? ''}:${options.role ?? ''}`,
      schema: named.schema,
      ...procedure,
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
