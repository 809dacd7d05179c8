/**
 * BigQuery's Storage Read API for tests: google.cloud.bigquery.storage.v1.BigQueryRead over gRPC in the clear, answering with
 * rows of a DuckDB in Arrow. A session sees the table as it was when it was made; its rows are dealt to its streams in turns.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import protobuf, { type google } from '@google-cloud/bigquery-storage/build/protos/protos.js';
import { type handleServerStreamingCall, type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { CompressionType, type Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow';
import type { WarehouseSql } from '../warehouse/duckdb-sql.ts';
import { dataOf, fieldOf } from './arrow-encoding.ts';
import { batchMessage, schemaMessage } from './ipc-messages.ts';

const { CreateReadSessionRequest, ReadRowsRequest, ReadRowsResponse, ReadSession } =
  protobuf.google.cloud.bigquery.storage.v1;

export interface StorageTable {
  readonly projectId: string;
  readonly datasetId: string;
  readonly tableId: string;
}

/** Where rows come from. */
export interface StorageTables {
  readonly sql: WarehouseSql;
  /** All rows of a table, in its order: a SELECT for DuckDB. Undefined when there is no such table. */
  select(table: StorageTable): Promise<string | undefined>;
  /** A filter in BigQuery's dialect for DuckDB. */
  condition?(restriction: string): string;
  /** Whether an access token is good; absent: none is asked for. */
  authorized?(token: string): boolean;
}

/** What happens instead of an answer, or to a stream of rows after it has sent at least `afterRows`. */
export type StorageFault =
  | { readonly code: number; readonly details: string; readonly afterRows?: number }
  /** It ends as if it were complete. */
  | { readonly end: true; readonly afterRows: number };

export interface StorageCall {
  readonly method: 'CreateReadSession' | 'ReadRows';
  /** The table's or the stream's full name. */
  readonly resource: string;
  readonly offset: number;
  readonly authorization: string | undefined;
}

export interface StorageTestServer extends AsyncDisposable {
  /** `http://127.0.0.1:…` */
  readonly endpoint: string;
  readonly port: number;
  readonly log: StorageCall[];
  /** Asked for every call. */
  fault: (call: StorageCall) => StorageFault | undefined;
  /** Messages that were sent. */
  sent(): number;
}

export interface StorageServerOptions {
  /** Rows per message. */
  readonly batchRows?: number;
  /** Keeps what a session was answered with for the next one that asks the same: for benchmarks. */
  readonly remember?: boolean;
}

interface Prepared {
  readonly schema: Uint8Array;
  readonly batches: readonly RecordBatch[];
  readonly compression: CompressionType | undefined;
  /** Encoded answers, by stream and place in it. */
  readonly encoded: Map<string, Buffer>;
}

const STATUS = { notFound: 5, invalidArgument: 3, outOfRange: 11, unauthenticated: 16 } as const;
const COMPRESSIONS = [undefined, CompressionType.LZ4_FRAME, CompressionType.ZSTD] as const;
const SERVICE = '/google.cloud.bigquery.storage.v1.BigQueryRead';

export async function startStorageServer(
  tables: StorageTables,
  { batchRows = 1000, remember = false }: StorageServerOptions = {},
): Promise<StorageTestServer> {
  const prepared = new Map<string, Promise<Prepared>>();
  const streams = new Map<string, { readonly prepared: Prepared; readonly index: number; readonly of: number }>();
  let sent = 0;
  const permitted = (authorization: string | undefined): boolean =>
    tables.authorized?.(authorization?.replace(/^Bearer /, '') ?? '') ?? true;

  const createReadSession: handleUnaryCall<
    google.cloud.bigquery.storage.v1.CreateReadSessionRequest,
    google.cloud.bigquery.storage.v1.IReadSession
  > = async ({ metadata, request }, answer) => {
    const { maxStreamCount, parent, readSession } = request;
    const { readOptions, table = '' } = readSession!;
    const authorization = metadata.get('authorization')[0]?.toString();
    const call: StorageCall = { method: 'CreateReadSession', resource: table!, offset: 0, authorization };
    self.log.push(call);
    const fault = self.fault(call);
    if (fault !== undefined && 'code' in fault) return answer(refusal(fault.code, fault.details));
    if (!permitted(authorization)) return answer(unauthenticated(authorization));
    try {
      const fields = readOptions?.selectedFields ?? [];
      const restriction = readOptions?.rowRestriction ?? '';
      const compression = COMPRESSIONS[Number(readOptions?.arrowSerializationOptions?.bufferCompression ?? 0)];
      const key = JSON.stringify([table, fields, restriction, compression]);
      const making = prepared.get(key) ?? prepare(tables, tableOf(table!), fields, restriction, compression, batchRows);
      if (remember) prepared.set(key, making);
      const { batches, ...made } = await making;
      const name = `${parent}/locations/US/sessions/${randomBytes(12).toString('base64url')}`;
      const count = Math.min(Math.max(1, maxStreamCount || 1), batches.length);
      const names = Array.from({ length: count }, (_, i) => `${name}/streams/${i}`);
      names.forEach((stream, index) => {
        streams.set(stream, { prepared: { ...made, batches }, index, of: count });
      });
      answer(null, {
        ...{ name, table: table!, dataFormat: 2, readOptions: readOptions ?? null },
        arrowSchema: { serializedSchema: made.schema },
        streams: names.map((each) => ({ name: each })),
        estimatedRowCount: batches.reduce((sum, { numRows }) => sum + numRows, 0),
      });
    } catch (thrown) {
      answer(thrown as Error);
    }
  };

  const readRows: handleServerStreamingCall<google.cloud.bigquery.storage.v1.ReadRowsRequest, Buffer> = async (
    call,
  ) => {
    const offset = Number(call.request.offset);
    const resource = call.request.readStream;
    const authorization = call.metadata.get('authorization')[0]?.toString();
    const asked: StorageCall = { method: 'ReadRows', resource, offset, authorization };
    self.log.push(asked);
    const fault = self.fault(asked);
    const stream = streams.get(resource);
    const fail = (code: number, details: string) => call.emit('error', refusal(code, details));
    if (fault !== undefined && 'code' in fault && fault.afterRows === undefined) return fail(fault.code, fault.details);
    if (!permitted(authorization)) return call.emit('error', unauthenticated(authorization));
    if (stream === undefined) return fail(STATUS.notFound, `Stream ${resource} was not found or has expired`);
    const {
      prepared: { batches, compression, encoded, schema },
      index,
      of,
    } = stream;
    const own = batches.filter((_, i) => i % of === index);
    const total = own.reduce((sum, { numRows }) => sum + numRows, 0);
    if (offset > total) return fail(STATUS.outOfRange, `offset ${offset} is behind the stream's ${total} rows`);
    let at = 0;
    for (const [i, batch] of own.entries()) {
      const from = at;
      at += batch.numRows;
      if (at <= offset) continue;
      const rest = from < offset ? batch.slice(offset - from) : batch;
      const key = `${index}/${of}/${i}/${rest.numRows}`;
      const bytes =
        encoded.get(key) ??
        Buffer.from(
          ReadRowsResponse.encode({
            arrowRecordBatch: { serializedRecordBatch: batchMessage(rest, schema.length, compression) },
            rowCount: rest.numRows,
            stats: { progress: { atResponseStart: from / total, atResponseEnd: at / total } },
            ...(i === 0 ? { arrowSchema: { serializedSchema: schema } } : {}),
          }).finish(),
        );
      encoded.set(key, bytes);
      if (call.cancelled) return;
      sent++;
      if (!call.write(bytes)) await Promise.race([once(call, 'drain'), once(call, 'cancelled')]);
      if (fault !== undefined && at - offset >= (fault.afterRows ?? 0)) {
        if ('code' in fault) fail(fault.code, fault.details);
        else call.end();
        return;
      }
    }
    call.end();
  };

  const server = new Server({ 'grpc.max_send_message_length': -1, 'grpc.max_receive_message_length': -1 });
  server.addService(
    {
      CreateReadSession: {
        path: `${SERVICE}/CreateReadSession`,
        ...{ requestStream: false, responseStream: false },
        requestSerialize: (value) => Buffer.from(CreateReadSessionRequest.encode(value).finish()),
        requestDeserialize: (bytes) => CreateReadSessionRequest.decode(bytes),
        responseSerialize: (value) => Buffer.from(ReadSession.encode(value).finish()),
        responseDeserialize: (bytes) => ReadSession.decode(bytes),
      },
      ReadRows: {
        path: `${SERVICE}/ReadRows`,
        ...{ requestStream: false, responseStream: true },
        requestSerialize: (value) => Buffer.from(ReadRowsRequest.encode(value).finish()),
        requestDeserialize: (bytes) => ReadRowsRequest.decode(bytes),
        // Encoded already.
        responseSerialize: (bytes: Buffer) => bytes,
        responseDeserialize: (bytes) => bytes,
      },
    },
    { CreateReadSession: createReadSession, ReadRows: readRows },
  );
  const port = await new Promise<number>((done, fail) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? done(bound) : fail(error),
    );
  });

  const self: StorageTestServer = {
    endpoint: `http://127.0.0.1:${port}`,
    port,
    log: [],
    fault: () => undefined,
    sent: () => sent,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
  return self;
}

const refusal = (code: number, details: string): Error & { code: number; details: string } =>
  Object.assign(new Error(details), { code, details });

const unauthenticated = (authorization = '') =>
  refusal(STATUS.unauthenticated, `Request had invalid authentication credentials. ${authorization}`);

function tableOf(path: string): StorageTable {
  const [, projectId = '', , datasetId = '', , tableId = ''] = path.split('/');
  return { projectId, datasetId, tableId };
}

/** Runs the table's SELECT and lays its rows out in batches. */
async function prepare(
  tables: StorageTables,
  table: StorageTable,
  fields: readonly string[],
  restriction: string,
  compression: CompressionType | undefined,
  batchRows: number,
): Promise<Prepared> {
  const select = await tables.select(table);
  const name = `${table.projectId}:${table.datasetId}.${table.tableId}`;
  if (select === undefined) throw refusal(STATUS.notFound, `Not found: Table ${name}`);
  const filtered =
    restriction === '' ? select : `SELECT * FROM (${select}) WHERE ${tables.condition?.(restriction) ?? restriction}`;
  let schema: Schema | undefined;
  let kept: readonly { readonly field: Field; readonly at: number }[] = [];
  const batches: RecordBatch[] = [];
  const pending: { columns: unknown[][]; rows: number } = { columns: [], rows: 0 };
  const flush = (rows: number) => {
    const children = kept.map(({ field }, i) => dataOf(field.type, pending.columns[i]!.splice(0, rows) as never));
    batches.push(
      new RecordBatch(schema!, makeData({ type: new Struct(schema!.fields), length: rows, nullCount: 0, children })),
    );
    pending.rows -= rows;
  };
  for await (const { columns, names, rows, types } of tables.sql.values(filtered)) {
    if (schema === undefined) {
      const unknown = fields.find((each) => !names.includes(each));
      if (unknown !== undefined) throw refusal(STATUS.invalidArgument, `request failed: no such field: ${unknown}`);
      // In the table's order, whatever the order of the selection is.
      kept = names
        .map((each, at) => ({ field: fieldOf(each, types[at]!), at }))
        .filter(({ field }) => fields.length === 0 || fields.includes(field.name));
      schema = new Schema(kept.map(({ field }) => field));
      pending.columns = kept.map(() => []);
    }
    kept.forEach(({ at }, i) => {
      for (const value of columns[at]!) pending.columns[i]!.push(value);
    });
    pending.rows += rows;
    while (pending.rows >= batchRows) flush(batchRows);
  }
  if (pending.rows > 0) flush(pending.rows);
  return { schema: schemaMessage(schema!), batches, compression, encoded: new Map() };
}
