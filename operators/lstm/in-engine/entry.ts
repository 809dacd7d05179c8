/** What the bundle gives to the function's body (connectors/bigquery/training/function.ts). */
import type { StepJob } from '../../../connectors/training-step.ts';
import { CausewayError } from '../../../src/plan/errors.ts';
import { bytesOf } from './base64.ts';
import type { EngineRow } from './rows.ts';
import { runStep } from './step.ts';

/**
 * Job and answer are JSON, the kernel is base64. An engine passes on the message of an error and nothing else.
 * @throws Error
 */
export function step(job: string, rows: readonly EngineRow[], kernel: string): string {
  try {
    const module = new WebAssembly.Module(bytesOf(kernel) as Uint8Array<ArrayBuffer>);
    return JSON.stringify(runStep(JSON.parse(job) as StepJob, rows, { name: 'wasm', module }));
  } catch (thrown) {
    if (!(thrown instanceof CausewayError)) throw thrown;
    throw new Error([thrown.message, thrown.detail, thrown.hint].filter(Boolean).join('. '));
  }
}
