/** Exported models in ONNX Runtime (Python) against our own predictions. `PYTHON` names the interpreter. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { outputsPerWindow } from '../../operators/lstm/backend.ts';
import { type Case, dataOf, fixture } from '../../operators/lstm/fixtures/pytorch.ts';
import { initialWeights } from '../../operators/lstm/model.ts';
import { encodeOnnx } from '../../operators/lstm/onnx.ts';
import { ReferenceBackend } from '../../operators/lstm/reference-backend.ts';

const python = process.env.PYTHON ?? 'python3';
const present = spawnSync(python, ['-c', 'import onnxruntime, numpy']).status === 0;
if (!present) console.log(`skipped: ${python} has no onnxruntime (pip install onnxruntime)`);

const scaleOf = (feature: number) => ({ mean: feature + 1, deviation: feature + 2 });
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
    const described = fixture.cases.map((one, i) => {
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
    const script = fileURLToPath(new URL('./onnx-runtime.py', import.meta.url));
    const answers: number[][] = JSON.parse(execFileSync(python, [script, folder], { encoding: 'utf8' }));
    fixture.cases.forEach((one, i) => {
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
