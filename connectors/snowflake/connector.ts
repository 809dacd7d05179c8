/** A schema of a Snowflake account as a silo. */
import type { Connector } from '../connector.ts';
import { checkOptions } from '../options.ts';
import { snowflakeCapabilities } from './capabilities.ts';
import { snowflakeErrors } from './errors.ts';
import { LOGIN_OPTIONS, loginOf, secretsOf } from './login.ts';
import { SnowflakeSession } from './session.ts';
import { SnowflakeSilo } from './silo.ts';
import { accountName } from './spelling.ts';

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
      name: 'stage',
      description:
        'an internal stage, encrypted by the service (SNOWFLAKE_SSE): large results may come through it as Parquet',
    },
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
    const { stage, training_procedure: procedure } = options;
    const names = {
      ...(procedure === undefined
        ? {}
        : { procedure: accountName('training_procedure', procedure, 'DATABASE.SCHEMA.CAUSEWAY_LSTM_STEP') }),
      ...(stage === undefined ? {} : { stage: accountName('stage', stage, 'DATABASE.SCHEMA.CAUSEWAY_STAGE') }),
    };
    const address = `${options.account}/${options.database}`;
    const errors = snowflakeErrors(address, secretsOf(options));
    const session = await SnowflakeSession.open(() => loginOf(named), errors, signal);
    const silo = new SnowflakeSilo({
      session,
      errors,
      context: `snowflake:${address}/${named.schema}:${options.user ?? ''}:${options.role ?? ''}`,
      schema: named.schema,
      ...names,
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
