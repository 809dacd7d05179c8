/** A placed TRAIN as data: what every form of EXPLAIN TRAIN prints. */
import type { Train } from '../../src/plan/training.ts';
import type { LossCurve } from '../cost/iterations.ts';
import type { Objective } from '../cost/objective.ts';
import { secondsAlone, type TrainingSite } from '../cost/training.ts';
import type { PlacedTraining } from '../placement/placed-training.ts';
import { roundSeconds } from '../placement/training.ts';
import { pricedVariants } from '../placement/training-variants.ts';

/** The size of the network, as the training operator counts it. */
export interface Network {
  readonly weights: number;
  readonly flopsPerWindow: number;
}

/** What trains in this process. */
export interface LocalBackend {
  readonly backend: string;
  readonly threads: number;
  /** Floating point operations per second, measured. */
  readonly flopsPerSecond: number;
}

export interface ExplainedSite {
  readonly site: TrainingSite;
  /** Alone at its site, all rounds. */
  readonly seconds: number;
  readonly bytes: number;
  readonly bytesKind: 'updates' | 'rows';
}

/** What one silo really did. */
export interface SiloActual {
  readonly silo: string;
  readonly site: TrainingSite;
  readonly rows: number;
  readonly windows: number;
  /** Longest part of every round added up: training and the way there and back. */
  readonly seconds: number;
  readonly bytes: number;
}

/** Bytes that may leave, by kind. */
export interface EgressManifest {
  readonly updates: number;
  readonly statistics: number;
  readonly keys?: number;
}

export interface ExplainedShare extends ExplainedSite {
  readonly silo: string;
  readonly rows: number;
  readonly windows: number;
  /** Before the first round, and of each round. */
  readonly prepareSeconds: number;
  readonly roundSeconds: number;
  /** The silo's statements; several when its rows are put together at the mediator. */
  readonly statements: readonly string[];
  /** The most that its agent lets out, in bytes. */
  readonly manifest?: EgressManifest;
  readonly rejected: readonly (ExplainedSite & { readonly reason: string })[];
  readonly actual?: Omit<SiloActual, 'silo'>;
}

/** What a few short rounds on a sample say about the number of rounds, or why they say nothing. */
export type ExplainedSpeculation =
  | { readonly reason: string }
  | {
      readonly silo: string;
      /** Training windows of the sample. */
      readonly windows: number;
      /** Of each short round. */
      readonly losses: readonly number[];
      readonly curve: LossCurve;
      /** The rounds after which the loss is within this part of where it is going. */
      readonly tolerance: number;
      readonly enough: number;
      readonly seconds: number;
    };

/** How a round's updates are added. */
export interface ExplainedTree {
  /** Branches per node. */
  readonly fanIn: number;
  readonly levels: number;
}

export interface ExplainedTraining {
  readonly model: string;
  readonly network: Network & {
    readonly cell: string;
    readonly layers: number;
    readonly hidden: number;
    readonly window: number;
    readonly horizon: number;
  };
  readonly objective: Objective;
  readonly strategy: string;
  readonly weightBy: string;
  /** Where updates are added by a tree. */
  readonly tree?: ExplainedTree;
  /** What each silo fine-tunes for itself afterwards. */
  readonly personalize?: 'head';
  readonly rounds: number;
  readonly epochs: number;
  readonly here: LocalBackend & { readonly cores: number };
  readonly silos: readonly ExplainedShare[];
  readonly estimated: {
    readonly seconds: number;
    readonly roundSeconds: number;
    readonly bytes: number;
    readonly rowBytes: number;
    readonly money: number;
  };
  readonly actual?: { readonly seconds: number; readonly bytes: number; readonly rounds: number };
  readonly speculation?: ExplainedSpeculation;
  /** Other ways to do the rounds. */
  readonly variants: readonly {
    readonly name: string;
    readonly seconds: number;
    readonly bytes: number;
    readonly caveat: string;
  }[];
  readonly planning: readonly { readonly name: string; readonly milliseconds: number }[];
}

/** What {@link explainedTraining} says beside the placement. */
export interface TrainingFacts {
  readonly network: Network;
  readonly strategy: string;
  readonly here: LocalBackend;
  /** Statements by silo. */
  readonly statements: ReadonlyMap<string, readonly string[]>;
  /** By silo, for those behind agents. */
  readonly manifests?: ReadonlyMap<string, EgressManifest>;
  readonly tree?: ExplainedTree;
  readonly planning: ExplainedTraining['planning'];
  readonly speculation?: ExplainedSpeculation;
  readonly actuals?: { readonly silos: readonly SiloActual[]; readonly seconds: number; readonly rounds: number };
}

export function explainedTraining(
  plan: Pick<Train, 'model' | 'spec' | 'sequence' | 'federation' | 'local'>,
  placed: PlacedTraining,
  { network, strategy, here, manifests, statements, planning, speculation, tree, actuals }: TrainingFacts,
): ExplainedTraining {
  const { cost, shape, shares, terms } = placed;
  const { cell, hidden, layers } = plan.spec;
  const { horizon, window } = plan.sequence;
  const silos = shares.map(({ training, chosen, rejected }): ExplainedShare => {
    const manifest = chosen.site === 'agent' ? manifests?.get(training.silo) : undefined;
    const { silo: _, ...actual } = actuals?.silos.find(({ silo }) => silo === training.silo) ?? { silo: '' };
    return {
      silo: training.silo,
      site: chosen.site,
      rows: training.rows,
      windows: training.windows,
      seconds: secondsAlone(chosen, shape.rounds),
      prepareSeconds: chosen.prepare,
      roundSeconds: chosen.compute + chosen.exchange,
      bytes: chosen.bytes,
      bytesKind: chosen.bytesKind,
      statements: statements.get(training.silo) ?? [],
      rejected: rejected.map(({ price, reason }) => ({
        site: price.site,
        seconds: secondsAlone(price, shape.rounds),
        bytes: price.bytes,
        bytesKind: price.bytesKind,
        reason,
      })),
      ...(manifest === undefined ? {} : { manifest }),
      ...('site' in actual ? { actual } : {}),
    };
  });
  return {
    model: plan.model,
    network: { ...network, cell, layers, hidden, window, horizon },
    objective: terms.objective,
    strategy,
    weightBy: plan.federation.weightBy,
    ...(tree === undefined ? {} : { tree }),
    ...(plan.federation.personalize === undefined ? {} : { personalize: plan.federation.personalize }),
    rounds: shape.rounds,
    epochs: shape.epochs,
    here: { ...here, cores: terms.cores },
    silos,
    estimated: {
      seconds: cost.seconds,
      roundSeconds: roundSeconds(
        shares.map(({ chosen }) => chosen),
        terms.cores,
      ),
      bytes: cost.bytes,
      rowBytes: silos.reduce((sum, { bytes, bytesKind }) => sum + (bytesKind === 'rows' ? bytes : 0), 0),
      money: cost.money,
    },
    ...(actuals === undefined
      ? {}
      : {
          actual: {
            seconds: actuals.seconds,
            rounds: actuals.rounds,
            bytes: actuals.silos.reduce((sum, { bytes }) => sum + bytes, 0),
          },
        }),
    ...(speculation === undefined ? {} : { speculation }),
    variants: pricedVariants(placed).map(({ name, caveat, cost: { bytes, seconds } }) => {
      return { name, seconds, bytes, caveat };
    }),
    planning,
  };
}
