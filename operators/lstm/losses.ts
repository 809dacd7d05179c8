/** Losses with PyTorch's definitions: value and gradient with respect to the network's output, on flat arrays. */
import type { ModelSpec } from '../../src/plan/training.ts';

export type Floats = Float32Array | Float64Array;

export interface LossFunction {
  /** Target values per row that the loss reads. */
  readonly targets: number;
  /** What the sum over these rows is divided by for the mean: elements, or the weights of their classes. */
  weight(targets: Floats, rows: number): number;
  /**
   * Σ of the loss over `rows` rows, and `scale` times its derivative in `gradient`.
   * `outputs` and `gradient` are rows × model outputs, `targets` rows × {@link targets}.
   */
  accumulate(outputs: Floats, targets: Floats, gradient: Floats, rows: number, scale: number): number;
}

/** A loss that is a sum over single (output, target) pairs. `value` returns the loss, `slope` its derivative by the output. */
function elementwise(
  width: number,
  value: (output: number, target: number) => number,
  slope: (output: number, target: number) => number,
): LossFunction {
  return {
    targets: width,
    weight: (_, rows) => rows * width,
    accumulate(outputs, targets, gradient, rows, scale) {
      let sum = 0;
      for (let i = 0; i < rows * width; i++) {
        const output = outputs[i]!;
        const target = targets[i]!;
        sum += value(output, target);
        gradient[i] = scale * slope(output, target);
      }
      return sum;
    },
  };
}

/** Losses whose outputs are values of the targets; the others' outputs are logits. */
export const isRegression = ({ loss }: Pick<ModelSpec, 'loss'>): boolean =>
  loss !== 'binary-cross-entropy' && loss !== 'softmax-cross-entropy';

/** The model's loss, averaged over all elements of a batch. */
export function lossFunction(spec: ModelSpec): LossFunction {
  switch (spec.loss) {
    case 'mse':
      return elementwise(
        spec.outputs,
        (o, t) => (o - t) ** 2,
        (o, t) => 2 * (o - t),
      );
    case 'mae':
      return elementwise(
        spec.outputs,
        (o, t) => Math.abs(o - t),
        (o, t) => Math.sign(o - t),
      );
    case 'huber': {
      // Huber (1964): quadratic up to delta, then linear.
      const delta = spec.delta ?? 1;
      return elementwise(
        spec.outputs,
        (o, t) => (Math.abs(o - t) <= delta ? 0.5 * (o - t) ** 2 : delta * (Math.abs(o - t) - 0.5 * delta)),
        (o, t) => Math.max(-delta, Math.min(delta, o - t)),
      );
    }
    case 'quantile':
      return quantileLoss(spec);
    case 'binary-cross-entropy':
      return binaryCrossEntropy(spec);
    case 'softmax-cross-entropy':
      return softmaxCrossEntropy(spec);
  }
}

/** Pinball loss (Koenker and Bassett 1978). Outputs of one target stand together: target × quantile. */
function quantileLoss(spec: ModelSpec): LossFunction {
  const levels = spec.quantiles ?? [0.5];
  const width = spec.outputs / levels.length;
  return {
    targets: width,
    weight: (_, rows) => rows * spec.outputs,
    accumulate(outputs, targets, gradient, rows, scale) {
      let sum = 0;
      for (let i = 0; i < rows * width; i++) {
        for (let q = 0; q < levels.length; q++) {
          const at = i * levels.length + q;
          const error = targets[i]! - outputs[at]!;
          const level = levels[q]!;
          sum += error >= 0 ? level * error : (level - 1) * error;
          gradient[at] = scale * (error >= 0 ? -level : 1 - level);
        }
      }
      return sum;
    },
  };
}

/** On logits: log(1 + e^x) − t·x, computed without overflow. With class weights [negative, positive]. */
function binaryCrossEntropy(spec: ModelSpec): LossFunction {
  const [negative = 1, positive = 1] = spec.classWeights ?? [];
  const weightOf = (target: number) => negative + (positive - negative) * target;
  return {
    targets: spec.outputs,
    weight(targets, rows) {
      let sum = 0;
      for (let i = 0; i < rows * spec.outputs; i++) sum += weightOf(targets[i]!);
      return sum;
    },
    accumulate(outputs, targets, gradient, rows, scale) {
      let sum = 0;
      for (let i = 0; i < rows * spec.outputs; i++) {
        const x = outputs[i]!;
        const weight = weightOf(targets[i]!);
        sum += weight * (Math.max(x, 0) - x * targets[i]! + Math.log1p(Math.exp(-Math.abs(x))));
        gradient[i] = scale * weight * (1 / (1 + Math.exp(-x)) - targets[i]!);
      }
      return sum;
    },
  };
}

/** On logits, the target being the class's number: log Σ e^x − x_target, weighted by class. */
function softmaxCrossEntropy(spec: ModelSpec): LossFunction {
  const classes = spec.outputs;
  const weightOf = (target: number) => spec.classWeights?.[target] ?? 1;
  return {
    targets: 1,
    weight(targets, rows) {
      let sum = 0;
      for (let i = 0; i < rows; i++) sum += weightOf(targets[i]!);
      return sum;
    },
    accumulate(outputs, targets, gradient, rows, scale) {
      let sum = 0;
      for (let row = 0; row < rows; row++) {
        const base = row * classes;
        const target = targets[row]!;
        let largest = Number.NEGATIVE_INFINITY;
        for (let c = 0; c < classes; c++) largest = Math.max(largest, outputs[base + c]!);
        let total = 0;
        for (let c = 0; c < classes; c++) total += Math.exp(outputs[base + c]! - largest);
        const weight = weightOf(target);
        sum += weight * (largest + Math.log(total) - outputs[base + target]!);
        for (let c = 0; c < classes; c++) {
          const probability = Math.exp(outputs[base + c]! - largest) / total;
          gradient[base + c] = scale * weight * (probability - (c === target ? 1 : 0));
        }
      }
      return sum;
    },
  };
}

/** A classifier's probabilities: of the positive class per binary target, or of every class. */
export function probabilities({ loss }: ModelSpec, logits: Float32Array): number[] {
  if (loss === 'binary-cross-entropy') return Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)));
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
