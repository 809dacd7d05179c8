/** JSON over HTTP as a silo: each table is a resource that gives pages of objects. */
import { z } from 'zod';
import { CausewayError, canceled, messageOf, SQLSTATE } from '../../src/plan/errors.ts';
import { scalar } from '../../src/plan/types.ts';
import type { Connector, ScanFragment, SiloOptions } from '../connector.ts';
import { checkOptions, jsonOption } from '../options.ts';
import type { RowValue } from '../row-batches.ts';
import { scanSilo } from '../scan-silo.ts';

const TYPES = ['boolean', 'smallint', 'integer', 'bigint', 'double', 'text', 'date', 'timestamptz', 'json'] as const;
const EXAMPLE = '{"orders": {"path": "/orders", "columns": {"id": "integer"}, "rows": "data", "next": "next"}}';

const Table = z.strictObject({
  path: z.string(),
  columns: z.record(z.string(), z.enum(TYPES)),
  /** The member that holds the objects; the answer itself is the list when absent. */
  rows: z.string().optional(),
  /** The member that holds the next page's address. */
  next: z.string().optional(),
  /** Columns that the resource filters by, each with the name of its query parameter. */
  filters: z.record(z.string(), z.string()).optional(),
});
type Table = z.infer<typeof Table>;

/** Resources may take a parameter as they like, so what they answer is checked again. */
const compared = { smallint: 'superset', integer: 'superset', bigint: 'superset', text: 'superset' } as const;

export const rest: Connector = {
  kind: 'rest',
  options: [
    { name: 'url', description: 'the address that the paths of tables are below', required: true },
    { name: 'tables', description: `what there is, as JSON: ${EXAMPLE}`, required: true },
    { name: 'authorization', description: 'sent as the header Authorization', secret: true },
  ],
  capabilities: {
    language: 'scan',
    operations: { project: 'exact', filter: 'superset' },
    functions: { '=': compared, and: 'exact' },
    aggregates: {},
    types: TYPES,
  },
  async connect(options, signal) {
    checkOptions(rest, options);
    const tables = jsonOption('tables', options.tables!, z.record(z.string(), Table), EXAMPLE);
    const [first] = Object.values(tables);
    if (first !== undefined) await page(address(options, first), options, signal);
    return scanSilo({
      connector: rest,
      context: `rest:${options.url}`,
      tables,
      columnsOf: ({ columns }) =>
        Object.entries(columns).map(([name, kind]) => ({ name, type: scalar(kind), nullable: true })),
      rows: (table, scan, abort) => rowsOf(table, scan, options, abort),
    });
  },
};

const address = (options: SiloOptions, { path }: Table): URL =>
  new URL(path.replace(/^\//, ''), options.url!.replace(/\/?$/, '/'));

/** The rows of all pages, one after another. */
async function* rowsOf(
  table: Table,
  scan: ScanFragment,
  options: SiloOptions,
  signal: AbortSignal,
): AsyncGenerator<RowValue[]> {
  let at: URL | undefined = address(options, table);
  for (const { column, operator, values } of scan.filters) {
    const parameter = table.filters?.[column];
    if (parameter !== undefined && operator === '=') at.searchParams.set(parameter, String(values[0]));
  }
  while (at !== undefined) {
    const body = await page(at, options, signal);
    const list = table.rows === undefined ? body : member(body, table.rows);
    if (!Array.isArray(list)) throw failed(at, 'it gave no list of objects');
    for (const object of list) {
      yield scan.sourceColumns.map((name) => rowValue(member(object, name), table.columns[name] === 'json'));
    }
    const next: unknown = table.next === undefined ? undefined : member(body, table.next);
    at = typeof next === 'string' ? new URL(next, at) : undefined;
  }
}

/** One answer, as JSON. */
async function page(at: URL, { authorization }: SiloOptions, signal: AbortSignal): Promise<unknown> {
  try {
    const response = await fetch(at, { signal, headers: authorization === undefined ? {} : { authorization } });
    if (!response.ok) throw failed(at, `it answered ${response.status} ${response.statusText}`, response.status);
    return await response.json();
  } catch (thrown) {
    if (signal.aborted) throw canceled(thrown);
    throw thrown instanceof CausewayError ? thrown : failed(at, messageOf(thrown));
  }
}

function failed(at: URL, reason: string, status?: number): CausewayError {
  const refused = status === 401 || status === 403;
  const sqlstate = refused ? SQLSTATE.invalidPassword : SQLSTATE.connectionFailure;
  return new CausewayError(sqlstate, `cannot read ${at.origin}${at.pathname}: ${reason}`, {
    hint: refused ? 'Check the option authorization.' : 'Check the options url and tables, and that the server runs.',
  });
}

const member = (object: unknown, name: string): unknown =>
  typeof object === 'object' && object !== null ? (object as Readonly<Record<string, unknown>>)[name] : undefined;

/** A JSON value as a row's value; objects and lists, and whatever a json column holds, as JSON text. */
function rowValue(value: unknown, json: boolean): RowValue {
  if (value === null || value === undefined) return null;
  return json || typeof value === 'object' ? JSON.stringify(value) : (value as RowValue);
}
