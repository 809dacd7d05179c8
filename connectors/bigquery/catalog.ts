/** What there is, and how much of it, from the tables' own resources: asking is free, where INFORMATION_SCHEMA is billed. */
import type { ColumnInfo, TableInfo, TableStatistics } from '../connector.ts';
import { RequestRefused } from './errors.ts';
import type { JobPlace } from './jobs.ts';
import { type Field, typeOf } from './types.ts';

/** A table's resource, as far as it is read. */
export interface TableResource {
  readonly tableReference: { readonly tableId: string };
  readonly type?: string;
  readonly schema?: { readonly fields?: readonly Field[] };
  readonly description?: string;
  readonly numRows?: string;
  readonly numBytes?: string;
  readonly streamingBuffer?: { readonly estimatedRows?: string };
}

interface TableList {
  readonly tables?: readonly TableResource[];
  readonly nextPageToken?: string;
}

/** Requests at a time. */
const AT_ONCE = 8;
const PAGE = 1000;

const datasetPath = ({ project }: JobPlace, dataset: string) =>
  `projects/${project}/datasets/${encodeURIComponent(dataset)}`;

/** The dataset's tables and views. Keys are left out: BigQuery keeps them as remarks and enforces none. */
export async function readTables(place: JobPlace, signal: AbortSignal): Promise<readonly TableInfo[]> {
  const { session, dataset } = place;
  const path = `${datasetPath(place, dataset)}/tables`;
  try {
    const names: string[] = [];
    for (let pageToken: string | undefined; ; ) {
      const query = { maxResults: PAGE, pageToken };
      const { body } = await session.request<TableList>({ path, query }, signal);
      names.push(...(body.tables ?? []).map(({ tableReference }) => tableReference.tableId));
      pageToken = body.nextPageToken;
      if (pageToken === undefined) break;
    }
    const found: (TableInfo | undefined)[] = [];
    const next = names.entries();
    const work = async () => {
      for (const [i, name] of next)
        found[i] = await readTable(place, dataset, name, signal).then((table) => table && tableInfo(table));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return found.filter((table) => table !== undefined);
  } catch (thrown) {
    throw session.errors.of(thrown);
  }
}

export async function tableExists(
  place: JobPlace,
  dataset: string,
  table: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return (await readTable(place, dataset, table, signal)) !== undefined;
  } catch (thrown) {
    throw place.session.errors.of(thrown);
  }
}

/** Undefined for a table that is not there, or not any more. */
async function readTable(
  place: JobPlace,
  dataset: string,
  table: string,
  signal: AbortSignal,
): Promise<TableResource | undefined> {
  try {
    const path = `${datasetPath(place, dataset)}/tables/${encodeURIComponent(table)}`;
    return (await place.session.request<TableResource>({ path }, signal)).body;
  } catch (thrown) {
    if (thrown instanceof RequestRefused && thrown.status === 404) return undefined;
    throw thrown;
  }
}

const tableInfo = ({ tableReference, type = 'TABLE', schema, description }: TableResource): TableInfo => ({
  table: tableReference.tableId,
  kind: type.includes('VIEW') ? 'view' : 'table',
  columns: columnsOf(schema?.fields ?? []),
  ...(description === undefined ? {} : { comment: description }),
});

export const columnsOf = (fields: readonly Field[]): readonly ColumnInfo[] =>
  fields.map((field) => ({
    name: field.name,
    type: typeOf(field),
    nullable: field.mode !== 'REQUIRED',
    ...(field.collation === undefined || field.collation === '' ? {} : { collationIsC: false }),
    ...(field.description === undefined ? {} : { comment: field.description }),
  }));

/** Rows and bytes as the service's metadata has them; undefined for views. Rows that stream in are counted as estimated. */
export async function readStatistics(
  place: JobPlace,
  dataset: string,
  table: string,
  signal: AbortSignal,
): Promise<TableStatistics | undefined> {
  try {
    const found = await readTable(place, dataset, table, signal);
    if (found?.numRows === undefined || (found.type ?? '').includes('VIEW')) return undefined;
    const rows = Number(found.numRows) + Number(found.streamingBuffer?.estimatedRows ?? 0);
    return { rows, ...(found.numBytes === undefined ? {} : { bytes: Number(found.numBytes) }), columns: {} };
  } catch (thrown) {
    throw place.session.errors.of(thrown);
  }
}

/** The location of the dataset, which proves that it is there and may be seen. */
export async function locationOf(place: Omit<JobPlace, 'location'>, signal: AbortSignal): Promise<string> {
  try {
    const path = datasetPath({ ...place, location: '' }, place.dataset);
    return (await place.session.request<{ readonly location?: string }>({ path }, signal)).body.location ?? 'US';
  } catch (thrown) {
    throw place.session.errors.of(thrown);
  }
}
