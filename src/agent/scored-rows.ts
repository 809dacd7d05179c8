/** What a model says of single rows, as Arrow batches on their way from an agent. */
import { type RecordBatch, tableFromArrays } from 'apache-arrow';
import type { Predictions } from '../../operators/lstm/predictions.ts';
import type { ForecastStep } from '../engine/training/forecast-steps.ts';

/** Rows of one chunk. */
const CHUNK = 8192;

interface Line {
  readonly entity: string;
  readonly time: number;
  readonly values: readonly number[];
}

async function* batchesOf(lines: readonly Line[]): AsyncGenerator<RecordBatch> {
  for (let from = 0; from < lines.length; from += CHUNK) {
    const part = lines.slice(from, from + CHUNK);
    const width = part[0]!.values.length;
    const columns = Array.from({ length: width }, (_, c) => [
      `v${c}`,
      Float64Array.from(part, ({ values }) => values[c]!),
    ]);
    const entity = part.map((line) => line.entity);
    const time = Float64Array.from(part, (line) => line.time);
    yield* tableFromArrays({ entity, time, ...Object.fromEntries(columns) }).batches;
  }
}

function* linesOf(batch: RecordBatch): Generator<Line> {
  const [entities, times, ...columns] = batch.schema.fields.map((_, c) => batch.getChildAt(c)!);
  for (let row = 0; row < batch.numRows; row++) {
    const values = columns.map((column) => column.get(row) as number);
    yield { entity: String(entities!.get(row)), time: times!.get(row) as number, values };
  }
}

/** @param targets actual values of each row */
export function predictionBatches(
  { actual, entities, predicted, times }: Predictions,
  targets: number,
): AsyncGenerator<RecordBatch> {
  const outputs = entities.length === 0 ? 0 : predicted.length / entities.length;
  return batchesOf(
    entities.map((entity, k) => ({
      entity,
      time: times[k]!,
      values: [
        ...actual.subarray(k * targets, (k + 1) * targets),
        ...predicted.subarray(k * outputs, (k + 1) * outputs),
      ],
    })),
  );
}

export async function predictionsOf(batches: AsyncIterable<RecordBatch>, targets: number): Promise<Predictions> {
  const lines: Line[] = [];
  for await (const batch of batches) lines.push(...linesOf(batch));
  return {
    entities: lines.map(({ entity }) => entity),
    times: Float64Array.from(lines, ({ time }) => time),
    actual: Float64Array.from(lines.flatMap(({ values }) => values.slice(0, targets))),
    predicted: Float64Array.from(lines.flatMap(({ values }) => values.slice(targets))),
  };
}

export const forecastBatches = (steps: readonly ForecastStep[]): AsyncGenerator<RecordBatch> =>
  batchesOf(steps.map(({ entity, outputs, time }) => ({ entity, time, values: outputs })));

export async function forecastOf(batches: AsyncIterable<RecordBatch>): Promise<ForecastStep[]> {
  const steps: ForecastStep[] = [];
  for await (const batch of batches) {
    for (const { entity, time, values } of linesOf(batch)) steps.push({ entity, time, outputs: values });
  }
  return steps;
}
