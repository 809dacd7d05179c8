/**
 * `npm run test:sqllogic [-- --placement one-silo] [--only text] [--seed 1]`: every file under ../shared/data/sqllogic in
 * every placement. Prints what does not hold, then a table; exits 1 below 99 % or when
 * a query fails that differences.ts does not list.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { mariadbIsInstalled, startMariadb } from '../servers/mariadb.ts';
import { startServer } from '../servers/postgres.ts';
import { reasonFor } from './differences.ts';
import { openPlacement, PLACEMENTS, type PlacementName } from './placements.ts';
import { readRecords } from './records.ts';
import { runRecords } from './suite.ts';

const { values } = parseArgs({
  options: { placement: { type: 'string' }, only: { type: 'string' }, seed: { type: 'string', default: '1' } },
});
const directory = new URL('../../../shared/data/sqllogic/', import.meta.url).pathname;
if (!existsSync(directory)) {
  console.log(`skipped: there is no ${directory}`);
  process.exit(0);
}
const files = globSync('**/*.slt', { cwd: directory })
  .sort()
  .filter((file) => file.includes(values.only ?? ''));
const names = values.placement === undefined ? PLACEMENTS : [values.placement as PlacementName];
const { server, stop } = await startServer();
const mariadb = mariadbIsInstalled() ? await startMariadb() : undefined;
if (mariadb === undefined) console.log('mariadbd is not installed: no table lives in a silo of the kind mysql');
let short = false;
let unexplained = false;
try {
  const table: Record<string, { queries: number; held: number; percent: string; seconds: string }> = {};
  for (const name of names) {
    const started = performance.now();
    let queries = 0;
    let failed = 0;
    await using placement = await openPlacement(server, name, { seed: Number(values.seed), mariadb });
    for (const file of files) {
      await placement.reset();
      const outcome = await runRecords(readRecords(readFileSync(directory + file, 'utf8')), placement);
      queries += outcome.queries;
      failed += outcome.failures.length;
      for (const { line, sql, reason } of outcome.failures) {
        const known = reasonFor(file, line, name);
        unexplained ||= known === undefined;
        const why = known === undefined ? reason.slice(0, 300) : `known: ${known}`;
        console.log(`${name} ${file}:${line}\n  ${sql.replaceAll('\n', '\n  ')}\n  => ${why}`);
      }
    }
    console.log(`${name}: tables by silo ${JSON.stringify(Object.fromEntries(placement.held))}`);
    const held = queries - failed;
    short ||= held < 0.99 * queries;
    const percent = ((100 * held) / queries).toFixed(2);
    table[name] = { queries, held, percent, seconds: ((performance.now() - started) / 1000).toFixed(1) };
  }
  console.table(table);
} finally {
  await mariadb?.[Symbol.asyncDispose]();
  await stop();
}
process.exitCode = short || unexplained ? 1 : 0;
