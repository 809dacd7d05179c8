import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LONGEST_CODE, trainingCode } from '../../../connectors/bigquery/training/functions.ts';
import { bundle, kernel } from './bundle.ts';

const committed = (name: string) =>
  readFileSync(new URL(`../../../connectors/bigquery/training/${name}`, import.meta.url));

test('the committed function is what its source bundles to', async () => {
  const advice = 'run `npm run build:udf` and commit the result';
  expect(committed('lstm-step.js').toString() === (await bundle()), advice).toBe(true);
  expect(committed('lstm-kernel.wasm').equals(kernel()), advice).toBe(true);
});

test('it fits into a statement', () => {
  expect(Buffer.byteLength(trainingCode())).toBeLessThanOrEqual(LONGEST_CODE);
  // What would end the string that it stands in.
  expect(trainingCode()).not.toContain('"""');
  expect(trainingCode()).not.toMatch(/\\$/);
});

test('it asks for nothing that an engine has not', () => {
  expect(committed('lstm-step.js').toString()).not.toMatch(
    /\b(process|Buffer\.|require|performance|SharedArrayBuffer|TextEncoder|structuredClone|import\s*\(|fetch|console)\b/,
  );
});
