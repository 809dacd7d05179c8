/**
 * The generated training functions at bigquery-emulator: GoogleSQL takes the statements that make them, and a call over columns of
 * every type. The emulator's JavaScript knows no WebAssembly, so that the call ends there; operators/lstm/in-engine runs the
 * functions themselves. BIGQUERY_EMULATOR names its binary.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bigquery } from '../../connectors/bigquery/connector.ts';
import { trainingFunctions } from '../../connectors/bigquery/training/functions.ts';
import { trainingStep } from '../../connectors/bigquery/training/step.ts';
import type { Field } from '../../connectors/bigquery/types.ts';
import type { Silo } from '../../connectors/connector.ts';
import type { StepJob } from '../../connectors/training-step.ts';
import { type BigQueryEmulator, startBigQueryEmulator } from './bigquery-emulator.ts';

const program = process.env.BIGQUERY_EMULATOR;
if (program === undefined) console.log('BIGQUERY_EMULATOR is not set: no GoogleSQL reads the training functions');

const QUERY = `SELECT TIMESTAMP '2024-01-01 00:00:00+00' AS ts, 'm' AS meter, 1 AS i, NUMERIC '1.5' AS n, 2.5 AS f,
  DATE '2024-01-01' AS d, DATETIME '2024-01-01 00:00:00' AS dt, TIME '12:00:00' AS t, TRUE AS b, CAST(NULL AS FLOAT64) AS nothing`;

/** The emulator's dry runs tell no columns. */
const TYPES = {
  ts: 'TIMESTAMP',
  meter: 'STRING',
  i: 'INTEGER',
  n: 'NUMERIC',
  f: 'FLOAT',
  d: 'DATE',
  dt: 'DATETIME',
  t: 'TIME',
  b: 'BOOLEAN',
  nothing: 'FLOAT',
};
const FIELDS: readonly Field[] = Object.entries(TYPES).map(([name, type]) => ({ name, type }));

describe.skipIf(program === undefined)('training inside BigQuery, at bigquery-emulator', () => {
  const { signal } = new AbortController();
  let server: BigQueryEmulator;
  let silo: Silo;
  let name: string;
  beforeAll(async () => {
    server = await startBigQueryEmulator(program!);
    const { options } = await server.place();
    name = `${options.project}.${options.dataset}.causeway_lstm_step`;
    silo = await bigquery.connect(options, signal);
    const statements = trainingFunctions(options).split(/(?<=;\n)\n(?=-- )/);
    expect(statements).toHaveLength(2);
    for (const text of statements) await silo.execute!(text, signal);
  }, 120_000);
  afterAll(async () => {
    await silo?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test.each([
    ['with an entity', QUERY, true],
    ['without', QUERY.replace("'m' AS meter, ", ''), false],
  ])('a call over all types, %s, gets as far as the kernel', async (_, query, entity) => {
    const job: StepJob = {
      ...{ ask: 'describe', query, entity, names: ['i', 'n', 'f', 'd', 'dt', 't', 'b', 'nothing'] },
      ...{ sequence: { window: 2, horizon: 1, stride: 1 }, split: { validate: 0.1, test: 0.1 } },
    };
    const step = trainingStep({
      name,
      fieldsOf: async () => FIELDS.filter((field) => entity || field.name !== 'meter'),
      answerTo: (text) => silo.execute!(text, signal).then(() => null),
    });
    await expect(step.call(job, signal)).rejects.toThrow(/'WebAssembly' is not defined/);
  });
});
