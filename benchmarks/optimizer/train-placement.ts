/** TRAIN placement: the chosen sites against every lawful placement, run in simulated time; and re-planning between rounds. */
import type { SiloTraining, TrainingShape, TrainingSite } from '../../optimizer/cost/training.ts';
import { type PlacedTraining, placedTraining, type TrainingShare } from '../../optimizer/placement/placed-training.ts';
import { expectedRounds, replanTraining } from '../../optimizer/placement/replan-training.ts';
import { everyPlacement } from '../../optimizer/placement/training.ts';
import { printTable } from '../select/table.ts';
import { openingSeconds, simulatedRound, simulatedRun, type TrueSilo, type TrueWorld } from './simulated-training.ts';

const FEDERATIONS: Readonly<Record<string, readonly number[]>> = {
  'three alike': [60_000, 50_000, 55_000],
  'two large, one small': [400_000, 300_000, 4000],
  'one large, four small': [300_000, 5000, 4000, 6000, 3000],
  'five of all sizes': [500_000, 100_000, 30_000, 8000, 2000],
};

/** Seconds there and back, bytes per second; the silos take them in turns. */
const NETWORKS: Readonly<Record<string, readonly (readonly [latency: number, bandwidth: number])[]>> = {
  'all fast': [[0.001, 100e6]],
  'all slow': [[0.02, 5e6]],
  'last one far': [
    [0.005, 50e6],
    [0.005, 50e6],
    [0.4, 0.5e6],
  ],
};

/** Floating point operations per second at the agents, in turns; this process has 20 G. */
const RATES: Readonly<Record<string, readonly number[]>> = {
  'equal machines': [2e10],
  'slow agents': [2e10, 6e9, 2e9],
};

/** Which silos' rows may leave. */
const POLICIES: Readonly<Record<string, (i: number, n: number) => boolean>> = {
  'all may send rows': () => true,
  'the last may': (i, n) => i === n - 1,
};

const ROUNDS = 20;
const SHAPE: TrainingShape = {
  weights: 17_729,
  flopsPerWindow: 1.2e6,
  rounds: ROUNDS,
  epochs: 1,
  compression: 'none',
};
const CORES = 4;

/** What statistics say of a silo is off by so much, in turns; so is what earlier runs have shown of its speed. */
const ROWS_BELIEVED = [1, 1.3, 0.8];
const RATE_BELIEVED = [1.1, 0.9, 1];

interface Case {
  readonly world: TrueWorld;
  readonly shares: readonly TrainingShare[];
}

function caseOf(
  sizes: readonly number[],
  network: readonly (readonly [number, number])[],
  rates: readonly number[],
  mayLeave: (i: number, n: number) => boolean,
): Case {
  const silos = sizes.map((rows, i): TrueSilo => {
    // "The last one" of a network is the last silo, however many there are.
    const last = network.length > 1 && i === sizes.length - 1;
    const [latency, bytesPerSecond] = last ? network.at(-1)! : network[i % Math.max(1, network.length - 1)]!;
    return {
      name: `s${i}`,
      rows,
      rowBytes: 40,
      windows: Math.max(1, 0.8 * rows - 4 * 48),
      rate: rates[i % rates.length]!,
      readRate: 2e6,
      latency,
      bytesPerSecond,
    };
  });
  const world: TrueWorld = {
    silos,
    hereRate: 2e10,
    cores: CORES,
    uplink: 125e6,
    updateBytes: 4 * SHAPE.weights,
    flopsPerWindow: SHAPE.flopsPerWindow,
  };
  const shares = silos.map((silo, i): TrainingShare => {
    const off = ROWS_BELIEVED[i % ROWS_BELIEVED.length]!;
    const training: SiloTraining = {
      silo: silo.name,
      home: 'agent',
      windows: silo.windows * off,
      rows: silo.rows * off,
      rowBytes: silo.rowBytes,
      homeFlops: silo.rate * RATE_BELIEVED[i % RATE_BELIEVED.length]!,
      hereFlops: world.hereRate,
      secondsPerByte: 1 / silo.bytesPerSecond,
      roundTrip: silo.latency,
      readSeconds: (silo.rows * off) / silo.readRate,
      moneyPerByte: 0,
    };
    return { training, legality: mayLeave(i, silos.length) ? {} : { mediator: 'its rows stay' } };
  });
  return { world, shares };
}

const sitesOf = ({ shares }: PlacedTraining): TrainingSite[] => shares.map(({ chosen }) => chosen.site);

const terms = { cores: CORES, objective: 'time' } as const;

export function trainPlacement(): void {
  const rows: string[][] = [];
  const ratios: number[] = [];
  let moved = 0;
  for (const [federation, sizes] of Object.entries(FEDERATIONS)) {
    for (const [network, links] of Object.entries(NETWORKS)) {
      const own: number[] = [];
      let plans = 0;
      for (const rates of Object.values(RATES)) {
        for (const mayLeave of Object.values(POLICIES)) {
          const { world, shares } = caseOf(sizes, links, rates, mayLeave);
          const placed = placedTraining(shares, SHAPE, terms);
          const all = everyPlacement(placed.shares.map(({ options }) => options));
          const times = all.map((placement) =>
            simulatedRun(
              world,
              placement.map(({ site }) => site),
              ROUNDS,
            ),
          );
          own.push(simulatedRun(world, sitesOf(placed), ROUNDS) / Math.min(...times));
          plans += all.length;
          if (sitesOf(placed).includes('mediator')) moved++;
        }
      }
      ratios.push(...own);
      rows.push([
        federation,
        network,
        String(plans),
        `${own.filter((ratio) => ratio <= 1.05).length} of ${own.length}`,
        `${Math.max(...own).toFixed(2)} ×`,
      ]);
    }
  }
  printTable(
    `TRAIN placement: ${ratios.length} cases in simulated time (two sets of machines × two sets of policies each; row counts believed 0.8 to 1.3 × the truth), the chosen sites against all lawful ones; 5 % count as equal`,
    ['silos', 'links', 'placements', 'fastest', 'worst ratio'],
    rows,
  );
  const hits = ratios.filter((ratio) => ratio <= 1.05).length;
  console.log(
    `the fastest placement was chosen in ${hits} of ${ratios.length} cases (${((100 * hits) / ratios.length).toFixed(0)} %), ` +
      `${moved} of them with rows at the mediator; never more than ${Math.max(...ratios).toFixed(2)} × the best\n`,
  );
}

/** The first agent is slower than anybody knew. */
export function trainReplanning(): void {
  const rows: string[][] = [];
  for (const [federation, sizes] of Object.entries(FEDERATIONS)) {
    for (const slower of [1, 3, 10]) {
      const { world, shares } = caseOf(sizes, NETWORKS['all fast']!, RATES['equal machines']!, () => true);
      const silos = world.silos.map((silo, i) => (i === 0 ? { ...silo, rate: silo.rate / slower } : silo));
      const truth = { ...world, silos };
      const placed = placedTraining(shares, SHAPE, terms);
      const best = Math.min(
        ...everyPlacement(placed.shares.map(({ options }) => options)).map((placement) =>
          simulatedRun(
            truth,
            placement.map(({ site }) => site),
            ROUNDS,
          ),
        ),
      );
      const { seconds, moves } = replannedRun(truth, placed);
      const stubborn = simulatedRun(truth, sitesOf(placed), ROUNDS);
      rows.push([
        federation,
        `${slower} ×`,
        `${(stubborn / best).toFixed(2)} ×`,
        `${(seconds / best).toFixed(2)} ×`,
        String(moves),
      ]);
    }
  }
  printTable(
    'TRAIN, one agent slower than known: time against the best placement with the truth known',
    ['silos', 'slower by', 'never re-planned', 're-planned', 'moves'],
    rows,
  );
  overhead();
}

function replannedRun(world: TrueWorld, placed: PlacedTraining): { readonly seconds: number; readonly moves: number } {
  let sites = sitesOf(placed);
  let expected = expectedRounds(placed);
  let seconds = openingSeconds(world, sites);
  let moves = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    const simulated = simulatedRound(world, sites);
    seconds += simulated.seconds;
    if (round === 1) continue;
    const measured = simulated.silos.map((times, i) => ({ silo: world.silos[i]!.name, site: sites[i]!, ...times }));
    const replanned = replanTraining(placed, expected, measured, ROUNDS - round);
    if (replanned === undefined) continue;
    expected = replanned.expected;
    const next = sites.map((site, i) => replanned.moves.find(({ silo }) => silo === world.silos[i]!.name)?.to ?? site);
    const moving = world.silos.filter((_, i) => next[i] !== sites[i]);
    if (moving.length > 0) {
      seconds += openingSeconds(
        { ...world, silos: moving },
        moving.map(({ name }) => replanned.moves.find(({ silo }) => silo === name)!.to),
      );
    }
    moves += moving.length;
    sites = next;
  }
  return { seconds, moves };
}

/** What looking at every round costs when nothing is wrong. */
function overhead(): void {
  const { shares, world } = caseOf(
    FEDERATIONS['five of all sizes']!,
    NETWORKS['all fast']!,
    RATES['equal machines']!,
    () => true,
  );
  const placed = placedTraining(shares, SHAPE, terms);
  const expected = expectedRounds(placed);
  const sites = sitesOf(placed);
  const measured = world.silos.map(({ name }, i) => ({
    silo: name,
    site: sites[i]!,
    seconds: expected.get(name)!,
    compute: 0,
  }));
  const looks = 20_000;
  const before = process.cpuUsage();
  for (let i = 0; i < looks; i++) replanTraining(placed, expected, measured, 10);
  const { user, system } = process.cpuUsage(before);
  const microseconds = (user + system) / looks;
  console.log(
    `looking at a round of ${measured.length} silos takes ${microseconds.toFixed(1)} µs of processor time: ` +
      `${((100 * microseconds) / 10_000).toFixed(3)} % of a round of 10 ms\n`,
  );
}
