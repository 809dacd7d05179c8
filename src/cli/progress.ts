/** Progress of a TRAIN: a bar that is redrawn on a terminal, a plain line per round elsewhere. Always on stderr. */
import type { TrainingProgress } from '../engine/result.ts';

const BAR_WIDTH = 24;

export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  #drawn = false;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
  }

  show(progress: TrainingProgress): void {
    const { model, round, rounds } = progress;
    if (!this.#stream.isTTY) {
      this.#stream.write(`TRAIN ${model}: round ${round}/${rounds}  ${facts(progress)}\n`);
      return;
    }
    const filled = Math.round((round / rounds) * BAR_WIDTH);
    const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
    this.#stream.write(`\r\x1b[2K${model} ${bar} ${round}/${rounds}  ${facts(progress)}`);
    this.#drawn = true;
    if (round === rounds) this.end();
  }

  /** Leaves the bar where it stands, so that what follows begins on a line of its own. */
  end(): void {
    if (this.#drawn) this.#stream.write('\n');
    this.#drawn = false;
  }
}

function facts({ loss, validationLoss, rowsPerSecond }: TrainingProgress): string {
  const validation = validationLoss === undefined ? '' : `  validation ${validationLoss.toFixed(4)}`;
  return `loss ${loss.toFixed(4)}${validation}  ${Math.round(rowsPerSecond).toLocaleString('en-US')} rows/s`;
}
