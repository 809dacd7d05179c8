/** TRAIN's local step as calls of the function that the project's owner has installed (functions.ts). */
import { CausewayError, messageOf, SQLSTATE } from '../../../src/plan/errors.ts';
import { dialectIdentifier } from '../../quoting.ts';
import type { StepAsked, StepJob, TrainingStep } from '../../training-step.ts';
import { bigqueryDialect } from '../capabilities.ts';
import { quoted } from '../spelling.ts';
import { type Field, typeOf } from '../types.ts';

/** The service takes statements of a megabyte; the weights stand in them, and the query with its names beside them. */
const LONGEST_STATEMENT = 1_000_000;
const ROOM_FOR_THE_REST = 50_000;
const TEXT_BYTES_PER_WEIGHT = 16 / 3;

/** Plausible, not measured: a job that starts, and one thread of WebAssembly. Rounds correct the speed. */
const PRICE = { startup: 3, flops: 3e9 };

const LOSSES: readonly string[] = ['mse', 'mae', 'huber'];

/** What the function does not do, or could not say in its answer, by name. */
export function refusal({ features, spec, weights }: StepAsked): string | undefined {
  if (!LOSSES.includes(spec.loss)) return `the loss ${spec.loss}`;
  const category = features.find((feature) => feature.category !== undefined);
  if (category !== undefined) return `the categories of "${category.name}"`;
  if (features.some(({ scale }) => scale === 'entity')) return 'scales by entity';
  if (weights * TEXT_BYTES_PER_WEIGHT > LONGEST_STATEMENT - ROOM_FOR_THE_REST) {
    return `${weights} weights: a statement of BigQuery holds about ${Math.floor((LONGEST_STATEMENT - ROOM_FOR_THE_REST) / TEXT_BYTES_PER_WEIGHT)}`;
  }
  return undefined;
}

export interface StepPlace {
  /** The function's path. */
  readonly name: string;
  /** A statement's columns, without running it. */
  readonly fieldsOf: (text: string, signal: AbortSignal) => Promise<readonly Field[]>;
  /** The one value of a statement. */
  readonly answerTo: (text: string, signal: AbortSignal) => Promise<string | null>;
}

export function trainingStep({ fieldsOf, name, answerTo }: StepPlace): TrainingStep {
  let last: { readonly query: string; readonly fields: readonly Field[] } | undefined;
  return {
    price: PRICE,
    refusal,
    async call(job, signal) {
      // One training asks one query again and again.
      if (last?.query !== job.query) last = { query: job.query, fields: await fieldsOf(job.query, signal) };
      const value = await answerTo(statement(name, job, last.fields), signal);
      try {
        return JSON.parse(value ?? '') as unknown;
      } catch (cause) {
        throw new CausewayError(SQLSTATE.trainingFailed, `function ${name} did not answer with JSON`, {
          cause,
          detail: messageOf(cause),
          hint: 'Install the one that `causeway agent manifest --for bigquery-udf` prints.',
        });
      }
    },
  };
}

/** The call over all rows of the job's query, whose columns are `fields`. */
export function statement(name: string, job: StepJob, fields: readonly Field[]): string {
  const { query, ...asked } = job;
  const [time, ...others] = fields;
  const features = job.entity ? others.slice(1) : others;
  if (time === undefined || features.length !== job.names.length) {
    throw new CausewayError(
      SQLSTATE.internalError,
      `the training query has ${fields.length} columns for ${job.names.length} features`,
    );
  }
  const entity = job.entity ? `CAST(${column(others[0]!)} AS STRING)` : 'CAST(NULL AS STRING)';
  return `SELECT ${path(name)}(${quoted(JSON.stringify(asked))}, ARRAY_AGG(STRUCT(time, entity, features) ORDER BY entity, time)) AS answer
FROM (SELECT ${number(time)} AS time, ${entity} AS entity, [${features.map(number).join(', ')}] AS features
FROM (${query}
) AS q) AS r`;
}

const column = ({ name }: Field): string => dialectIdentifier(name, bigqueryDialect);

/** A value as FLOAT64: moments in microseconds since 1970 UTC, as the product counts them. */
function number(field: Field): string {
  const name = column(field);
  switch (typeOf(field).kind) {
    case 'timestamptz':
      return `CAST(UNIX_MICROS(${name}) AS FLOAT64)`;
    case 'timestamp':
      return `CAST(UNIX_MICROS(TIMESTAMP(${name})) AS FLOAT64)`;
    case 'date':
      return `CAST(UNIX_DATE(${name}) * 86400000000 AS FLOAT64)`;
    case 'time':
      return `CAST(TIME_DIFF(${name}, TIME '00:00:00', MICROSECOND) AS FLOAT64)`;
    case 'boolean':
      return `CAST(CAST(${name} AS INT64) AS FLOAT64)`;
    default:
      return `CAST(${name} AS FLOAT64)`;
  }
}

const path = (name: string): string =>
  name
    .split('.')
    .map((part) => dialectIdentifier(part, bigqueryDialect))
    .join('.');

/** The option as it may stand in a statement. @throws CausewayError 22023 for anything but a function's path */
export function functionName(option: string): string {
  if (/^(?:[a-z][a-z0-9:-]*\.)?\w+\.\w+$/.test(option)) return option;
  throw new CausewayError(SQLSTATE.invalidParameterValue, `training_function is no name of a function: ${option}`, {
    hint: "Write it as 'project.dataset.causeway_lstm_step'.",
  });
}
