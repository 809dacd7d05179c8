/** How much memory the process takes at most, above what it has when it begins. */
import { readFileSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export class MemoryPeak {
  readonly #before: number;

  /** Collects garbage first, and asks Linux to forget the highest mark so far (proc(5), clear_refs). */
  constructor() {
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    writeFileSync('/proc/self/clear_refs', '5');
    this.#before = highestMark();
  }

  /** The most resident memory since then, not a sample of it; garbage that was not collected is in it. */
  bytes(): number {
    return highestMark() - this.#before;
  }
}

function highestMark(): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return 1024 * Number(kilobytes);
}
