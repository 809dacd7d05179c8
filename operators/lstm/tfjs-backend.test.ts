import { describe, expect, it } from 'vitest';
import { dataOf, expectPyTorch, fixture } from './fixtures/pytorch.ts';
import { expectReference, UNUSUAL } from './fixtures/unusual.ts';
import { initialWeights } from './model.ts';
import { ReferenceBackend } from './reference-backend.ts';
import { loadTfjs, TfjsBackend } from './tfjs-backend.ts';

const tf = await loadTfjs();

describe('tfjs', () => {
  it.each(fixture.cases)('does what PyTorch does: $name', (one) => {
    using backend = new TfjsBackend(tf, one.spec, dataOf(one));
    expectPyTorch(one, backend);
  });

  it.each(UNUSUAL)('does what the reference does: $name', (one) => {
    using backend = new TfjsBackend(tf, one.spec, one.data);
    expectReference(one, backend);
  });

  it('drops what the reference drops, predicts what it predicts, and keeps no tensors', () => {
    const one = fixture.cases.find(({ name }) => name === 'four layers, every step')!;
    const spec = { ...one.spec, dropout: 0.3 };
    const starts = Uint32Array.of(3, 0, 5);
    const before = tf.memory().numTensors;
    const [found, expected] = [new TfjsBackend(tf, spec, dataOf(one)), new ReferenceBackend(spec, dataOf(one))].map(
      (backend) => {
        backend.setWeights(initialWeights(spec, 2));
        const outputs = new Float32Array(3 * fixture.steps);
        backend.predict(starts, outputs);
        return [backend.gradients(starts, 9).loss, ...outputs];
      },
    );
    expected!.forEach((value, i) => {
      expect(found![i]).toBeCloseTo(value, 5);
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});
