/** One job of connectors/training-step.ts on rows that an engine has handed over: the product's own trainer, on one thread. */
import type {
  StepAnswers,
  StepEvaluation,
  StepJob,
  StepNetwork,
  StepRows,
  StepTraining,
} from '../../../connectors/training-step.ts';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import type { OptimizerSpec, SplitSpec } from '../../../src/plan/training.ts';
import { outputsPerWindow } from '../backend.ts';
import { type EvaluationSetup, evaluateOutputs } from '../evaluate-outputs.ts';
import type { Evaluation } from '../evaluation.ts';
import { PackedBackend } from '../packed/packed-backend.ts';
import type { WasmCode } from '../packed/wasm-kernels.ts';
import { scaleRows, trainingMoments } from '../standardise.ts';
import { trainEpochs } from '../train-epochs.ts';
import { type Part, type Segment, segments, splitTimes, windowStarts } from '../windows.ts';
import { base64Of, floatsOf } from './base64.ts';
import { type EngineRow, type EngineRows, readRows } from './rows.ts';

/** Windows scored at once. */
const SCORING_BATCH = 64;

type PerPart<T> = Readonly<Record<Part, T>>;

/** @param kernel whose memory is not shared: no engine lets code of ours start threads */
export function runStep(job: StepJob, given: readonly EngineRow[], kernel: WasmCode): StepAnswers[keyof StepAnswers] {
  const rows = readRows(given, job.names);
  const all = segments(rows, splitTimes(rows.times, splitOf(job.split)), job.sequence.maxGap);
  const windows = perPart((part) => windowStarts(all, part, job.sequence));
  if (job.ask === 'describe') return describe(rows, all, windows);
  const network = new Network(job, rows, all, windows, kernel);
  const weights = floatsOf(job.weights);
  if (job.ask === 'evaluate') return network.evaluate(weights, job.part);
  if (job.ask === 'alone') return alone(job, network, weights);
  const began = Date.now();
  const { losses, steps, weights: trained } = network.train(job, weights, job.round, job.optimizer);
  const update = trained.map((weight, k) => weight - weights[k]!);
  const seconds = (Date.now() - began) / 1000;
  return { update: base64Of(update), windows: windows.train.length, losses, steps, seconds };
}

const perPart = <T>(of: (part: Part) => T): PerPart<T> => ({
  train: of('train'),
  validation: of('validation'),
  test: of('test'),
});

const splitOf = (split: StepRows['split']): SplitSpec =>
  'testFrom' in split
    ? { kind: 'calendar', validateFrom: BigInt(split.validateFrom), testFrom: BigInt(split.testFrom) }
    : { kind: 'fractions', ...split };

function describe(
  { entityStarts, incompleteRows, origin, rows, values }: EngineRows,
  all: readonly Segment[],
  windows: PerPart<Uint32Array>,
): StepAnswers['describe'] {
  const rowsIn = (part: Part) => all.filter((each) => each.part === part).map(({ end, start }) => end - start);
  return {
    ...{ rows, incompleteRows, entities: entityStarts.length, segments: all.length },
    longest: Math.max(0, ...rowsIn('train')),
    rowsPerPart: perPart((part) => rowsIn(part).reduce((sum, length) => sum + length, 0)),
    windows: perPart((part) => windows[part].length),
    moments: trainingMoments(values, origin, all),
  };
}

/** The job's network over the silo's scaled rows. */
class Network {
  readonly #setup: EvaluationSetup;
  readonly #windows: PerPart<Uint32Array>;
  readonly #kernel: WasmCode;

  constructor(
    { kept, names, scales, sequence, spec, targets }: StepRows & StepNetwork,
    { origin, values }: EngineRows,
    all: readonly Segment[],
    windows: PerPart<Uint32Array>,
    kernel: WasmCode,
  ) {
    const features = scales.map(([mean, deviation]) => ({ mean, deviation }));
    const { horizon, minWindow, season, window } = sequence;
    const columns = kept.map((feature) => ({ feature }));
    this.#windows = windows;
    this.#kernel = kernel;
    this.#setup = {
      ...{ model: spec, segments: all, scales: { features } },
      names: kept.map((feature) => names[feature]!),
      data: {
        ...{
          values: scaleRows(values, origin, columns, { features }),
          features: kept.length,
          targets,
          window,
          horizon,
        },
        ...(minWindow === undefined ? {} : { sequences: Uint32Array.from(all, ({ start }) => start) }),
      },
      ...(season === undefined ? {} : { season }),
    };
  }

  train({ batch, epochs, seed, silo }: StepTraining, weights: Float32Array, round: number, optimizer: OptimizerSpec) {
    const backend = this.#backend(batch);
    backend.setWeights(weights);
    backend.startOptimizer(optimizer);
    const diverged = (what: string) => new CausewayError(SQLSTATE.trainingFailed, what);
    const { learningRate } = optimizer;
    const windows = this.#windows.train;
    return trainEpochs(backend, { batch, epochs, seed, silo, round, windows, learningRate, diverged });
  }

  evaluate(weights: Float32Array, part: Part): StepEvaluation {
    const { data, model } = this.#setup;
    const starts = this.#windows[part];
    const size = outputsPerWindow(model, data.window);
    const outputs = new Float32Array(starts.length * size);
    const backend = this.#backend(SCORING_BATCH);
    backend.setWeights(weights);
    for (let from = 0; from < starts.length; from += SCORING_BATCH) {
      const chunk = starts.subarray(from, from + SCORING_BATCH);
      backend.predict(chunk, outputs.subarray(from * size, (from + chunk.length) * size));
    }
    return sumsOf(evaluateOutputs(this.#setup, part, starts, outputs));
  }

  #backend(batch: number): PackedBackend {
    const { data, model } = this.#setup;
    return new PackedBackend(model, data, {
      ...{ batch, threads: 1, shared: false },
      code: { kind: 'wasm', wasm: this.#kernel },
    });
  }
}

/** As LocalTrainer.trainAlone: the weights that are best on the validation part (without one: the last) are tested. */
function alone(job: Extract<StepJob, { ask: 'alone' }>, network: Network, first: Float32Array): StepEvaluation {
  let weights = first;
  let best = { loss: Number.POSITIVE_INFINITY, round: 0, weights };
  for (const [i, learningRate] of job.rates.entries()) {
    const round = i + 1;
    if (round - best.round > job.patience) break;
    weights = network.train(job, weights, round, { ...job.optimizer, learningRate }).weights;
    const { lossSum, lossWeight } = network.evaluate(weights, 'validation');
    const loss = lossWeight === 0 ? 0 : lossSum / lossWeight;
    if (loss < best.loss || lossWeight === 0) best = { loss, round, weights };
  }
  return network.evaluate(best.weights, 'test');
}

const sumsOf = ({ lossSum, lossWeight, targets, windows }: Evaluation): StepEvaluation => ({
  ...{ lossSum, lossWeight, windows },
  targets: targets.map(({ actual, model, persistence, seasonal }) => ({
    ...{ actual, model, persistence },
    ...(seasonal === undefined ? {} : { seasonal }),
  })),
});
