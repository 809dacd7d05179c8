/**
 * The sqllogictest form of tests: `statement ok`, `statement error [sqlstate]`, `query <types> <nosort|rowsort>` and
 * `query error [sqlstate]`, records apart by empty lines. Expected rows stand after `----`, values apart by tabs;
 * `NULL` is NULL and `(empty)` the empty text. Types: I integer, R real or decimal (compared to 1e-6), T text, B boolean.
 */
export type Sort = 'nosort' | 'rowsort';

export type SqlRecord = { readonly line: number; readonly sql: string } & (
  | { readonly kind: 'statement'; readonly error?: string }
  | { readonly kind: 'query'; readonly types: string; readonly sort: Sort; readonly rows: readonly string[] }
  | { readonly kind: 'query-error'; readonly sqlstate: string }
);

/** The records of a file's text. */
export function readRecords(text: string): readonly SqlRecord[] {
  const records: SqlRecord[] = [];
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const [word, ...rest] = lines[at]!.trim().split(/\s+/);
    if (word !== 'statement' && word !== 'query') continue;
    const line = at + 1;
    let end = at + 1;
    // Rows may be empty lines, a statement may not.
    while (end < lines.length && lines[end] !== '----' && !isBreak(lines, end)) end++;
    const sql = lines
      .slice(at + 1, end)
      .join('\n')
      .trim();
    at = end;
    if (word === 'statement') {
      const error = rest[0] === 'error' ? { error: rest[1] ?? '' } : {};
      records.push({ kind: 'statement', line, sql, ...error });
    } else if (rest[0] === 'error') {
      records.push({ kind: 'query-error', line, sql, sqlstate: rest[1] ?? '' });
    } else {
      let last = end + 1;
      while (last < lines.length && lines[last] !== '') last++;
      const rows = lines[end] === '----' ? lines.slice(end + 1, last) : [];
      records.push({
        kind: 'query',
        line,
        sql,
        types: rest[0] ?? '',
        sort: rest[1] === 'rowsort' ? 'rowsort' : 'nosort',
        rows,
      });
      at = last;
    }
  }
  return records;
}

/** An empty line ends a record, unless what follows is still the statement (blank lines inside of one). */
const isBreak = (lines: readonly string[], at: number): boolean =>
  lines[at] === '' && /^(?:$|#|statement |query |hash)/.test(lines[at + 1] ?? '');
