/** A stand-in for the engine, in tests: one PostgreSQL (PGlite) with real rows, whose answers become Arrow batches. */
import { PGlite } from '@electric-sql/pglite';
import { type DataType, Field, makeData, RecordBatch, Schema, Struct, vectorFromArray } from 'apache-arrow';
import { arrowType } from '../../../connectors/arrow.ts';
import type { ResultColumn } from '../../../connectors/connector.ts';
import type { ExecuteOptions, StatementResult } from '../../engine/result.ts';
import { CausewayError, canceled } from '../../plan/errors.ts';
import type { SqlType } from '../../plan/types.ts';
import { splitStatements } from '../../sql/lexer.ts';
import type { CatalogSnapshot, EndpointBackend, EndpointSession } from '../backend.ts';
import { parseDate, parseTime, parseTimestamp } from '../values/calendar.ts';
import { typeOfOid } from '../values/oids.ts';

const ROWS_PER_BATCH = 1000;
const TRAIN = /^\s*train/i;
const AS_TEXT = (text: string) => text;

export class PgliteBackend implements EndpointBackend, AsyncDisposable {
  readonly database: PGlite;
  readonly catalog: { version: number; snapshot: () => Promise<CatalogSnapshot> };
  /** Statements that are being answered. */
  running = 0;

  constructor(database: PGlite, snapshot: CatalogSnapshot) {
    this.database = database;
    this.catalog = { version: 1, snapshot: async () => snapshot };
  }

  static async start(schema: string, snapshot: CatalogSnapshot): Promise<PgliteBackend> {
    const database = await PGlite.create({ postgresqlconf: ['shared_buffers = 1MB'] });
    await database.exec("SET TIME ZONE 'UTC'");
    await database.exec(schema);
    return new PgliteBackend(database, snapshot);
  }

  openSession(): EndpointSession {
    return {
      execute: (text, options) => this.#execute(text, options),
      describe: (text) => this.#described(text),
      set: () => {},
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async #described(text: string): Promise<{ columns: ResultColumn[]; parameters: SqlType[] }> {
    if (TRAIN.test(text)) return { columns: [], parameters: [] };
    try {
      const { queryParams, resultFields } = await this.database.describeQuery(text);
      return {
        columns: resultFields.map(({ name, dataTypeID }) => ({ name, type: typeOfOid(dataTypeID) })),
        parameters: queryParams.map(({ dataTypeID }) => typeOfOid(dataTypeID)),
      };
    } catch (error) {
      throw asError(error, text);
    }
  }

  async *#execute(script: string, options: ExecuteOptions = {}): AsyncGenerator<StatementResult> {
    const { parameters = [], signal, onNotice } = options;
    this.running++;
    try {
      for (const { text } of splitStatements(script)) {
        if (TRAIN.test(text)) {
          const progress = { model: 'm', round: 1, rounds: 2, loss: 0.5, rowsPerSecond: 10 };
          onNotice?.({ severity: 'NOTICE', message: 'round 1 of 2', progress });
          yield { tag: 'TRAIN MODEL', columns: [], batches: (async function* () {})() };
          continue;
        }
        if (/endless/.test(text)) {
          yield { tag: 'SELECT', columns: [{ name: 'n', type: { kind: 'integer' } }], batches: endless(signal) };
          continue;
        }
        const { columns } = await this.#described(text);
        const parsers = Object.fromEntries(Array.from({ length: 5000 }, (_, oid) => [oid, AS_TEXT]));
        const result = await this.database
          .query<(string | null)[]>(text, [...parameters], {
            rowMode: 'array',
            parsers,
            serializers: Object.fromEntries(Array.from({ length: 5000 }, (_, oid) => [oid, String])),
          })
          .catch((error: unknown) => {
            throw asError(error, text);
          });
        const batches = (async function* () {
          for (let at = 0; at < result.rows.length; at += ROWS_PER_BATCH) {
            signal?.throwIfAborted();
            yield batchOf(columns, result.rows.slice(at, at + ROWS_PER_BATCH));
          }
        })();
        yield { tag: 'SELECT', columns, batches };
      }
    } finally {
      this.running--;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database.close();
  }
}

/** Rows without end, one batch each millisecond, until the signal aborts. */
async function* endless(signal: AbortSignal | undefined): AsyncGenerator<RecordBatch> {
  const columns = [{ name: 'n', type: { kind: 'integer' } }] as const;
  for (let n = 0; ; n++) {
    if (signal?.aborted) throw canceled();
    await new Promise((resolve) => setTimeout(resolve, 1));
    yield batchOf(
      columns,
      Array.from({ length: 100 }, (_, i) => [String(n * 100 + i)]),
    );
  }
}

function asError(thrown: unknown, text: string): CausewayError {
  const { code = 'XX000', message, position, hint } = thrown as Record<string, string | undefined>;
  const offset = position === undefined ? undefined : [...text].slice(0, Number(position) - 1).join('').length;
  return new CausewayError(code, message ?? String(thrown), {
    ...(hint === undefined ? {} : { hint }),
    ...(offset === undefined ? {} : { position: { offset, line: 1, column: offset + 1 } }),
  });
}

/** Rows of text values in the layout of `connectors/arrow.ts`. */
export function batchOf(columns: readonly ResultColumn[], rows: readonly (readonly (string | null)[])[]): RecordBatch {
  const children = columns.map(({ type }, i) =>
    column(
      type,
      rows.map((row) => row[i] ?? null),
    ),
  );
  const schema = new Schema(columns.map(({ name, type }) => new Field(name, arrowType(type), true)));
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: rows.length, children }));
}

function column(type: SqlType, texts: readonly (string | null)[]) {
  const arrow: DataType = arrowType(type);
  const bits = WIDE[type.kind];
  if (bits === undefined) {
    const vector = vectorFromArray(
      texts.map((text) => (text === null ? null : value(type, text))),
      arrow,
    );
    return vector.data[0]!;
  }
  const data = bits(texts.map((text) => text ?? ''));
  const nullBitmap = new Uint8Array(Math.ceil(texts.length / 8));
  texts.forEach((text, i) => {
    if (text !== null) nullBitmap[i >> 3]! |= 1 << (i & 7);
  });
  const nullCount = texts.filter((text) => text === null).length;
  return makeData({ type: arrow, length: texts.length, nullCount, nullBitmap, data } as never);
}

const or0 = (texts: readonly string[], parse: (text: string) => bigint) =>
  BigInt64Array.from(texts, (text) => (text === '' ? 0n : parse(text)));

/** Layouts that Arrow's builders would round through Date. */
const WIDE: Readonly<Partial<Record<SqlType['kind'], (texts: readonly string[]) => Int32Array | BigInt64Array>>> = {
  date: (texts) => Int32Array.from(texts, (text) => (text === '' ? 0 : parseDate(text))),
  time: (texts) => or0(texts, (text) => BigInt(parseTime(text))),
  timestamp: (texts) => or0(texts, parseTimestamp),
  timestamptz: (texts) => or0(texts, parseTimestamp),
};

function value(type: SqlType, text: string): unknown {
  switch (type.kind) {
    case 'boolean':
      return text === 't';
    case 'smallint':
    case 'integer':
    case 'real':
    case 'double':
      return Number(text);
    case 'bigint':
      return BigInt(text);
    case 'bytea':
      return Buffer.from(text.slice(2), 'hex');
    default:
      return text;
  }
}
