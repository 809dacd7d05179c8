/** Texts in GoogleSQL's string literals, where a backslash is the only escape; quotes are written by their number. */
export const quoted = (text: string): string =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", '\\x27').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`;
