/**
 * Answers do not depend on where tables live: our own files whole, and a sample of ../shared/data/sqllogic, in every
 * placement. All of the data runs by `npm run test:sqllogic`.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { reasonFor } from './differences.ts';
import { openPlacement, PLACEMENTS, type Placement, random } from './placements.ts';
import { readRecords } from './records.ts';
import { runRecords } from './suite.ts';

const OWN = new URL('./product/', import.meta.url).pathname;
const SHARED = new URL('../../../shared/data/sqllogic/', import.meta.url).pathname;

/** Files per folder of the sample; the seed changes by the day, so that in time all are seen. */
const SAMPLE = 24;
const SEED = Math.floor(Date.now() / 86_400_000);

const own = globSync('*.slt', { cwd: OWN }).sort();
const shared = existsSync(SHARED) ? sample(globSync('**/*.slt', { cwd: SHARED }).sort(), SAMPLE) : [];
if (shared.length === 0) console.log(`the sqllogic sample is skipped: there is no ${SHARED}`);

function sample(files: readonly string[], count: number): readonly string[] {
  const draw = random(SEED);
  return files
    .map((file) => ({ file, rank: draw() }))
    .sort((a, b) => a.rank - b.rank)
    .slice(0, count)
    .map(({ file }) => file);
}

describe.each(PLACEMENTS)('in the placement %s', (name) => {
  let placement: Placement;
  beforeAll(async () => {
    placement = await openPlacement(inject('postgres'), name, { seed: SEED });
  });
  afterAll(() => placement?.[Symbol.asyncDispose]());

  const run = async (path: string, file: string) => {
    await placement.reset();
    const outcome = await runRecords(readRecords(readFileSync(path, 'utf8')), placement);
    expect(outcome.queries).toBeGreaterThan(0);
    return outcome.failures.filter(({ line }) => reasonFor(file, line, name) === undefined);
  };

  it.each(own)('%s', async (file) => {
    expect(await run(OWN + file, file)).toEqual([]);
  });

  it.skipIf(shared.length === 0)(
    `${shared.length} files of the sqllogic data by seed ${SEED}`,
    async () => {
      const failures: unknown[] = [];
      for (const file of shared) {
        for (const failure of await run(SHARED + file, file)) failures.push({ file, ...failure });
      }
      expect(failures).toEqual([]);
    },
    240_000,
  );
});
