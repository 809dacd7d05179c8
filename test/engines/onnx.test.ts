/** Exported models in ONNX Runtime (Python) against our own predictions. `PYTHON` names the interpreter. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { outputsPerWindow } from '../../operators/lstm/backend.ts';
import { type Case, dataOf, fixture } from '../../operators/lstm/fixtures/pytorch.ts';
import { UNUSUAL } from '../../operators/lstm/fixtures/unusual.ts';
import { initialWeights } from '../../operators/lstm/model.ts';
import { encodeOnnx } from '../../operators/lstm/onnx.ts';
import { ReferenceBackend } from '../../operators/lstm/reference-backend.ts';

const python = process.env.PYTHON ?? 'python3';
const present = spawnSync(python, ['-c', 'import onnxruntime, numpy']).status === 0;
const script = fileURLToPath(new URL('./onnx-runtime.py', import.meta.url));
const runtime = (folder: string): number[][] =>
  JSON.parse(execFileSync(python, [script, folder], { encoding: 'utf8' }));
if (!present) console.log(`skipped: ${python} has no onnxruntime (pip install onnxruntime)`);

/** Rows of strings for every category: number 0 is a name that the model never saw. */
it.runIf(present).each(UNUSUAL.filter(({ data }) => data.sequences === undefined))(
  'exported categories are looked up in the graph: $name',
  ({ data, spec, starts }) => {
    const folder = mkdtempSync(join(tmpdir(), 'onnx-'));
    try {
      const weights = initialWeights(spec, 6);
      const categories = spec.categories!;
      const nameOf = (column: number, code: number) => (code === 0 ? 'never seen' : `${column}-${code}`);
      const features = Array.from({ length: data.features }, (_, column) => {
        const category = categories.find((each) => each.column === column);
        const name = `f${column}`;
        if (category === undefined) return { name, scale: { mean: 3, deviation: 2 } };
        const vocabulary = Array.from({ length: category.size - 1 }, (_, k) => nameOf(column, k + 1));
        return { name, scale: { mean: 0, deviation: 1 }, vocabulary };
      });
      const source = { name: 'm', model: spec, weights, window: data.window, features, targets: data.targets };
      writeFileSync(join(folder, '0.onnx'), encodeOnnx({ ...source, localScales: true }));
      const column = (c: number) =>
        [...starts].flatMap((start) =>
          Array.from({ length: data.window }, (_, t) => data.values[(start + t) * data.features + c]!),
        );
      const described = {
        file: '0.onnx',
        input: column(0).map((value) => value * 5 + 7),
        shape: [starts.length, data.window, 1],
        // Not the federation's scales, but those of the silo or entity that the rows are of.
        scales: { means: [7], deviations: [5] },
        categories: Object.fromEntries(
          categories.map((each) => [
            `category_f${each.column}`,
            column(each.column).map((code) => nameOf(each.column, code)),
          ]),
        ),
      };
      writeFileSync(join(folder, 'cases.json'), JSON.stringify([described]));
      const [answer] = runtime(folder);
      using backend = new ReferenceBackend(spec, data);
      backend.setWeights(weights);
      const outputs = new Float32Array(starts.length);
      backend.predict(starts, outputs);
      outputs.forEach((value, k) => {
        expect(answer![k]).toBeCloseTo(value * 5 + 7, 4);
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

const scaleOf = (feature: number) => ({ mean: feature + 1, deviation: feature + 2 });
/** Categories have their own test above; a graph takes whole windows only. */
const CASES = fixture.cases.filter(({ missing, spec }) => missing === undefined && spec.categories === undefined);
const starts = Uint32Array.from({ length: fixture.windows }, (_, k) => k);

/** What the graph should say: outputs in the targets' units, or probabilities. */
function expected(one: Case, weights: Float32Array): number[] {
  const { loss, outputs: width } = one.spec;
  using backend = new ReferenceBackend(one.spec, dataOf(one));
  backend.setWeights(weights);
  const outputs = new Float32Array(starts.length * outputsPerWindow(one.spec, fixture.steps));
  backend.predict(starts, outputs);
  return Array.from(outputs, (value, i) => {
    if (loss === 'binary-cross-entropy') return 1 / (1 + Math.exp(-value));
    if (loss === 'softmax-cross-entropy') {
      const row = outputs.subarray(i - (i % width), i - (i % width) + width);
      return Math.exp(value) / row.reduce((sum, logit) => sum + Math.exp(logit), 0);
    }
    const { deviation, mean } = scaleOf(Math.floor(((i % width) * one.targets) / width));
    return value * deviation + mean;
  });
}

it.runIf(present)('every exported model predicts what it predicts here', () => {
  const folder = mkdtempSync(join(tmpdir(), 'onnx-'));
  try {
    const described = CASES.map((one, i) => {
      const { inputs } = one.spec;
      const weights = one.first.length > 0 ? Float32Array.from(one.first) : initialWeights(one.spec, one.seed);
      const features = Array.from({ length: inputs }, (_, f) => ({ name: `f${f}`, scale: scaleOf(f) }));
      const targets = Array.from({ length: one.targets }, (_, t) => t);
      const source = { name: one.name, model: one.spec, weights, window: fixture.steps, features, targets };
      writeFileSync(join(folder, `${i}.onnx`), encodeOnnx(source));
      const original = one.rows.map((value, k) => value * scaleOf(k % inputs).deviation + scaleOf(k % inputs).mean);
      const input = [...starts].flatMap((start) => original.slice(start * inputs, (start + fixture.steps) * inputs));
      const shape = [starts.length, fixture.steps, inputs];
      return { file: `${i}.onnx`, input, shape, weights };
    });
    writeFileSync(join(folder, 'cases.json'), JSON.stringify(described));
    const answers = runtime(folder);
    CASES.forEach((one, i) => {
      const wanted = expected(one, described[i]!.weights);
      expect(answers[i]!.length, one.name).toBe(wanted.length);
      answers[i]!.forEach((value, k) => {
        expect(value, one.name).toBeCloseTo(wanted[k]!, 4);
      });
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
