/**
 * Loads an addon and compares every instruction set of this processor with PyTorch's gradients and weights:
 * `node operators/lstm/native/check-addon.ts <lstm.node>`. Needs nothing that is installed, so that an addon for another
 * processor can be checked under an emulator (docs/training.md).
 */
import { resolve } from 'node:path';
import { dataOf, fixture, parityErrors } from '../fixtures/pytorch-cases.ts';
import { nativeCodes } from '../packed/native-kernels.ts';
import { PackedBackend } from '../packed/packed-backend.ts';

const codes = nativeCodes([resolve(process.argv[2] ?? '')]);
if (codes.length === 0) throw new Error(`${process.argv[2]} is no addon that this processor loads`);
for (const native of codes) {
  const errors = fixture.cases.map((one) => {
    using backend = new PackedBackend(one.spec, dataOf(one), {
      batch: 20,
      threads: 1,
      code: { kind: 'native', native },
    });
    return parityErrors(one, backend);
  });
  const gradient = Math.max(...errors.map((error) => error.gradient));
  const weights = Math.max(...errors.map((error) => error.weights));
  console.log(
    `${native.name}: ${errors.length} models as in PyTorch, relative error of gradients ${gradient.toExponential(1)}, ` +
      `of weights after five steps ${weights.toExponential(1)}`,
  );
  if (!(gradient < 1e-4 && weights < 1e-5)) process.exitCode = 1;
}
