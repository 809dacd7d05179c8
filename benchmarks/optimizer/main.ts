/**
 * The optimizer's choices against all others; tables are printed.
 *
 *   npm run bench:optimizer -- [repeats=4] [train | grid | clock | wrong | overhead | speeds] ['few orders']
 *
 * `clock` runs the placements of `grid` over links that really sleep: for an idle machine. Both take the name of one query.
 */
import { grid, wrongEstimates } from './grid.ts';
import { joinOrder } from './join-order.ts';
import { replanOverhead } from './replan-overhead.ts';
import { speeds } from './speeds.ts';
import { trainPlacement, trainReplanning } from './train-placement.ts';
import { openWorld } from './world.ts';

const repeats = Number(process.argv[2] ?? 4);

const only = process.argv[3];

if (only === undefined) joinOrder();
if (only === undefined || only === 'train') {
  trainPlacement();
  trainReplanning();
}
if (only === undefined || only === 'speeds') await speeds();
if (only !== 'train' && only !== 'speeds') {
  await using world = await openWorld();
  const wanted = (part: string): boolean => only === undefined || only === part;
  if (wanted('grid') || only === 'clock')
    await grid(world, only === 'clock' ? 'real' : 'simulated', repeats, process.argv[4]);
  if (wanted('wrong')) await wrongEstimates(world, repeats);
  if (wanted('overhead')) await replanOverhead(world, 10 * repeats);
}
