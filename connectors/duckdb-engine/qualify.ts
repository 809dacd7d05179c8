/**
 * Puts a database's alias before the table names of a SELECT, so that a statement written for one attached database
 * can stand inside another statement. DuckDB's own parser tells where the table names are.
 */
import type { DuckDBConnection } from '@duckdb/node-api';
import { quoteIdentifier, quoteLiteral } from './conform.ts';

/** What `json_serialize_sql` gives; only the parts that are read. */
type Tree = null | string | number | boolean | readonly Tree[] | { readonly [key: string]: Tree };

/**
 * The SELECT with every table name in `database`, or undefined when it cannot be told where the names stand
 * (statements that are not one SELECT, PIVOT, SHOW …).
 */
export async function qualifyTables(
  connection: DuckDBConnection,
  sql: string,
  database: string,
): Promise<string | undefined> {
  const reader = await connection.runAndReadAll(`SELECT json_serialize_sql(${quoteLiteral(sql)})`);
  const tree = JSON.parse(String(reader.getRows()[0]?.[0])) as { error: boolean; statements?: readonly Tree[] };
  if (tree.error || tree.statements?.length !== 1) return undefined;
  const places: number[] = [];
  if (!collect(tree.statements[0]!, new Set(), places)) return undefined;
  const bytes = Buffer.from(sql);
  const prefix = Buffer.from(`${quoteIdentifier(database)}.`);
  const parts: Buffer[] = [];
  let from = 0;
  for (const place of [...new Set(places)].sort((a, b) => a - b)) {
    parts.push(bytes.subarray(from, place), prefix);
    from = place;
  }
  return Buffer.concat([...parts, bytes.subarray(from)]).toString();
}

/** Collects byte offsets of unqualified table names; false when one has no place in the text. */
function collect(tree: Tree, ctes: ReadonlySet<string>, places: number[]): boolean {
  if (tree === null || typeof tree !== 'object') return true;
  if (isList(tree)) return tree.every((child) => collect(child, ctes, places));
  if (tree.type === 'SHOW_REF') return false;
  if (tree.type === 'BASE_TABLE') {
    if (tree.catalog_name !== '') return true;
    if (tree.schema_name === '' && ctes.has(String(tree.table_name).toLowerCase())) return true;
    const place = Number(tree.query_location);
    if (!Number.isSafeInteger(place)) return false;
    places.push(place);
    return true;
  }
  const inner = new Set([...ctes, ...cteNames(tree)]);
  return Object.values(tree).every((child) => collect(child, inner, places));
}

const isList = (tree: Exclude<Tree, string | number | boolean | null>): tree is readonly Tree[] => Array.isArray(tree);

/** Names that a WITH clause at this node defines. */
function cteNames(tree: { readonly [key: string]: Tree }): string[] {
  const map = (tree.cte_map as { map?: readonly { key?: string }[] } | undefined)?.map ?? [];
  return map.map((entry) => String(entry.key).toLowerCase());
}
