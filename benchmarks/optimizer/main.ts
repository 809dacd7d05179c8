/**
 * The optimizer's choices against all others; tables are printed.
 *
 *   npm run bench:optimizer -- [repeats=4] [grid | train | clock]
 *
 * `clock` runs the placements of `grid` over links that really sleep: for an idle machine.
 */
import { grid, wrongEstimates } from './grid.ts';
import { joinOrder } from './join-order.ts';
import { replanOverhead } from './replan-overhead.ts';
import { trainPlacement, trainReplanning } from './train-placement.ts';
import { openWorld } from './world.ts';

const repeats = Number(process.argv[2] ?? 4);

const only = process.argv[3];

if (only === undefined) joinOrder();
if (only === undefined || only === 'train') {
  trainPlacement();
  trainReplanning();
}
if (only !== 'train') {
  await using world = await openWorld();
  await grid(world, only === 'clock' ? 'real' : 'simulated', repeats);
  await wrongEstimates(world, repeats);
  await replanOverhead(world, repeats);
}
