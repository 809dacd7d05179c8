/** A helper thread: runs its slice at every launch, and sleeps between them. */
import { workerData } from 'node:worker_threads';
import { CONTROL, planArena } from './arena.ts';
import { createKernels } from './create-kernels.ts';
import type { HelperSetup } from './packed-backend.ts';
import { Slice } from './slice.ts';
import { waitForChange } from './wait.ts';

const { code, data, index, memory, shape } = workerData as HelperSetup;
const arena = planArena(shape);
const control = new Int32Array(memory.buffer, arena.control, 16);
const slice = new Slice(shape.spec, data, arena, index, memory.buffer, createKernels(code, memory));

let generation = 0;
for (;;) {
  waitForChange(control, CONTROL.generation, generation++);
  try {
    slice.run();
  } catch {
    // The conductor sleeps until all are done: it must be woken in any case, and reads this.
    Atomics.add(control, CONTROL.failed, 1);
  }
  Atomics.add(control, CONTROL.done, 1);
  Atomics.notify(control, CONTROL.done);
}
