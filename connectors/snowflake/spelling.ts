/** How texts and names are spelled in Snowflake's statements. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';

/** A string literal, in which a backslash escapes. */
export const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

const IDENTIFIER = '(?:[A-Za-z_][A-Za-z0-9_$]*|"(?:[^"]|"")+")';
const QUALIFIED = new RegExp(`^${IDENTIFIER}(?:\\.${IDENTIFIER}){0,2}$`);

/** An option that names something of the account, as it may stand in a statement. @throws CausewayError 22023 for anything else */
export function accountName(option: string, name: string, example: string): string {
  if (QUALIFIED.test(name)) return name;
  throw new CausewayError(SQLSTATE.invalidParameterValue, `${option} is not a name as Snowflake knows it: ${name}`, {
    hint: `Write it as Snowflake would: '${example}'.`,
  });
}
