/** Names and texts in standard SQL's quotes. */

/** A name in double quotes. */
export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Text as a string literal. */
export const quoteLiteral = (text: string): string => `'${text.replaceAll("'", "''")}'`;
