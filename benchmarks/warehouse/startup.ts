/**
 * What loading the warehouses' client libraries would cost `causeway sql -c 'select 1'`: processes of both kinds in turn, medians of
 * their CPU time and of the time that passed. `npm run bench:startup [repeats]`
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LIBRARIES = ['snowflake-sdk', '@google-cloud/bigquery', '@google-cloud/bigquery-storage'];
const repeats = Number(process.argv[2] ?? 7);
const directory = mkdtempSync(join(tmpdir(), 'causeway-startup-'));

interface Spent {
  /** Milliseconds. */
  readonly cpu: number;
  readonly wall: number;
}

/** The process says itself what CPU time it took. */
const REPORT = `process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  process.stderr.write('CPU ' + (user + system) / 1000);
});`;

function spent(libraries: readonly string[]): Spent {
  const modules = [REPORT, ...libraries.map((name) => `await import(${JSON.stringify(name)});`)];
  const loading = modules.flatMap((text) => ['--import', `data:text/javascript,${encodeURIComponent(text)}`]);
  const began = performance.now();
  const { stderr, stdout } = spawnSync(
    process.execPath,
    [...loading, 'src/cli/main.ts', 'sql', '--dir', join(directory, 'catalog'), '-c', 'select 1'],
    { encoding: 'utf8' },
  );
  const wall = performance.now() - began;
  if (!stdout.includes('(1 row)')) throw new Error(stderr);
  return { cpu: Number(stderr.split('CPU ')[1]), wall };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const ways = { 'as it is': [], 'with the libraries loaded': LIBRARIES.map((name) => import.meta.resolve(name)) };
const found = new Map<string, Spent[]>();
spent([]);
for (let i = 0; i < repeats; i++) {
  for (const [name, libraries] of Object.entries(ways)) found.set(name, [...(found.get(name) ?? []), spent(libraries)]);
}
console.log(`causeway sql -c 'select 1', medians of ${repeats}`);
for (const [name, all] of found) {
  const [cpu, wall] = [median(all.map((each) => each.cpu)), median(all.map((each) => each.wall))];
  console.log(`${name.padEnd(28)} ${cpu.toFixed(0).padStart(6)} ms CPU ${wall.toFixed(0).padStart(6)} ms`);
}
rmSync(directory, { recursive: true, force: true });
