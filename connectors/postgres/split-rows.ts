/**
 * A large table read over several connections at once, a range of its pages after the other, all in one snapshot: what one
 * connection would have read at the moment the first one began (PostgreSQL documentation, "Snapshot Synchronization
 * Functions").
 */
import type { RecordBatch } from 'apache-arrow';
import type { ClientBase } from 'pg';
import type { SplitRequest, SqlFragment } from '../connector.ts';
import type { Lease, PostgresPool } from './pool.ts';

/** Ranges per connection: the others take over what a slow one has not begun. */
const RANGES_PER_CONNECTION = 4;

/** Rows out of one statement over `client`. */
type Read = (client: ClientBase, fragment: SqlFragment) => AsyncGenerator<RecordBatch, void, undefined>;

const BEGIN = 'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY';

/**
 * Reads a fragment range by range. No connection is waited for but the first: without a free one it reads all ranges itself.
 * @param split the table the fragment scans, and its text for a part of it
 */
export async function* splitRows(
  pool: PostgresPool,
  schema: string,
  fragment: SqlFragment,
  split: SplitRequest,
  read: Read,
  signal: AbortSignal,
): AsyncGenerator<RecordBatch, void, undefined> {
  const leases = [await pool.take(signal)];
  let whole = false;
  try {
    const [first] = leases as [Lease];
    await first.client.query(BEGIN);
    const { snapshot, pages } = await exportSnapshot(first.client, split.table.schema ?? schema, split.table.table);
    const ranges = pageRanges(pages, split.connections * RANGES_PER_CONNECTION);
    const readRanges = async function* ({ client }: Lease): AsyncGenerator<RecordBatch, void, undefined> {
      for (let range = ranges.shift(); range !== undefined; range = ranges.shift()) {
        yield* read(client, { ...fragment, text: split.textFor(range) });
      }
    };
    const readers = [readRanges(first)];
    while (leases.length < Math.min(split.connections, ranges.length)) {
      const lease = await pool.takeFree(signal);
      if (lease === undefined) break;
      leases.push(lease);
      await lease.client.query(`${BEGIN}; SET TRANSACTION SNAPSHOT '${snapshot}'`);
      readers.push(readRanges(lease));
    }
    yield* merged(readers);
    for (const { client } of leases) await client.query('COMMIT');
    whole = true;
  } finally {
    // A COPY that was left halfway cannot be skipped, and a transaction must not meet the connection's next user.
    for (const { release } of leases) release(!whole);
  }
}

/** Pages are undefined where rows have no place in the table's own pages: views, partitioned and foreign tables. */
async function exportSnapshot(
  client: ClientBase,
  schema: string,
  table: string,
): Promise<{ readonly snapshot: string; readonly pages: number | undefined }> {
  const { rows } = await client.query<{ snapshot: string; pages: number | null }>(
    `SELECT pg_export_snapshot() AS snapshot, (SELECT pg_relation_size(c.oid)::float8 / current_setting('block_size')::float8
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am a ON a.oid = c.relam
       WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'm') AND a.amname = 'heap') AS pages`,
    [schema, table],
  );
  const [{ snapshot, pages } = { snapshot: '', pages: null }] = rows;
  return { snapshot, pages: pages ?? undefined };
}

/** Conditions on the row's place that together hold for every row once; one that always holds for a table in one piece. */
export function pageRanges(pages: number | undefined, count: number): string[] {
  const parts = Math.min(count, Math.floor(pages ?? 1));
  if (parts <= 1) return ['TRUE'];
  const border = (part: number): string => `'(${Math.floor((part * pages!) / parts)},0)'::tid`;
  return Array.from({ length: parts }, (_, part) => {
    const from = part === 0 ? '' : `ctid >= ${border(part)}`;
    const to = part === parts - 1 ? '' : `ctid < ${border(part + 1)}`;
    return [from, to].filter((condition) => condition !== '').join(' AND ');
  });
}

/** Whatever comes first, from all; each is asked for its next only when its last was taken. */
async function* merged<T>(readers: readonly AsyncGenerator<T, void, undefined>[]): AsyncGenerator<T, void, undefined> {
  type Next = { readonly reader: AsyncGenerator<T, void, undefined>; readonly result: IteratorResult<T, void> };
  const ask = (reader: AsyncGenerator<T, void, undefined>): Promise<Next> =>
    reader.next().then((result) => ({ reader, result }));
  const asked = new Map(readers.map((reader) => [reader, ask(reader)]));
  try {
    while (asked.size > 0) {
      const { reader, result } = await Promise.race(asked.values());
      if (result.done) {
        asked.delete(reader);
      } else {
        asked.set(reader, ask(reader));
        yield result.value;
      }
    }
  } finally {
    for (const pending of asked.values()) pending.catch(() => undefined);
  }
}
