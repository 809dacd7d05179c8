/** Counts what crosses a silo's border in training, at the border itself: a run that fails or is cancelled has sent too. */
import type { Evaluation } from '../../../operators/lstm/evaluation.ts';
import type { Explanation } from '../../../operators/lstm/explain.ts';
import type { FeatureStatistics } from '../../../operators/lstm/statistics.ts';
import type { EgressEntry } from '../../catalog/egress.ts';
import type { OpenTrainer } from './open-trainers.ts';
import type { SiloTrainer } from './silo-trainer.ts';

interface Crossed {
  statistics: number;
  updates: number;
}

export class EgressMeter {
  readonly #silos = new Map<string, Crossed>();
  readonly #rows = new Map<string, number>();

  /** What has crossed so far. Training at home sends no rows: that is said too, as a number. */
  entries(statement: string): EgressEntry[] {
    return [...this.#silos].flatMap(([silo, { statistics, updates }]): EgressEntry[] => [
      ...(this.#rows.has(silo) ? [] : [{ silo, statement, kind: 'rows' as const, bytes: 0 }]),
      { silo, statement, kind: 'statistics', bytes: statistics },
      { silo, statement, kind: 'updates', bytes: updates },
    ]);
  }

  /** Bytes that have left a silo so far, of whatever kind. */
  bytes(silo: string): number {
    const { statistics, updates } = this.#silos.get(silo) ?? { statistics: 0, updates: 0 };
    return statistics + updates + (this.#rows.get(silo) ?? 0);
  }

  /** Rows that a silo has sent to the mediator; whoever moved them writes them down. */
  rowsSent(silo: string, bytes: number): void {
    this.#rows.set(silo, (this.#rows.get(silo) ?? 0) + bytes);
  }

  /** Trainers that are opened through the result are counted. */
  metered(open: OpenTrainer<SiloTrainer>): OpenTrainer<SiloTrainer> {
    return async (silo, query, spec, signal) => {
      const crossed = this.#crossed(silo);
      return meter(await open(silo, query, spec, signal), crossed);
    };
  }

  #crossed(silo: string): Crossed {
    const crossed = this.#silos.get(silo) ?? { statistics: 0, updates: 0 };
    this.#silos.set(silo, crossed);
    return crossed;
  }
}

const NUMBER_BYTES = Float64Array.BYTES_PER_ELEMENT;
/** n, mean and M2 of one feature. */
const MOMENTS_BYTES = 3 * NUMBER_BYTES;

function meter(trainer: SiloTrainer, crossed: Crossed): SiloTrainer {
  const { secure } = trainer;
  let told = false;
  return {
    summary: trainer.summary,
    get model() {
      return trainer.model;
    },
    statistics() {
      const statistics = trainer.statistics();
      // Asked for again, they are not sent again.
      if (!told) crossed.statistics += statistics.length * MOMENTS_BYTES + namedBytes(statistics);
      told = true;
      return statistics;
    },
    standardise: (merged) => trainer.standardise(merged),
    async trainRound(request, signal) {
      const result = await trainer.trainRound(request, signal);
      crossed.updates += (result.update ?? result.weights).byteLength;
      return result;
    },
    async evaluate(weights, part, signal) {
      const evaluation = await trainer.evaluate(weights, part, signal);
      crossed.statistics += sumsBytes(evaluation);
      return evaluation;
    },
    aimAt: (aim) => trainer.aimAt(aim),
    async trainAlone(request, signal) {
      const evaluation = await trainer.trainAlone(request, signal);
      crossed.statistics += sumsBytes(evaluation);
      return evaluation;
    },
    async personalise(request, signal) {
      const personal = await trainer.personalise(request, signal);
      crossed.statistics += sumsBytes(personal.evaluation);
      return personal;
    },
    ...(secure === undefined ? {} : { secure }),
    tell: async (event) => trainer.tell?.(event),
    terms: async (signal) => trainer.terms?.(signal),
    [Symbol.asyncDispose]: () => trainer[Symbol.asyncDispose](),
  };
}

/** Names of categories with their rows, and of entities with their moments. */
const namedBytes = (statistics: FeatureStatistics): number =>
  statistics
    .flatMap(({ counts = [], entities = [] }) => [
      ...counts.map(([name]) => Buffer.byteLength(name) + NUMBER_BYTES),
      ...entities.map(([name]) => Buffer.byteLength(name) + MOMENTS_BYTES),
    ])
    .reduce((sum, bytes) => sum + bytes, 0);

/** An evaluation or an explanation as it crosses a border. */
export const sumsBytes = (sums: Evaluation | Explanation): number => numbersIn(sums) * NUMBER_BYTES;

/** Numbers anywhere in an evaluation: counts and sums, each of which is one float64 on the wire. */
function numbersIn(value: unknown): number {
  if (typeof value === 'number') return 1;
  if (ArrayBuffer.isView(value)) return (value as Float64Array).length;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>((sum, each) => sum + numbersIn(each), 0);
}
