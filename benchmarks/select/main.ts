/**
 * Federated SELECT against its peers, interleaved in one run; medians and ratios are printed.
 *
 *   npm run bench:select -- [scale=1] [repeats=3] [sessions=100] [part …]
 *   npm run bench:select -- --quick            less than a minute, for CI: everything once on little data
 *
 * Parts: moving, one-silo, three-silos, moved-bytes, planning, crowd; all when none is named. The 22 query texts of TPC-H are
 * read from ../shared/data/tpch_sf0005/queries; without them there is nothing to measure. The data are made once per
 * scale and kept (cached-data.ts).
 */
import { crowd } from './crowd.ts';
import { movedBytes } from './moved-bytes.ts';
import { moving } from './moving.ts';
import { oneSilo } from './one-silo.ts';
import { planning } from './planning.ts';
import { QUERIES } from './queries.ts';
import type { Run } from './setup.ts';
import { openBenchmarkSilos } from './silos.ts';
import { threeSilos } from './three-silos.ts';

const PARTS: Readonly<Record<string, (run: Run) => Promise<void>>> = {
  moving,
  'one-silo': oneSilo,
  'three-silos': threeSilos,
  'moved-bytes': movedBytes,
  planning,
  crowd,
};

const words = process.argv.slice(2);
const quick = words.includes('--quick');
const numbers = words.filter((word) => Number.isFinite(Number(word))).map(Number);
const [scale = quick ? 0.01 : 1, repeats = quick ? 1 : 3, sessions = quick ? 40 : 100] = numbers;
const named = words.filter((word) => word in PARTS);
const unknown = words.find((word) => !(word in PARTS) && word !== '--quick' && !Number.isFinite(Number(word)));
if (unknown !== undefined) {
  console.error(`there is no part "${unknown}"; parts are ${Object.keys(PARTS).join(', ')}`);
  process.exitCode = 2;
} else if (QUERIES.length === 0) {
  console.log('nothing measured: the query texts are not at ../shared/data/tpch_sf0005/queries');
} else {
  console.log(`TPC-H shape at scale ${scale}, medians of ${repeats}`);
  await using silos = await openBenchmarkSilos(scale);
  const run: Run = {
    silos,
    scale,
    repeats,
    sessions,
    patienceMs: quick ? 1000 : 20_000,
    otherPlans: quick ? 6 : 400,
    mostRelations: quick ? 3 : 8,
  };
  for (const part of named.length > 0 ? named : Object.keys(PARTS)) await PARTS[part]!(run);
}
