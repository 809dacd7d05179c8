/** An open Snowflake schema: fragments run as asynchronous statements of one session. */
import type { RecordBatch } from 'apache-arrow';
import type { RowStatement } from 'snowflake-sdk';
import { CausewayError, canceled, SQLSTATE } from '../../src/plan/errors.ts';
import { scalar } from '../../src/plan/types.ts';
import type {
  ColumnInfo,
  Fragment,
  FragmentResult,
  Measurement,
  ResultColumn,
  Silo,
  SqlFragment,
  TableInfo,
  TableName,
  TableStatistics,
  WriteRequest,
} from '../connector.ts';
import { measurement } from '../measured-statistics.ts';
import { bindParameters } from '../parameters.ts';
import { foldedName } from '../quoting.ts';
import { batchTexts } from '../row-text.ts';
import type { TrainingStep } from '../training-step.ts';
import { snowflakeDialect } from './capabilities.ts';
import { type Ask, readStatistics, readTables } from './catalog.ts';
import type { SnowflakeErrors } from './errors.ts';
import { readQuery, travelsOf, unloadQuery } from './extract/columns.ts';
import { type ExtractPrice, extractPrice } from './extract/price.ts';
import { readFiles } from './extract/read.ts';
import { StagedResult } from './extract/stage.ts';
import { awaitResult, checkShape, readResult } from './result.ts';
import type { SnowflakeSession } from './session.ts';
import { quoted } from './spelling.ts';
import { trainingStep } from './training/step.ts';
import { typeOf } from './types.ts';
import { writeTable } from './write.ts';

export interface SnowflakePlace {
  readonly session: SnowflakeSession;
  readonly errors: SnowflakeErrors;
  readonly context: string;
  readonly schema: string;
  /** The name of the procedure that trains, where it has been installed. */
  readonly procedure?: string;
  /** The stage through which large results may come. */
  readonly stage?: string;
}

export class SnowflakeSilo implements Silo {
  readonly context: string;
  readonly trainingStep?: TrainingStep;
  readonly #place: SnowflakePlace;

  constructor(place: SnowflakePlace) {
    this.#place = place;
    this.context = place.context;
    if (place.procedure !== undefined) {
      this.trainingStep = trainingStep(place.procedure, (signal) => this.#ask(signal));
    }
  }

  tables(signal: AbortSignal): Promise<readonly TableInfo[]> {
    return readTables(this.#ask(signal), this.#place.schema);
  }

  statistics({ schema, table }: TableName, signal: AbortSignal): Promise<TableStatistics | undefined> {
    const where = schema === undefined ? this.#place.schema : foldedName(schema);
    return readStatistics(this.#ask(signal), where, foldedName(table));
  }

  measure(table: TableInfo): Measurement {
    return measurement(table, snowflakeDialect);
  }

  async run(fragment: Fragment, signal: AbortSignal): Promise<FragmentResult> {
    if (fragment.kind !== 'sql') {
      throw new CausewayError(SQLSTATE.featureNotSupported, 'a snowflake silo takes SQL fragments only');
    }
    if (signal.aborted) throw canceled(signal.reason);
    const told: string[] = [];
    const batches = this.#read(fragment, signal, (notice) => told.push(notice));
    return { kind: 'batches', columns: fragment.columns, batches, notices: () => told };
  }

  #read(
    fragment: SqlFragment,
    signal: AbortSignal,
    tell: (notice: string) => void,
  ): AsyncGenerator<RecordBatch, void, undefined> {
    const { columns } = fragment;
    const text = bindParameters(fragment, quoted);
    return this.#extractPrice(fragment) === undefined
      ? this.#rows(text, columns, signal)
      : this.#extract(text, columns, signal, tell);
  }

  #extractPrice(fragment: SqlFragment): ExtractPrice | undefined {
    return this.#place.stage === undefined ? undefined : extractPrice(fragment);
  }

  transfer(fragment: SqlFragment): string | undefined {
    const price = this.#extractPrice(fragment);
    if (price === undefined) return undefined;
    const [files, chunks] = [price.seconds, price.inChunks].map((seconds) => `${seconds.toPrecision(2)} s`);
    return `as Parquet by COPY INTO @${this.#place.stage}: about ${files} instead of ${chunks} in chunks`;
  }

  /** The rows through files in the stage; in chunks where a column cannot go through them. */
  async *#extract(
    text: string,
    columns: readonly ResultColumn[],
    signal: AbortSignal,
    tell: (notice: string) => void,
  ): AsyncGenerator<RecordBatch, void, undefined> {
    const { errors, session, stage } = this.#place;
    const described = (await session.describe(`SELECT * FROM (${text}\n) AS t`, signal)).getColumns() ?? [];
    const rowtype = described.map((column) => ({ name: column.getName(), type: column.getType().toLowerCase() }));
    checkShape(rowtype, columns);
    const travels = travelsOf(
      columns,
      rowtype.map(({ type }) => type),
    );
    if (travels === undefined) return yield* this.#rows(text, columns, signal);
    const staged = new StagedResult(stage!);
    try {
      const files = await staged.unload(unloadQuery(text, travels), this.#ask(signal, true));
      yield* readFiles(files, columns, (path) => readQuery(path, columns, travels), errors, signal);
    } finally {
      // An abort must not keep the files from going; nor may they be written after it, so it was waited for.
      await staged.remove(this.#ask(new AbortController().signal)).catch((thrown) => tell(staged.left(thrown)));
    }
  }

  /** @param settled an aborted statement is waited for, until what it does has an end */
  async *#rows(
    text: string,
    columns: readonly ResultColumn[],
    signal: AbortSignal,
    settled = false,
  ): AsyncGenerator<RecordBatch, void, undefined> {
    const { session, errors } = this.#place;
    const unstoppable = new AbortController().signal;
    const statement = await session.submit(text, settled ? unstoppable : signal);
    const place = { session, errors, queryId: statement.getQueryId(), signal };
    let running = true;
    try {
      const first = await awaitResult(place);
      running = false;
      yield* readResult(place, first, columns);
    } finally {
      // A statement that nobody waits for any more would run, and be billed, to its end.
      if (running) await abort(statement);
      if (running && settled) await awaitResult({ ...place, signal: unstoppable }).catch(() => undefined);
    }
  }

  /** A statement's rows as texts. */
  #ask(signal: AbortSignal, settled = false): Ask {
    return async (text, names) => {
      const columns = names.map((name) => ({ name, type: scalar('text') }));
      const rows: (string | null)[][] = [];
      for await (const batch of this.#rows(text, columns, signal, settled)) {
        const texts = batchTexts(batch, columns);
        for (let row = 0; row < batch.numRows; row++) rows.push(texts.map((read) => read(row)));
      }
      return rows;
    };
  }

  async execute(text: string, signal: AbortSignal): Promise<void> {
    const { session, errors } = this.#place;
    const statement = await session.submit(text, signal);
    try {
      await awaitResult({ session, errors, queryId: statement.getQueryId(), signal });
    } catch (thrown) {
      if (signal.aborted) await abort(statement);
      throw thrown;
    }
  }

  async describe(text: string, signal: AbortSignal): Promise<readonly ColumnInfo[]> {
    // As a subquery: nothing but a query can stand there.
    const statement = await this.#place.session.describe(`SELECT * FROM (${text}\n) AS t`, signal);
    return (statement.getColumns() ?? []).map((column) => ({
      name: foldedName(column.getName()),
      type: typeOf(column.getType(), column.getPrecision(), column.getScale()),
      nullable: column.isNullable(),
    }));
  }

  write(request: WriteRequest, signal: AbortSignal): Promise<{ readonly rows: number }> {
    return writeTable((text, stop) => this.execute(text, stop), request, signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#place.session[Symbol.asyncDispose]();
  }
}

/** Tells the service to stop; whether it still could is of no matter. */
const abort = (statement: RowStatement): Promise<void> =>
  new Promise((done) => {
    statement.cancel(() => done());
  });
