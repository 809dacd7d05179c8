/** What becomes of columns on their way into a model: categories, time features, scaling, windows with missing rows. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Notice } from '../../src/engine/result.ts';
import { type Federation, openFederation, run } from '../support/federation.ts';

let federation: Federation;
let directory: string;
beforeAll(async () => {
  federation = await openFederation(inject('postgres'));
  directory = mkdtempSync(join(tmpdir(), 'causeway-features-'));
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await federation[Symbol.asyncDispose]();
});

const sql = (text: string, notices?: Notice[]) =>
  run(federation.session, text, notices === undefined ? {} : { onNotice: (notice) => notices.push(notice) });

const train = (name: string, using: string, query: string): string =>
  `TRAIN OR REPLACE MODEL ${name} PREDICT load FORECAST BY ts PER meter WINDOW 12 HORIZON 1
   USING lstm (hidden => 8, batch => 32 ${using}) FEDERATE fedavg (rounds => 2) AS ${query}`;

const signature = (name: string) => federation.engine.catalog.models.get(name)!.signature;

describe('categories', () => {
  // Only berlin is cold, and each silo has a name of its own.
  const SITES = `SELECT ts, meter, load, CASE WHEN silo = 'berlin' AND load < 55 THEN 'cold' ELSE 'warm' END AS state,
    silo AS place, meter AS kind, load > 60 AS high FROM readings`;

  test('one vocabulary over all silos, the most frequent name first; each kept column is spread to its width', async () => {
    await sql(train('sites', ", one_hot => ('high'), embedding => ('place', 'kind'), embedding_size => 3", SITES));
    const { features, statistics } = signature('sites');
    const vocabulary = (name: string) => statistics[features.findIndex((feature) => feature.name === name)]!.vocabulary;
    expect(vocabulary('state')).toEqual(['warm', 'cold']);
    expect(vocabulary('place')).toEqual(['berlin', 'oslo', 'paris']);
    expect(vocabulary('kind')).toEqual(['1', '2']);
    expect(vocabulary('high')?.toSorted()).toEqual(['false', 'true']);
    // load, state (2 + unknown), place and kind as vectors of 3, high (2 + unknown): 13 inputs; 4 and 3 vectors.
    expect(federation.engine.catalog.models.get('sites')!.metrics.parameters).toBe(
      4 * 8 * (13 + 8 + 2) + 8 + 1 + (4 + 3) * 3,
    );
  });

  test('what leaves a silo is its categories and their rows, and that is on record', async () => {
    const [[plain], [named]] = (await Promise.all(
      [
        'SELECT ts, meter, load, 1.0::float8 * meter AS k FROM readings',
        'SELECT ts, meter, load, place FROM (SELECT *, silo AS place FROM readings) r',
      ].map(async (query, i) => {
        await sql(train(`told${i}`, '', query));
        return sql(
          `SELECT bytes FROM causeway.egress WHERE kind = 'statistics' AND silo = 'oslo' AND statement LIKE '%MODEL told${i} %'`,
        );
      }),
    )) as [string[][], string[][]];
    expect(Number(named![0]) - Number(plain![0])).toBe('oslo'.length + 8);
  });

  test('a category that was never seen is predicted as "unknown", one that was is not', async () => {
    const renamed = (name: string) =>
      sql(
        `SELECT sum(predicted_load) FROM ml.predict('sites', (SELECT ts, meter, load, state, ${name} AS place, kind, high FROM (${SITES}) s))`,
      );
    const [[never], [neither], [known]] = (await Promise.all(["'rome'", "'lima'", "'oslo'"].map(renamed))) as [
      string[][],
      string[][],
      string[][],
    ];
    expect(never).toEqual(neither);
    expect(never).not.toEqual(known);
    expect((await renamed('NULL::text'))[0]).toEqual(never);
  });

  test('rare categories are "unknown"', async () => {
    await sql(train('rare', ', vocabulary => 1', SITES));
    const { features, statistics } = signature('rare');
    expect(features.map(({ category }) => category?.most)).toEqual([undefined, 1, 1, undefined, undefined]);
    // load, state (1 + unknown), place (1 + unknown), kind, high
    expect(federation.engine.catalog.models.get('rare')!.metrics.parameters).toBe(4 * 8 * (7 + 8 + 2) + 8 + 1);
    expect(statistics).toHaveLength(5);
  });

  test('a category that is the same everywhere is left out with a notice', async () => {
    const notices: Notice[] = [];
    await sql(train('same', '', "SELECT ts, meter, load, 'x'::text AS c FROM readings"), notices);
    expect(notices.map(({ message }) => message)).toContain('feature "c" has one value only and is left out');
  });

  test('forecasts know the categories of the rows to come', async () => {
    const query = "SELECT ts, meter, load, to_char(ts, 'HH24') AS hour FROM readings";
    await sql(train('hours', ", embedding => 'hour', embedding_size => 2", query));
    const rows = await sql(`SELECT silo, ts, load FROM ml.forecast('hours', horizon => 30) ORDER BY 1, 2`);
    expect(rows).toHaveLength(3 * 2 * 30);
    expect(rows.every(([, , load]) => Number.isFinite(Number(load)))).toBe(true);
  });

  test('explains a category as one feature', async () => {
    const rows = await sql(
      `SELECT feature, attribution FROM ml.explain('sites') WHERE silo IS NULL AND lag IS NULL ORDER BY 1`,
    );
    expect(rows.map(([feature]) => feature)).toEqual(['high', 'kind', 'load', 'place', 'state']);
    expect(rows.every(([, attribution]) => Number(attribution) > 0)).toBe(true);
  });

  test('an imported twin predicts the same', async () => {
    const file = join(directory, 'sites.safetensors');
    await sql(`EXPORT MODEL sites TO '${file}'; IMPORT MODEL sites_twin FROM '${file}'`);
    const predictions = (name: string) => sql(`SELECT * FROM ml.predict('${name}', (${SITES})) ORDER BY 1, 2, 3`);
    expect(await predictions('sites_twin')).toEqual(await predictions('sites'));
  });

  test('a policy decides how many rows a name needs to be told, and whether any is', async () => {
    await sql('CREATE POLICY updates ON oslo.readings ALLOW UPDATES TO mediator');
    try {
      const named = train('guarded', '', SITES);
      await expect(sql(named)).rejects.toMatchObject({
        sqlstate: 'CW001',
        hint: expect.stringContaining('AGGREGATES'),
      });
      await sql('CREATE POLICY groups ON oslo.readings ALLOW AGGREGATES (min_group => 1000) TO mediator');
      await sql(named);
      const { features, statistics } = signature('guarded');
      const place = statistics[features.findIndex(({ name }) => name === 'place')]!;
      expect(place).toMatchObject({ vocabulary: ['berlin', 'paris'], others: 320 });
    } finally {
      await sql('DROP POLICY updates ON oslo.readings').catch(() => sql('DROP POLICY updates'));
      await sql('DROP POLICY groups ON oslo.readings').catch(() => sql('DROP POLICY groups').catch(() => undefined));
    }
  });
});

describe('ml.time_features', () => {
  test('is what its expressions are, in every silo', async () => {
    const rows = await sql(
      `SELECT DISTINCT day_sin, day_cos, week_sin, year_cos FROM (SELECT silo, ml.time_features(ts) FROM readings WHERE ts = '2024-01-03 18:00') r`,
    );
    const turn = (share: number) => share * 2 * Math.PI;
    expect(rows.map((row) => row.map(Number))).toEqual([
      [-1, expect.closeTo(0), expect.closeTo(Math.sin(turn(3 / 7))), expect.closeTo(Math.cos(turn(3 / 365.25)))],
    ]);
  });

  test('a date has no place in the day; circles can be chosen, and named', async () => {
    const columns = async (text: string) => {
      for await (const { columns: found } of federation.session.execute(text)) return found.map(({ name }) => name);
      return [];
    };
    expect(await columns("SELECT ml.time_features(DATE '2024-01-01')")).toEqual([
      'week_sin',
      'week_cos',
      'year_sin',
      'year_cos',
    ]);
    expect(await columns("SELECT ml.time_features(ts, 'day') AS at FROM readings LIMIT 1")).toEqual([
      'at_day_sin',
      'at_day_cos',
    ]);
  });

  test('its columns are features of a model, and of its forecasts', async () => {
    await sql(train('circles', '', "SELECT ts, meter, load, ml.time_features(ts, 'day', 'week') FROM readings"));
    expect(signature('circles').features.map(({ name }) => name)).toEqual([
      'load',
      'day_sin',
      'day_cos',
      'week_sin',
      'week_cos',
    ]);
    expect(await sql(`SELECT * FROM ml.forecast('circles', horizon => 3)`)).toHaveLength(18);
  });

  test.each([
    ['another circle', "SELECT ml.time_features(ts, 'weak') FROM readings", /week/],
    ['a number', 'SELECT ml.time_features(load) FROM readings', /timestamp/],
    ['no time', 'SELECT ml.time_features()', /ml.time_features\(ts\)/],
    ['a place where one value stands', 'SELECT ts FROM readings WHERE ml.time_features(ts) > 0', /select list/],
    ['a model function in an expression', "SELECT ml.predict('load')", /FROM/],
  ])('%s is refused', async (_, text, hint) => {
    await expect(sql(text)).rejects.toMatchObject({ hint: expect.stringMatching(hint) });
  });
});

describe('scaling', () => {
  // Each silo on a level of its own, each meter too.
  const LEVELS = `SELECT ts, meter, load + CASE silo WHEN 'oslo' THEN 1000 ELSE 0 END + 100 * meter AS load FROM readings`;

  test.each(['silo', 'entity'])('by %s: stored with the model and used again', async (scale) => {
    await sql(train(`by_${scale}`, `, scale => '${scale}'`, LEVELS));
    const { siloStatistics } = signature(`by_${scale}`);
    expect(Object.keys(siloStatistics!)).toEqual(['berlin', 'oslo', 'paris']);
    const [silo] = await sql(
      `SELECT avg(load) FROM (SELECT load, row_number() OVER (PARTITION BY meter ORDER BY ts) AS n FROM (${LEVELS.replace('FROM readings', "FROM readings WHERE silo = 'oslo'")}) r) q WHERE n <= 160`,
    );
    const [oslo] = siloStatistics!.oslo!;
    expect(oslo!.mean).toBeCloseTo(Number(silo![0]), 6);
    expect(oslo!.entities?.map(([name]) => name)).toEqual(scale === 'entity' ? ['1', '2'] : undefined);
    // Predictions come back on the level of their silo and meter.
    const far = await sql(
      `SELECT count(*) FROM ml.predict('by_${scale}', (${LEVELS})) WHERE abs(predicted_load - load) > ${scale === 'silo' ? 150 : 60}`,
    );
    expect(far).toEqual([['0']]);
    const [trained] = await sql(`SELECT rmse FROM ml.evaluate('by_${scale}') WHERE silo = 'oslo'`);
    expect(Number(trained![0])).toBeLessThan(60);
    const forecast = await sql(`SELECT load FROM ml.forecast('by_${scale}', horizon => 2) WHERE silo = 'oslo'`);
    for (const [load] of forecast) expect(Number(load)).toBeGreaterThan(1000);
  });
});

describe('windows with missing rows', () => {
  test('a sequence begins with windows that lack rows; they train, are scored, and can be forecast from', async () => {
    await sql(train('short', ', min_window => 3', 'SELECT ts, meter, load FROM readings'));
    const [oslo] = federation.engine.catalog.models.get('short')!.metrics.silos.filter(({ silo }) => silo === 'oslo');
    // Two meters: nine windows more each at the beginning, none at the borders of the split.
    expect(oslo!.windows).toEqual({ train: 296 + 18, validation: 16, test: 16 });
    const few = "SELECT ts, meter, load FROM readings WHERE ts < '2024-01-01 05:00'";
    const predicted = await sql(
      `SELECT silo, meter, ts FROM ml.predict('short', (${few})) WHERE silo = 'oslo' ORDER BY 2, 3`,
    );
    expect(predicted.map(([, meter, ts]) => `${meter} ${ts}`)).toEqual(
      ['1', '2'].flatMap((meter) => [`${meter} 2024-01-01 03:00:00`, `${meter} 2024-01-01 04:00:00`]),
    );
  });

  test('every step: what is missing counts for nothing', async () => {
    await sql(train('steps', ", min_window => 1, readout => 'every'", 'SELECT ts, meter, load FROM readings'));
    const [pooled] = await sql(`SELECT windows, rmse FROM ml.evaluate('steps') WHERE silo IS NULL`);
    expect(Number(pooled![1])).toBeLessThan(30);
  });
});

describe('scoring', () => {
  const QUERY = "SELECT ts, meter, load, CASE WHEN load > 61.3 THEN 'high' ELSE 'low' END AS state FROM readings";

  test('samples under dropout give every forecast an interval, the same at every call', async () => {
    await sql(train('dropping', ', layers => 2, dropout => 0.3', QUERY));
    const forecast = (level: number) =>
      sql(
        `SELECT load, load_lower, load_upper FROM ml.forecast('dropping', horizon => 3, samples => 20, level => ${level}) ORDER BY silo, meter, ts`,
      );
    const [wide, narrow] = [await forecast(0.9), await forecast(0.2)];
    expect(wide).toHaveLength(18);
    const numbers = (rows: (string | null)[][]) => rows.map((row) => row.map(Number) as [number, number, number]);
    numbers(wide).forEach(([mean, lower, upper], i) => {
      const [, inner, outer] = numbers(narrow)[i]!;
      expect(lower).toBeLessThan(mean);
      expect(mean).toBeLessThan(upper);
      expect(outer - inner).toBeLessThan(upper - lower);
    });
    expect(await forecast(0.9)).toEqual(wide);
  });

  test('evaluates per entity and per category; groups of all silos are pooled', async () => {
    const by = await sql(`SELECT silo, meter, windows, rmse FROM ml.evaluate('dropping', by => 'meter')`);
    expect(by.map(([silo, meter, windows]) => `${silo ?? 'all'} ${meter} ${windows}`).toSorted()).toEqual([
      ...['all 1 24', 'all 2 24'],
      ...['berlin 1 8', 'berlin 2 8', 'oslo 1 8', 'oslo 2 8', 'paris 1 8', 'paris 2 8'],
    ]);
    const [counted] = await sql(
      `SELECT sqrt(avg((predicted_load - load) ^ 2)), count(*) FROM ml.predict('dropping', (${QUERY})) WHERE load > 61.3`,
    );
    const [high] = await sql(
      `SELECT rmse, windows FROM ml.evaluate('dropping', (${QUERY}), by => 'state') WHERE silo IS NULL AND state = 'high'`,
    );
    expect(Number(high![0])).toBeCloseTo(Number(counted![0]), 4);
    expect(high![1]).toBe(counted![1]);
  });

  test.each([
    ["ml.forecast('short', samples => 10)", '0A000', /dropout/],
    ["ml.forecast('dropping', level => 0.5)", '22023', /samples/],
    ["ml.forecast('dropping', samples => 10, level => 2)", '22023', /between 0 and 1/],
    ["ml.evaluate('dropping', by => 'stade')", '42703', /state/],
  ])('%s is refused', async (call, sqlstate, words) => {
    const refused = sql(`SELECT * FROM ${call}`);
    await expect(refused).rejects.toMatchObject({ sqlstate });
    await expect(refused).rejects.toThrow();
    const error = await refused.catch((thrown: Error & { hint?: string }) => `${thrown.message} ${thrown.hint}`);
    expect(error).toMatch(words);
  });
});
