/** Looks at every round's times, and has silos train elsewhere when the truth is far from the plan. */
import type { PlacedTraining } from '../../../optimizer/placement/placed-training.ts';
import { expectedRounds, replanTraining } from '../../../optimizer/placement/replan-training.ts';
import { messageOf, throwIfAborted } from '../../plan/errors.ts';
import type { Notice } from '../result.ts';
import type { PlacedTrainer } from './placed-trainer.ts';

export class RoundWatch {
  readonly #placed: PlacedTraining;
  readonly #trainers: readonly PlacedTrainer[];
  readonly #onNotice: (notice: Notice) => void;
  #expected: ReadonlyMap<string, number>;
  /** Silos that could not move are not asked again. */
  readonly #stay = new Set<string>();

  constructor(placed: PlacedTraining, trainers: readonly PlacedTrainer[], onNotice: (notice: Notice) => void) {
    this.#placed = placed;
    this.#trainers = trainers;
    this.#onNotice = onNotice;
    this.#expected = expectedRounds(placed);
  }

  /** @param remaining rounds that are still to be done */
  async afterRound(round: number, remaining: number, signal: AbortSignal): Promise<void> {
    if (remaining === 0) return;
    const measured = this.#trainers.flatMap(({ silo, site, lastRound }) =>
      lastRound?.round === round && lastRound.warm ? [{ silo, site, ...lastRound }] : [],
    );
    const replanned = replanTraining(this.#placed, this.#expected, measured, remaining);
    if (replanned === undefined) return;
    this.#expected = replanned.expected;
    for (const { silo, to } of replanned.moves) {
      const trainer = this.#trainers.find((each) => each.silo === silo);
      if (trainer === undefined || this.#stay.has(silo)) continue;
      const { seconds } = trainer.lastRound!;
      const moved = await trainer.moveTo(to, signal).catch((thrown: unknown) => {
        throwIfAborted(signal);
        return messageOf(thrown);
      });
      if (moved !== true) this.#stay.add(silo);
      const what =
        moved === true
          ? `goes on ${to === 'mediator' ? 'at the mediator, with its rows' : 'at home'}`
          : `stays where it is${moved === false ? '' : ` (${moved})`}`;
      this.#onNotice({
        severity: 'NOTICE',
        message: `round ${round}: silo "${silo}" took ${seconds.toFixed(1)} s, far more than planned; it ${what}`,
      });
    }
  }
}
