/** An open BigQuery dataset: fragments run as jobs of their own. */
import type { RecordBatch } from 'apache-arrow';
import { CausewayError, canceled, SQLSTATE } from '../../src/plan/errors.ts';
import type {
  ColumnInfo,
  Fragment,
  FragmentResult,
  Measurement,
  ResultColumn,
  Silo,
  SqlFragment,
  StatementEstimate,
  TableInfo,
  TableName,
  TableStatistics,
  WriteRequest,
} from '../connector.ts';
import { measurement } from '../measured-statistics.ts';
import { bindParameters } from '../parameters.ts';
import type { TrainingStep } from '../training-step.ts';
import { bigqueryDialect } from './capabilities.ts';
import { columnsOf, readStatistics, readTables } from './catalog.ts';
import { billed } from './cost.ts';
import { destinationOf, dryRun, type Job, type JobPlace, type ResultPage, startJob } from './jobs.ts';
import type { LargeResults } from './large-results.ts';
import { finished, readResult } from './result.ts';
import { quoted } from './spelling.ts';
import { trainingStep } from './training/step.ts';
import { writeTable } from './write.ts';

export interface BigQueryPlace extends JobPlace {
  readonly context: string;
  /** Money for 2^40 bytes that a statement reads. */
  readonly pricePerTib: number;
  /** Absent where the Storage API is not to be used. */
  readonly large?: LargeResults;
  /** The path of the function that trains, where it has been installed. */
  readonly trainer?: string;
}

export class BigQuerySilo implements Silo {
  readonly context: string;
  readonly schema: string;
  readonly trainingStep?: TrainingStep;
  readonly #place: BigQueryPlace;

  constructor(place: BigQueryPlace) {
    this.#place = place;
    this.context = place.context;
    this.schema = place.dataset;
    if (place.trainer !== undefined) {
      this.trainingStep = trainingStep({
        name: place.trainer,
        fieldsOf: async (text, signal) => (await dryRun(place, text, signal)).fields,
        answerTo: (text, signal) => this.#value(text, signal),
      });
    }
  }

  tables(signal: AbortSignal): Promise<readonly TableInfo[]> {
    return readTables(this.#place, signal);
  }

  statistics({ schema, table }: TableName, signal: AbortSignal): Promise<TableStatistics | undefined> {
    return readStatistics(this.#place, schema ?? this.schema, table, signal);
  }

  measure(table: TableInfo): Measurement {
    return measurement(table, bigqueryDialect);
  }

  async run(fragment: Fragment, signal: AbortSignal): Promise<FragmentResult> {
    if (fragment.kind !== 'sql') {
      throw new CausewayError(SQLSTATE.featureNotSupported, 'a bigquery silo takes SQL fragments only');
    }
    if (signal.aborted) throw canceled(signal.reason);
    const told: string[] = [];
    const batches = this.#rows(fragment, (message) => told.push(message), signal);
    return { kind: 'batches', columns: fragment.columns, batches, notices: () => told };
  }

  async *#rows(
    fragment: SqlFragment,
    onNotice: (message: string) => void,
    signal: AbortSignal,
  ): AsyncGenerator<RecordBatch, void, undefined> {
    const { columns, text } = fragment;
    const job = await startJob(this.#place, bindParameters(fragment, quoted), signal);
    const ordered = /\bORDER\s+BY\b/i.test(text);
    const large = (result: ResultPage) => this.#large(job, result, ordered, columns, onNotice, signal);
    yield* readResult(job, columns, this.#place.large && large, signal);
  }

  async #large(
    job: Job,
    { totalRows = '0' }: ResultPage,
    ordered: boolean,
    columns: readonly ResultColumn[],
    onNotice: (message: string) => void,
    signal: AbortSignal,
  ): Promise<AsyncIterable<RecordBatch> | undefined> {
    const { billingProject, large } = this.#place;
    const table = large && (await destinationOf(job, signal));
    if (table === undefined) return undefined;
    return large?.read({ table, billingProject, ordered, rows: Number(totalRows) }, columns, onNotice, signal);
  }

  /** The first value of a statement's first row. */
  async #value(text: string, signal: AbortSignal): Promise<string | null> {
    const { rows } = await finished(await startJob(this.#place, text, signal), signal);
    const value = rows?.[0]?.f[0]?.v ?? null;
    return value === null ? null : String(value);
  }

  async estimate(text: string, signal: AbortSignal): Promise<StatementEstimate> {
    return billed(await dryRun(this.#place, text, signal), this.#place.pricePerTib);
  }

  async execute(text: string, signal: AbortSignal): Promise<void> {
    await finished(await startJob(this.#place, text, signal), signal);
  }

  async describe(text: string, signal: AbortSignal): Promise<readonly ColumnInfo[]> {
    // As a subquery: nothing but a query can stand there.
    const { fields } = await dryRun(this.#place, `SELECT * FROM (${text}\n) AS t`, signal);
    return columnsOf(fields);
  }

  write(request: WriteRequest, signal: AbortSignal): Promise<{ readonly rows: number }> {
    return writeTable(this.#place, request, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#place.large?.[Symbol.asyncDispose]();
  }
}
