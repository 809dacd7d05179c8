/**
 * The privacy of composed Poisson-sampled Gaussian mechanisms through their privacy loss variables: Gopi, Lee and
 * Wutschitz 2021 (arXiv 2106.02848). The loss is discretised with its mean kept, convolved by FFT, and ε read from
 * δ(ε) = E[(1 − e^(ε − L))₊]. The error in ε is below `ERROR` with the mesh chosen here (theorem 5.5).
 */
import { fft } from './fft.ts';
import { leastWhere } from './gaussian.ts';
import { normalCdf } from './normal.ts';
import { type Mechanism, rdpEpsilon } from './rdp.ts';

/** Bound on the error of ε, added to the estimate to make it an upper bound. */
const ERROR = 0.01;
/** The part of δ that may be lost to truncation and discretisation. */
const DELTA_SLACK = 1e-3;
/** 2²² points are 64 MiB of float64 pairs and seconds. */
const MOST_POINTS = 2 ** 22;

export interface Estimate {
  readonly estimate: number;
  readonly upper: number;
}

/** 'remove': the loss of P = (1 − q)N(0, z²) + qN(1, z²) against Q = N(0, z²); 'add': of Q against P. */
type Direction = 'remove' | 'add';

/** ε of the composition at `delta`, the worse of both directions; undefined when the grid would be too large. */
export function privacyLossEpsilon(
  mechanisms: readonly Mechanism[],
  delta: number,
  mostPoints = MOST_POINTS,
): Estimate | undefined {
  const steps = mechanisms.reduce((sum, mechanism) => sum + mechanism.steps, 0);
  const deltaError = delta * DELTA_SLACK;
  const mesh = ERROR / Math.sqrt((steps / 2) * Math.log(12 / deltaError));
  const reach = 2 + rdpEpsilon(mechanisms, deltaError) + 3 * ERROR;
  const points = 2 ** Math.ceil(Math.log2((2 * reach) / mesh));
  if (!Number.isFinite(points) || points > mostPoints) return undefined;
  const estimates = (['remove', 'add'] as const).map((direction) =>
    epsilonOf(compose(mechanisms, direction, points, mesh), delta, delta - deltaError),
  );
  const [a, b] = estimates as [Estimate, Estimate];
  return a.upper >= b.upper ? a : b;
}

/** A distribution on the grid origin + i · mesh. */
interface Loss {
  readonly masses: Float64Array;
  readonly origin: number;
  readonly mesh: number;
}

function epsilonOf(loss: Loss, delta: number, tightened: number): Estimate {
  return {
    estimate: leastWhere((epsilon) => hockeyStick(loss, epsilon) <= delta),
    upper: leastWhere((epsilon) => hockeyStick(loss, epsilon) <= tightened) + ERROR,
  };
}

/** δ(ε) = Σ_{l > ε} (1 − e^(ε − l)) · P[L = l]. */
function hockeyStick({ masses, origin, mesh }: Loss, epsilon: number): number {
  let sum = 0;
  const first = Math.max(0, Math.ceil((epsilon - origin) / mesh));
  for (let i = masses.length - 1; i >= first; i--) sum -= Math.expm1(epsilon - (origin + i * mesh)) * masses[i]!;
  return sum;
}

/** The sum of all steps' losses: a product of powers of characteristic functions. */
function compose(mechanisms: readonly Mechanism[], direction: Direction, points: number, mesh: number): Loss {
  // The transform of real masses is Hermitian: one half says it all.
  const half = points / 2;
  const logModulus = new Float64Array(half + 1);
  const angle = new Float64Array(half + 1);
  let shift = 0;
  for (const mechanism of mechanisms) {
    const re = new Float64Array(points);
    const im = new Float64Array(points);
    shift += mechanism.steps * discretise(mechanism, direction, mesh, re);
    fft(re, im, -1);
    for (let i = 0; i <= half; i++) {
      logModulus[i] = logModulus[i]! + (mechanism.steps / 2) * Math.log(re[i]! * re[i]! + im[i]! * im[i]!);
      angle[i] = angle[i]! + mechanism.steps * Math.atan2(im[i]!, re[i]!);
    }
  }
  const re = new Float64Array(points);
  const im = new Float64Array(points);
  for (let i = 0; i <= half; i++) {
    const modulus = Math.exp(logModulus[i]!);
    re[i] = modulus * Math.cos(angle[i]!);
    im[i] = modulus * Math.sin(angle[i]!);
    if (i === 0 || i === half) continue;
    re[points - i] = re[i]!;
    im[points - i] = -im[i]!;
  }
  fft(re, im, 1);
  // Index i < points / 2 stands for i · mesh, the others for (i − points) · mesh: turn so that the grid ascends.
  const masses = new Float64Array(points);
  for (let i = 0; i < points; i++) masses[(i + half) % points] = Math.max(0, re[i]! / points);
  return { masses, origin: -half * mesh + shift, mesh };
}

/**
 * Fills `masses` (circular, 0 first) with P[L within ± mesh / 2 of l], and returns by how much the discrete mean falls
 * short of the true one.
 */
function discretise({ q, z }: Mechanism, direction: Direction, mesh: number, masses: Float64Array): number {
  const half = masses.length / 2;
  const below = (l: number): number => lossCdf(q, z, direction, l);
  let discreteMean = 0;
  let last = below((-half - 0.5) * mesh);
  for (let i = -half; i < half; i++) {
    const next = below((i + 0.5) * mesh);
    const mass = next - last;
    masses[(i + masses.length) % masses.length] = mass;
    discreteMean += mass * i * mesh;
    last = next;
  }
  return meanLoss(q, z, direction) - discreteMean;
}

/** P[L ≤ l]. L is monotone in the mechanism's output x, so this is a tail of x. */
function lossCdf(q: number, z: number, direction: Direction, l: number): number {
  const at = direction === 'remove' ? l : -l;
  const x = outputAt(q, z, at);
  if (direction === 'remove') return (1 - q) * normalCdf(x / z) + q * normalCdf((x - 1) / z);
  return normalCdf(-x / z);
}

/** The x with ln((1 − q) + q e^((2x − 1) / 2z²)) = l; −∞ where the loss never gets so low. */
function outputAt(q: number, z: number, l: number): number {
  // e^l − (1 − q), without cancellation near l = 0.
  const excess = Math.expm1(l) + q;
  if (excess <= 0) return Number.NEGATIVE_INFINITY;
  const log = l > 700 ? l - Math.log(q) : Math.log(excess / q);
  return z * z * log + 0.5;
}

/** E[L] by Simpson's rule over the outputs that matter. */
function meanLoss(q: number, z: number, direction: Direction): number {
  const low = -14 * z;
  const high = 14 * z + 1;
  const pieces = 40_000;
  const width = (high - low) / pieces;
  const density = (x: number): number => Math.exp((-x * x) / (2 * z * z)) / (z * Math.sqrt(2 * Math.PI));
  let sum = 0;
  for (let i = 0; i <= pieces; i++) {
    const x = low + i * width;
    const loss = logMix(q, (2 * x - 1) / (2 * z * z));
    const value = direction === 'remove' ? loss * ((1 - q) * density(x) + q * density(x - 1)) : -loss * density(x);
    sum += value * (i === 0 || i === pieces ? 1 : i % 2 === 1 ? 4 : 2);
  }
  return (sum * width) / 3;
}

/** ln((1 − q) + q e^t). */
const logMix = (q: number, t: number): number => (t > 500 ? t + Math.log(q) : Math.log1p(q * Math.expm1(t)));
