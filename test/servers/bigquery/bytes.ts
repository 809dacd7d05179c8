/** What a dry run says: the bytes of the columns that a statement names, in the partitions that its conditions leave. */
import { tokens } from '../warehouse/tokens.ts';
import { DATASET, toDuckdb } from './dialect.ts';
import type { TestTables } from './tables.ts';

/** The column that a table of the default dataset is partitioned by. */
export type Partitions = ReadonlyMap<string, string>;

export async function bytesRead(
  text: string,
  tables: TestTables,
  partitions: Partitions,
): Promise<{ readonly bytes: number; readonly tables: readonly string[] }> {
  const names = tokens(text, { backslash: true, nameQuote: '`' })
    .filter(({ kind }) => kind === 'name' || kind === 'word')
    .map(({ text: token }) => token.replaceAll('`', '').toLowerCase());
  const everything = /\*(?!\))|\.\*/.test(text.replace(/count\(\*\)/gi, ''));
  let bytes = 0;
  const read: string[] = [];
  for (const { name, view } of await tables.list(DATASET)) {
    if (view || !names.includes(name.toLowerCase())) continue;
    const fields = (await tables.fields(DATASET, name))!;
    const named = everything ? fields : fields.filter((field) => names.includes(field.name.toLowerCase()));
    const partition = partitions.get(name);
    bytes += await tables.bytes(DATASET, name, named, partition === undefined ? 'true' : bounds(text, partition));
    read.push(name);
  }
  return { bytes, tables: read };
}

/** The comparisons of the column with a constant. They count where nothing but AND joins them, which tests keep to. */
function bounds(text: string, column: string): string {
  const constant = String.raw`(?:(?:DATE|DATETIME) '[^']*'|TIMESTAMP\('[^']*', 'UTC'\)|-?\d+)`;
  const found = text.matchAll(new RegExp(`(?:\\w+\\.)?\`?(${column})\`? (=|>=|<=|<|>) (${constant})`, 'g'));
  const parts = [...found].map(([, name, operator, value]) => `"${name}" ${operator} ${toDuckdb(value!)}`);
  return parts.join(' AND ') || 'true';
}
