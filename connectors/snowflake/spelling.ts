/** Texts in Snowflake's string literals, where a backslash escapes. */
export const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
