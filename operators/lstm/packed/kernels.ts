/** The few loops that take the time, on raw memory. Pointers are byte offsets into one shared arena. */

/** Constants of one Adam or AdamW step. */
export interface AdamStep {
  /** The gradient is taken times `factor` (clipping). */
  readonly factor: number;
  /** Learning rate over the first moment's bias correction. */
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  /** 1 / √ of the second moment's bias correction. */
  readonly rootFactor: number;
  readonly epsilon: number;
  /** Adam: weight decay added to the gradient. */
  readonly decay: number;
  /** AdamW: what the weights are multiplied with. */
  readonly shrink: number;
}

export interface Kernels {
  readonly name: string;
  /** Per layer; the argument is the offset of a descriptor (descriptor.ts). */
  forward(descriptor: number): void;
  backward(descriptor: number): void;
  transpose(descriptor: number): void;
  headForward(
    h: number,
    strideBytes: number,
    rows: number,
    hidden: number,
    weights: number,
    bias: number,
    outputs: number,
    out: number,
  ): void;
  headBackward(
    h: number,
    strideBytes: number,
    rows: number,
    hidden: number,
    weights: number,
    outputs: number,
    slopes: number,
    dh: number,
    gradient: number,
    biasGradient: number,
  ): void;
  /** a += b. */
  add(a: number, b: number, length: number): void;
  /** Σ a². */
  squaredNorm(a: number, length: number): number;
  adam(weights: number, first: number, second: number, gradient: number, length: number, step: AdamStep): void;
}
