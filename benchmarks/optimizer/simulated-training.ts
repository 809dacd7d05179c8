/**
 * A TRAIN run in simulated time, with what the optimizer's formulas leave out: rows stream while they are read, all
 * of them share the coordinator's link, silos here queue for cores, and every round is validated. Deterministic.
 */
import type { TrainingSite } from '../../optimizer/cost/training.ts';

/** What a silo really is. */
export interface TrueSilo {
  readonly name: string;
  readonly rows: number;
  readonly rowBytes: number;
  readonly windows: number;
  /** Floating point operations per second at the agent. */
  readonly rate: number;
  /** Rows per second of its engine's answer. */
  readonly readRate: number;
  readonly latency: number;
  readonly bytesPerSecond: number;
}

export interface TrueWorld {
  readonly silos: readonly TrueSilo[];
  readonly hereRate: number;
  readonly cores: number;
  /** The coordinator's own link, which all silos share. */
  readonly uplink: number;
  readonly updateBytes: number;
  readonly flopsPerWindow: number;
}

/** Training costs three times a forward pass; a tenth of the windows is validated. */
const VALIDATION = 0.1 / 3;

/** Starting a training thread. */
const THREAD_SECONDS = 0.15;

export interface SiloRound {
  readonly seconds: number;
  readonly compute: number;
}

/** Seconds until every silo is ready for the first round, at its site. */
export function openingSeconds({ silos, uplink }: TrueWorld, sites: readonly TrainingSite[]): number {
  const ready = silos.map((silo, i) => {
    const read = silo.rows / silo.readRate;
    if (sites[i] === 'agent') return 2 * silo.latency + read + THREAD_SECONDS;
    const transfer = (silo.rows * silo.rowBytes) / silo.bytesPerSecond;
    return silo.latency + Math.max(read, transfer) + THREAD_SECONDS;
  });
  const arriving = silos.reduce((sum, { rows, rowBytes }, i) => sum + (sites[i] === 'agent' ? 0 : rows * rowBytes), 0);
  return Math.max(...ready, arriving / uplink);
}

/** What each silo takes for one round, and when the round is over. */
export function simulatedRound(
  { cores, flopsPerWindow, hereRate, silos, updateBytes, uplink }: TrueWorld,
  sites: readonly TrainingSite[],
): { readonly seconds: number; readonly silos: readonly SiloRound[] } {
  const remote = sites.filter((site) => site === 'agent').length;
  const core = Array.from({ length: cores }, () => 0);
  const rounds = silos.map((silo, i): SiloRound => {
    const flops = silo.windows * flopsPerWindow;
    if (sites[i] !== 'agent') {
      const compute = (flops * (1 + VALIDATION)) / hereRate;
      const free = core.indexOf(Math.min(...core));
      core[free]! += compute;
      return { seconds: core[free]!, compute: flops / hereRate };
    }
    const speed = Math.min(silo.bytesPerSecond, uplink / remote);
    const compute = flops / silo.rate;
    const exchange = 2 * silo.latency + (2 * updateBytes) / speed;
    return { seconds: compute * (1 + VALIDATION) + exchange, compute };
  });
  return { seconds: Math.max(...rounds.map(({ seconds }) => seconds)), silos: rounds };
}

export const simulatedRun = (world: TrueWorld, sites: readonly TrainingSite[], rounds: number): number =>
  openingSeconds(world, sites) + rounds * simulatedRound(world, sites).seconds;
