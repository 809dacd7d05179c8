/** Statements of the test server: running, done with a result in chunks, failed, aborted. */
import { randomBytes, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { WarehouseSql } from '../warehouse/duckdb-sql.ts';
import { isQuery, toDuckdb } from './dialect.ts';
import { type Procedures, procedureCall } from './procedures.ts';
import { Refusal, refusalOf } from './refusal.ts';
import type { TestStage } from './stage.ts';
import { type RowType, rowType, spelling } from './types.ts';

const zip = promisify(gzip);

export interface StatementResult {
  readonly rowtype: readonly RowType[];
  /** The rows inside the answer, as JSON without the outer brackets. */
  readonly rowset: string;
  readonly total: number;
  readonly chunks: readonly StatementChunk[];
}

export interface StatementChunk {
  readonly id: string;
  readonly rowCount: number;
  readonly body: Buffer;
  readonly uncompressedSize: number;
}

export interface Statement {
  readonly id: string;
  readonly text: string;
  readonly requestId: string;
  readonly done: Promise<StatementResult>;
  running: boolean;
  abort(): void;
}

/** How many rows stand inside the answer, and how many in each chunk. */
export interface ChunkSizes {
  readonly inline: number;
  readonly chunk: number;
  /** False: chunks are stored as they are. */
  readonly zip?: boolean;
}

/** A statement that runs from now on. */
export function startStatement(
  {
    procedures,
    sql,
    stage,
  }: {
    readonly sql: WarehouseSql;
    readonly procedures: Procedures;
    readonly stage: TestStage;
  },
  text: string,
  requestId: string,
  sizes: ChunkSizes,
): Statement {
  const controller = new AbortController();
  const statement: Statement = {
    id: `01${randomUUID().slice(2)}`,
    text,
    requestId,
    running: true,
    done: (
      procedureCall(procedures, text, controller.signal) ??
      stage.run(text, controller.signal) ??
      runStatement(sql, text, sizes, controller.signal)
    )
      .catch((thrown) => {
        throw controller.signal.aborted ? new Refusal('000604', 'SQL execution canceled', '57014') : refusalOf(thrown);
      })
      .finally(() => {
        statement.running = false;
      }),
    abort: () => controller.abort(),
  };
  // Whoever asks for the result gets the failure; until then it is nobody's.
  statement.done.catch(() => undefined);
  return statement;
}

async function runStatement(
  sql: WarehouseSql,
  text: string,
  sizes: ChunkSizes,
  signal: AbortSignal,
): Promise<StatementResult> {
  const duckdb = toDuckdb(text);
  if (!isQuery(text)) {
    await sql.run(duckdb, signal);
    const status = rowType({ name: 'status', type: 'VARCHAR' });
    return { rowtype: [status], rowset: '["Statement executed successfully."]', total: 1, chunks: [] };
  }
  const { columns, rows } = await sql.query(duckdb, spelling, signal);
  const chunks: StatementChunk[] = [];
  let rowset: string | undefined;
  let pending: string[] = [];
  let total = 0;
  const flush = async () => {
    const part = pending.join(',');
    const rowCount = pending.length;
    pending = [];
    if (rowset === undefined) rowset = part;
    else {
      const id = randomBytes(12).toString('hex');
      chunks.push({
        id,
        rowCount,
        body: sizes.zip === false ? Buffer.from(part) : await zip(part, { level: 1 }),
        uncompressedSize: part.length,
      });
    }
  };
  for await (const batch of rows) {
    for (const row of batch) {
      pending.push(row);
      total++;
      if (pending.length >= (rowset === undefined ? sizes.inline : sizes.chunk)) await flush();
    }
  }
  if (pending.length > 0 || rowset === undefined) await flush();
  return { rowtype: columns.map(rowType), rowset: rowset!, total, chunks };
}
