/**
 * The optimizer's choices against all others; tables are printed.
 *
 *   npm run bench:optimizer -- [repeats=4] [grid]
 */
import { grid, wrongEstimates } from './grid.ts';
import { joinOrder } from './join-order.ts';
import { openWorld } from './world.ts';

const repeats = Number(process.argv[2] ?? 4);

if (process.argv[3] !== 'grid') joinOrder();
await using world = await openWorld();
await grid(world, repeats);
await wrongEstimates(world, repeats);
