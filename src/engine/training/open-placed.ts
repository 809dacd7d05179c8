/** Opens every silo's trainer at its site: behind its agent, by its worker here, or on its rows at the mediator. */
import type { BackendChoice } from '../../../operators/lstm/choose-backend.ts';
import { LocalTrainer, type LocalTrainerSpec } from '../../../operators/lstm/local-trainer.ts';
import type { TrainingSite } from '../../../optimizer/cost/training.ts';
import { MEDIATOR } from '../../../optimizer/physical.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import type { Train } from '../../plan/training.ts';
import type { Engine } from '../engine.ts';
import type { Notice } from '../result.ts';
import { type CompileInside, stepOf } from './engine-step.ts';
import type { EgressMeter } from './metered-trainer.ts';
import {
  type OpenTrainer,
  openAll,
  openLocally,
  type StreamRows,
  type TrainerSource,
  type Trainers,
} from './open-trainers.ts';
import { type OpenAt, type OpenedAt, PlacedTrainer } from './placed-trainer.ts';
import { type SiloTrainer, trainsInside } from './silo-trainer.ts';
import { StepTrainer } from './step-trainer.ts';

/** How rows are read: by a silo's own worker, and by the mediator, which counts and checks what leaves. */
export interface RowStreams {
  readonly home: StreamRows;
  readonly leaving: StreamRows;
}

export interface OpeningContext {
  readonly engine: Engine;
  readonly streams: RowStreams;
  readonly compile: CompileInside;
  readonly backend: BackendChoice;
  readonly meter: EgressMeter;
  readonly onNotice: (notice: Notice) => void;
  /** The training run's identity, the same when it is resumed. */
  readonly run: string;
}

/** Where a silo's share was placed, and whether it may be done at home as well. */
export interface ChosenSite {
  /** Everything but `mediator` and `engine` means at home: behind the silo's agent where it has one. */
  readonly site: TrainingSite;
  readonly homeAllowed: boolean;
  /** Training rows that a category or an entity must have there to be named outside. */
  readonly minRows: number;
}

const AT_HOME: ChosenSite = { site: 'worker', homeAllowed: true, minRows: 1 };

/** @throws CausewayError as `openAll` does */
export function openPlaced(
  plan: Train,
  sites: ReadonlyMap<string, ChosenSite>,
  context: OpeningContext,
  signal: AbortSignal,
): Promise<Trainers<PlacedTrainer>> {
  const home = context.meter.metered(atHome(plan, context));
  const inside = context.meter.metered(insideEngine(context));
  return openAll(
    naming(plan, sites),
    (silo, query, spec, opening) => {
      const { homeAllowed, site } = sites.get(silo) ?? AT_HOME;
      return PlacedTrainer.open(silo, site, openAt(silo, query, spec, homeAllowed, { home, inside }, context), opening);
    },
    signal,
  );
}

/** Secure rounds keep every update inside, so nobody moves. */
export const openHome = (
  plan: Train,
  sites: ReadonlyMap<string, ChosenSite>,
  context: OpeningContext,
  signal: AbortSignal,
): Promise<Trainers<SiloTrainer>> => openAll(naming(plan, sites), context.meter.metered(atHome(plan, context)), signal);

const naming = (plan: Train, sites: ReadonlyMap<string, ChosenSite>): TrainerSource => ({
  ...plan,
  minRows: new Map([...sites].map(([silo, { minRows }]) => [silo, minRows])),
});

function openAt(
  silo: string,
  query: RelationalNode,
  spec: LocalTrainerSpec,
  homeAllowed: boolean,
  { home, inside }: Readonly<Record<'home' | 'inside', OpenTrainer<SiloTrainer>>>,
  { backend, engine, onNotice, streams }: OpeningContext,
): OpenAt {
  const stay = async (signal: AbortSignal): Promise<OpenedAt> => {
    const trainer = await home(silo, query, spec, signal);
    return { site: (await isBehindAgent(engine, silo)) ? 'agent' : 'worker', trainer };
  };
  return async (site, signal) => {
    if (site === 'engine') return { site, trainer: await inside(silo, query, spec, signal) };
    if (site !== 'mediator') return stay(signal);
    try {
      // As many threads as an agent would take: the weights are the same, bit for bit, wherever a silo's rows are.
      const trainer = await LocalTrainer.open(
        { ...spec, backend, ...engine.kept },
        streams.leaving(silo, query, signal),
        signal,
      );
      return { site, trainer };
    } catch (thrown) {
      // The silo's agent has policies of its own.
      const refused = thrown instanceof CausewayError && thrown.sqlstate === SQLSTATE.policyViolation;
      if (!refused || !homeAllowed) throw thrown;
      onNotice({
        severity: 'NOTICE',
        message: `silo "${silo}" keeps its rows and trains them itself: ${thrown.message}`,
      });
      return stay(signal);
    }
  };
}

/** Rows of several silos that are put together at the mediator have no other home. */
export const isBehindAgent = async (engine: Pick<Engine, 'silos'>, silo: string): Promise<boolean> =>
  silo !== MEDIATOR && trainsInside((await engine.silos.open(silo)).silo);

/** @throws CausewayError 0A000 where the silo has lost its code, or another plan has taken a part of the query from it */
const insideEngine =
  ({ compile, engine }: OpeningContext): OpenTrainer<SiloTrainer> =>
  async (silo, query, spec, signal) => {
    const step = await stepOf(engine, silo);
    const statement = await compile(silo, query);
    if (step === undefined || statement === undefined) {
      throw new CausewayError(SQLSTATE.featureNotSupported, `silo "${silo}" cannot train inside its engine any more`);
    }
    return StepTrainer.open(step, spec, statement, signal);
  };

/** Behind an agent training runs there; other silos' rows are trained on in this process. */
function atHome(plan: Train, { backend, engine, run: id, streams }: OpeningContext): OpenTrainer<SiloTrainer> {
  const { federation, local, privacy, text } = plan;
  const run = {
    id,
    statement: text,
    rounds: federation.rounds + (federation.open?.trialRounds ?? 0),
    local,
    ...(privacy === undefined ? {} : { privacy }),
  };
  const [here, together] = [streams.home, streams.leaving].map((stream) => openLocally(stream, backend, engine.kept));
  return async (name, query, spec, signal) => {
    // Rows of several silos leave them to be put together.
    if (name === MEDIATOR) return together!(name, query, spec, signal);
    const { silo } = await engine.silos.open(name);
    return trainsInside(silo) ? silo.openTrainer(spec, query, run, signal) : here!(name, query, spec, signal);
  };
}
