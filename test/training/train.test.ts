import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Notice } from '../../src/engine/result.ts';
import { CausewayError } from '../../src/plan/errors.ts';
import { type Federation, openFederation, run } from '../support/federation.ts';

const TRAIN = (name: string, options = '', query = 'SELECT ts, meter, load FROM readings'): string =>
  `TRAIN OR REPLACE MODEL ${name} PREDICT load FORECAST BY ts PER meter WINDOW 12 HORIZON 1
   USING lstm (hidden => 8, batch => 32, season => 24, learning_rate => 1e-2 ${options}) FEDERATE fedavg (rounds => 2) AS ${query}`;

let federation: Federation;
beforeAll(async () => {
  federation = await openFederation(inject('postgres'));
});
afterAll(() => federation[Symbol.asyncDispose]());

const sql = (text: string, notices?: Notice[]) =>
  run(federation.session, text, notices === undefined ? {} : { onNotice: (notice) => notices.push(notice) });

async function refusal(text: string): Promise<CausewayError> {
  try {
    await sql(text);
  } catch (thrown) {
    if (thrown instanceof CausewayError) return thrown;
    throw thrown;
  }
  throw new Error(`not refused: ${text}`);
}

describe('TRAIN over three silos', () => {
  test('trains in every silo, stores a version, and tells what left', async () => {
    const notices: Notice[] = [];
    const rows = await sql(TRAIN('load'), notices);
    expect(rows.map(([silo, count, windows, tests]) => [silo, count, windows, tests])).toEqual([
      // 200 hours × 2 meters; 160 train, 20 validate, 20 test; a window is 12 rows and the next.
      ['berlin', '400', '296', '16'],
      ['oslo', '400', '296', '16'],
      ['paris', '400', '296', '16'],
    ]);
    expect(notices.filter(({ progress }) => progress !== undefined).map(({ progress }) => progress?.round)).toEqual([
      1, 2,
    ]);
    const egress = await sql(
      `SELECT silo, kind, sum(bytes) FROM causeway.egress WHERE statement LIKE 'TRAIN%MODEL load %' GROUP BY 1, 2 ORDER BY 1, 2`,
    );
    expect(egress.filter(([, kind]) => kind === 'rows').map(([, , bytes]) => bytes)).toEqual(['0', '0', '0']);
    const { parameters } = federation.engine.catalog.models.get('load')!.metrics;
    expect(egress.find(([silo, kind]) => silo === 'oslo' && kind === 'updates')?.[2]).toBe(String(2 * 4 * parameters));
  });

  test('standardises with the exact mean and deviation of all silos together', async () => {
    const [expected] = await sql(
      `SELECT avg(load), stddev_pop(load), count(*) FROM (
         SELECT load, row_number() OVER (PARTITION BY silo, meter ORDER BY ts) AS n FROM readings) AS r WHERE n <= 160`,
    );
    const [moments] = federation.engine.catalog.models.get('load')!.signature.statistics;
    expect(moments?.n).toBe(Number(expected?.[2]));
    expect(moments?.mean).toBeCloseTo(Number(expected?.[0]), 5);
    expect(Math.sqrt(moments!.m2 / moments!.n)).toBeCloseTo(Number(expected?.[1]), 5);
  });

  test('the same seed gives the same weights bit for bit, another seed others', async () => {
    const weights = (name: string): Buffer => {
      const { models } = federation.engine.catalog;
      return Buffer.from(models.weights(models.get(name)!));
    };
    await sql(`${TRAIN('a', ', seed => 3')}; ${TRAIN('a2', ', seed => 3')}; ${TRAIN('b', ', seed => 4')}`);
    const tensors = (file: Buffer): Buffer => file.subarray(8 + Number(file.readBigUInt64LE(0)));
    expect(tensors(weights('a')).equals(tensors(weights('a2')))).toBe(true);
    expect(tensors(weights('a')).equals(tensors(weights('b')))).toBe(false);
  });

  test('explains which feature and lag a model looks at', async () => {
    const rows = await sql(`SELECT silo, feature, lag FROM ml.explain('load') ORDER BY 1 NULLS LAST, 3 NULLS FIRST`);
    // Three silos and all together, each one line for all 12 lags and one for each.
    expect(rows).toHaveLength(4 * 13);
    expect(rows[0]).toEqual(['berlin', 'load', null]);
    const [pooled] = await sql(
      `SELECT permutation_importance, attribution FROM ml.explain('load') WHERE silo IS NULL AND lag IS NULL`,
    );
    expect(Number(pooled?.[0])).toBeGreaterThan(0);
    expect(Number(pooled?.[1])).toBeGreaterThan(0);
  });

  test('EXPLAIN says where each silo’s rows would be scored, and computes nothing', async () => {
    const explained = async (from: string): Promise<string> =>
      (await sql(`EXPLAIN SELECT * FROM ${from}`))
        .map(([line]) => line)
        .join('\n')
        .replaceAll(/\s+/g, ' ');
    const query = '(SELECT ts, meter, load FROM readings)';
    expect(await explained(`ml.predict('load', ${query})`)).toContain(
      "ml.predict('load'), oslo: at the mediator, on rows that leave",
    );
    expect(await explained(`ml.evaluate('load', ${query})`)).toContain(
      "ml.evaluate('load'), oslo: beside its rows; sums over windows leave",
    );
    expect(await explained(`ml.evaluate('load')`)).toContain(
      "ml.evaluate('load'): stored with version 1, nothing is computed",
    );
    expect(await explained(`ml.forecast('load')`)).toContain("ml.forecast('load'), paris: at the mediator");
    expect(await explained(`ml.explain('load')`)).toContain("ml.explain('load'), berlin: beside its rows");
  });

  test('a classifier predicts probabilities, and refuses to forecast', async () => {
    const classes = `SELECT ts, meter, load, CASE WHEN load > 60 THEN 2 WHEN load > 40 THEN 1 ELSE 0 END AS level FROM readings`;
    await sql(`TRAIN OR REPLACE MODEL level PREDICT level FORECAST BY ts PER meter WINDOW 12
      USING lstm (hidden => 8, loss => 'softmax-cross-entropy', classes => 3) FEDERATE fedavg (rounds => 1) AS ${classes}`);
    const rows = await sql(
      `SELECT predicted_level_p0 + predicted_level_p1 + predicted_level_p2 FROM ml.predict('level', (${classes})) LIMIT 5`,
    );
    expect(rows).toHaveLength(5);
    for (const [sum] of rows) expect(Number(sum)).toBeCloseTo(1, 5);
    expect((await refusal(`SELECT * FROM ml.forecast('level')`)).message).toContain('a classifier does not forecast');
  });

  test('a classifier’s accuracy is what counting its predictions gives, and is stored with the version', async () => {
    const classes = `SELECT ts, meter, load, load > 60 AS high FROM readings`;
    const [trained] = await sql(`TRAIN OR REPLACE MODEL high PREDICT high FORECAST BY ts PER meter WINDOW 12
      USING lstm (hidden => 8, loss => 'binary-cross-entropy') FEDERATE fedavg (rounds => 1) AS ${classes}`);
    const stored = await sql(
      `SELECT silo, target, windows, accuracy, f1, auc, log_loss FROM ml.evaluate('high') ORDER BY silo NULLS LAST`,
    );
    expect(stored.map((row) => row.slice(0, 3))).toEqual([
      ['berlin', 'high', '16'],
      ['oslo', 'high', '16'],
      ['paris', 'high', '16'],
      [null, 'high', '48'],
    ]);
    expect(Number(trained?.[5])).toBeCloseTo(Number(stored[0]?.[3]), 5);
    expect(Number(trained?.[6])).toBeCloseTo(Number(stored[0]?.[6]), 5);
    const accuracy = Number(stored[3]?.[3]);
    const [model] = await sql(`SELECT test_accuracy, test_rmse FROM causeway.models WHERE name = 'high'`);
    expect([Number(model?.[0]), model?.[1]]).toEqual([accuracy, null]);
    const facts = (await sql('DESCRIBE MODEL high')).map(([, property, value]) => `${property}: ${value}`);
    expect(facts).toContainEqual(expect.stringMatching(/^test of oslo: accuracy .*, log_loss /));

    const [counted] = await sql(
      `SELECT avg(CASE WHEN (predicted_high > 0.5) = (high > 0.5) THEN 1.0 ELSE 0 END),
              avg(-ln(CASE WHEN high > 0.5 THEN predicted_high ELSE 1 - predicted_high END)), count(*)
       FROM ml.predict('high', (${classes}))`,
    );
    const [everywhere] = await sql(
      `SELECT accuracy, log_loss, windows FROM ml.evaluate('high', (${classes})) WHERE silo IS NULL`,
    );
    expect(Number(everywhere?.[0])).toBeCloseTo(Number(counted?.[0]), 9);
    expect(Number(everywhere?.[1])).toBeCloseTo(Number(counted?.[1]), 5);
    expect(everywhere?.[2]).toBe(counted?.[2]);
  });

  test('two targets have a row each; figures are what SQL computes from the predictions', async () => {
    const both = 'SELECT ts, meter, load, 2 * load + 1 AS twice FROM readings';
    const trained = await sql(`TRAIN OR REPLACE MODEL both PREDICT load, twice FORECAST BY ts PER meter WINDOW 12
      USING lstm (hidden => 8) FEDERATE fedavg (rounds => 1) AS ${both}`);
    expect(trained.map(([silo, , , , target]) => `${silo} ${target}`)).toEqual(
      ['berlin', 'oslo', 'paris'].flatMap((silo) => [`${silo} load`, `${silo} twice`]),
    );
    const found = await sql(
      `SELECT silo, target, rmse, mae, mape, r2 FROM ml.evaluate('both', (${both})) WHERE silo IS NULL OR silo = 'oslo'
       ORDER BY silo NULLS LAST, target`,
    );
    expect(found.map((row) => row.slice(0, 2))).toEqual([
      ['oslo', 'load'],
      ['oslo', 'twice'],
      [null, 'load'],
      [null, 'twice'],
    ]);
    const [expected] = await sql(
      `SELECT sqrt(avg((predicted_twice - twice) ^ 2)), avg(abs(predicted_twice - twice)),
              avg(abs((predicted_twice - twice) / twice)), 1 - avg((predicted_twice - twice) ^ 2) / var_pop(twice)
       FROM ml.predict('both', (${both}))`,
    );
    expected!.forEach((value, i) => {
      expect(Number(found[3]![2 + i])).toBeCloseTo(Number(value), 4);
    });
  });

  test('a quantile model shows pinball loss and coverage of each level', async () => {
    const query = 'SELECT ts, meter, load FROM readings';
    await sql(`TRAIN OR REPLACE MODEL band PREDICT load FORECAST BY ts PER meter WINDOW 12
      USING lstm (hidden => 8, loss => 'quantile', quantiles => ARRAY[0.1, 0.9]) FEDERATE fedavg (rounds => 1) AS ${query}`);
    const [found] = await sql(
      `SELECT pinball_q10, coverage_q10, pinball_q90, coverage_q90 FROM ml.evaluate('band', (${query})) WHERE silo IS NULL`,
    );
    const level = (name: string, q: number) =>
      `avg(CASE WHEN load >= ${name} THEN ${q} * (load - ${name}) ELSE ${1 - q} * (${name} - load) END),
       avg(CASE WHEN load <= ${name} THEN 1.0 ELSE 0 END)`;
    const [expected] = await sql(
      `SELECT ${level('predicted_load_q10', 0.1)}, ${level('predicted_load_q90', 0.9)} FROM ml.predict('band', (${query}))`,
    );
    expected!.forEach((value, i) => {
      expect(Number(found![i])).toBeCloseTo(Number(value), 4);
    });
  });

  test('forecasts follow each silo and entity, dated with its own step', async () => {
    const rows = await sql(`SELECT silo, meter, ts, load FROM ml.forecast('load', horizon => 3) ORDER BY 1, 2, 3`);
    expect(rows).toHaveLength(3 * 2 * 3);
    expect(rows.slice(0, 3).map((row) => row.slice(0, 3))).toEqual([
      ['berlin', '1', '2024-01-09 08:00:00'],
      ['berlin', '1', '2024-01-09 09:00:00'],
      ['berlin', '1', '2024-01-09 10:00:00'],
    ]);
    expect(rows.every((row) => Number(row[3]) > 20 && Number(row[3]) < 100)).toBe(true);
  });

  test('evaluates per silo and together; on other rows too', async () => {
    const stored = await sql(
      `SELECT silo, windows, rmse, seasonal_rmse FROM ml.evaluate('load') ORDER BY silo NULLS LAST`,
    );
    expect(stored.map(([silo, windows]) => [silo, windows])).toEqual([
      ['berlin', '16'],
      ['oslo', '16'],
      ['paris', '16'],
      [null, '48'],
    ]);
    const other = await sql(
      `SELECT silo, windows FROM ml.evaluate('load', (SELECT * FROM readings WHERE ts >= '2024-01-05')) ORDER BY silo NULLS LAST`,
    );
    // 104 hours per meter from 5 January on: 92 windows each.
    expect(other).toEqual([
      ['berlin', '184'],
      ['oslo', '184'],
      ['paris', '184'],
      [null, '552'],
    ]);
  });

  test('predictions stand beside what was observed, and can be joined to the silo’s own rows', async () => {
    const rows = await sql(
      `SELECT count(*), count(*) FILTER (WHERE abs(p.load - r.load) < 1e-3)
       FROM ml.predict('load', (SELECT * FROM readings)) p
       JOIN berlin.readings r ON r.ts = p.ts AND r.meter::text = p.meter WHERE p.silo = 'berlin'`,
    );
    expect(rows).toEqual([['376', '376']]);
  });

  test('a restart keeps silos, tables, models and metrics', async () => {
    const before = await sql(`SELECT * FROM ml.evaluate('load') ORDER BY silo`);
    const predicted = await sql(`SELECT * FROM ml.forecast('load', horizon => 2) ORDER BY 1, 2, 3`);
    await federation.restart();
    expect(await sql(`SELECT * FROM ml.evaluate('load') ORDER BY silo`)).toEqual(before);
    expect(await sql(`SELECT * FROM ml.forecast('load', horizon => 2) ORDER BY 1, 2, 3`)).toEqual(predicted);
    expect((await sql('SHOW MODELS')).map(([name]) => name)).toContain('load');
  });

  test('a new version becomes active, an old one can be brought back, DROP removes the files', async () => {
    await sql(`${TRAIN('versions')}; ${TRAIN('versions', ', seed => 9')}`);
    const { models } = federation.engine.catalog;
    expect(models.versions('versions').map(({ version, active }) => [version, active])).toEqual([
      [1, false],
      [2, true],
    ]);
    await sql('ALTER MODEL versions ACTIVATE VERSION 1');
    expect(models.get('versions')?.version).toBe(1);
    const files = () => readdirSync(join(federation.directory, 'catalog', 'models')).length;
    const count = files();
    await sql('DROP MODEL versions');
    expect(files()).toBe(count - 2);
  });

  test.each(['rows', 'entities', 'equal'])('weighs silos by %s, and asynchronously', async (by) => {
    const federate = `FEDERATE fedbuff (rounds => 3, buffer => 2, weight_by => '${by}')`;
    await sql(TRAIN('buffered').replace('FEDERATE fedavg (rounds => 2)', federate));
    expect(federation.engine.catalog.models.get('buffered')!.metrics.rounds).toHaveLength(3);
  });

  test('EXPLAIN TRAIN names each silo’s statement and runs nothing', async () => {
    const jobs = federation.engine.catalog.jobs.list().length;
    const text = (await sql(`EXPLAIN ${TRAIN('explained')}`)).map(([line]) => line).join('\n');
    for (const silo of ['berlin', 'paris', 'oslo']) expect(text).toContain(silo);
    expect(text).toMatch(/^ {2}by (native|wasm) .* on this machine, 1 thread per silo, measured [\d.]+ [MG]FLOP\/s$/m);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(federation.engine.catalog.jobs.list()).toHaveLength(jobs);
    expect(federation.engine.catalog.models.get('explained')).toBeUndefined();
  });
});

describe('bad input', () => {
  test.each([
    ['an unknown table', TRAIN('x', '', 'SELECT ts, meter, load FROM raedings'), '42P01', /readings/],
    ['an unknown column', TRAIN('x', '', 'SELECT ts, meter, laod FROM readings'), '42703', /load/],
    ['an unknown option', TRAIN('x', ', hiden => 3'), '22023', /hidden/],
    ['an option out of range', TRAIN('x', ', layers => 9'), '22023', /from 1 to 4/],
    ['an unknown strategy', TRAIN('x').replace('fedavg', 'fedavgg'), '42704', /fedavg/],
    ['an unknown algorithm', TRAIN('x').replace('lstm', 'lstn'), '42704', /lstm/],
    ['a text target', TRAIN('x', '', "SELECT ts, meter, 'a' AS load FROM readings"), '42804', /predict/i],
    ['a date as feature', TRAIN('x', '', 'SELECT ts, meter, load, ts::date AS t FROM readings'), '42804', /"t"/],
    ['an embedding that is no feature', TRAIN('x', ", embedding => 'laod'"), '42804', /load/],
    ['a target as embedding', TRAIN('x', ", embedding => 'load'"), '22023', /"load"/],
    ['a window smaller than its smallest', TRAIN('x', ', min_window => 13'), '22023', /WINDOW 12/],
    ['entity scaling without entities', TRAIN('x', ", scale => 'entity'").replace(' PER meter', ''), '42804', /PER/],
    [
      'text that is unique in every row',
      TRAIN('x', '', 'SELECT ts, meter, load, (ts::text || meter || load) AS t FROM readings').replace(
        'hidden',
        'vocabulary => 0, hidden',
      ),
      '22023',
      /vocabulary/,
    ],
    [
      'rows of several silos mixed',
      TRAIN('x', '', 'SELECT a.ts, a.meter, b.load FROM readings a JOIN readings b ON a.ts = b.ts'),
      '0A000',
      /silo/,
    ],
    [
      'fewer rows than one window',
      TRAIN('x', '', "SELECT * FROM readings WHERE ts < '2024-01-01 10:00'"),
      'CW002',
      /window/,
    ],
    ['an empty table', TRAIN('x', '', "SELECT * FROM readings WHERE ts < '2000-01-01'"), 'CW002', /window/],
    ['an all-NULL feature', TRAIN('x', '', 'SELECT ts, meter, load, NULL::float8 AS n FROM readings'), 'CW002', /"n"/],
    [
      'NaN',
      TRAIN('x', '', `SELECT ts, meter, load, CASE WHEN load > 70 THEN 'NaN'::float8 ELSE 1 END AS n FROM readings`),
      'CW002',
      /"n"/,
    ],
    ['a constant target', TRAIN('x', '', 'SELECT ts, meter, 1.0::float8 AS load FROM readings'), 'CW002', /load/],
    ['more silos than there are', TRAIN('x').replace('rounds => 2', 'rounds => 2, min_silos => 4'), '22023', /3/],
    ['an unknown model', `SELECT * FROM ml.forecast('laod')`, '42704', /load/],
    ['an unknown model function', `SELECT * FROM ml.forcast('load')`, '42883', /forecast/],
  ])('%s is refused, and nothing is left behind', async (_, text, sqlstate, words) => {
    const error = await refusal(text);
    expect(`${error.message} ${error.detail ?? ''} ${error.hint ?? ''}`).toMatch(words);
    expect(error.sqlstate).toBe(sqlstate);
    expect(federation.engine.catalog.models.get('x')).toBeUndefined();
    expect(federation.engine.catalog.jobs.list().filter(({ state }) => state === 'running')).toEqual([]);
  });

  test('a model name in use is refused without OR REPLACE, and the model stays', async () => {
    const before = federation.engine.catalog.models.get('load')!.version;
    const error = await refusal(TRAIN('load').replace('OR REPLACE ', ''));
    expect(error).toMatchObject({ sqlstate: '42710', hint: expect.stringContaining('OR REPLACE') });
    expect(federation.engine.catalog.models.get('load')!.version).toBe(before);
  });

  test('a loss that is no number stops the silo: step, column and range are told, the last good version stays', async () => {
    await sql(TRAIN('steady'));
    const peaks = 'SELECT ts, meter, load, CASE WHEN load > 77 THEN 1e30 ELSE load END AS peak FROM readings';
    const error = await refusal(
      TRAIN('steady', ", standardize => 'load', clip => 0, optimizer => 'sgd'", peaks).replace('1e-2', '10'),
    );
    expect(error.sqlstate).toBe('CW002');
    for (const silo of ['berlin', 'oslo', 'paris']) {
      expect(error.detail).toMatch(
        new RegExp(
          `${silo}: (the training loss|weights).* step \\d+ of round 1.*column "peak" ranges from [\\d.]+ to 1\\.00000e\\+30`,
        ),
      );
    }
    expect(federation.engine.catalog.models.get('steady')).toMatchObject({ version: 1 });
    expect((await sql(`SELECT * FROM ml.forecast('steady')`)).length).toBeGreaterThan(0);
  });

  test('a constant feature is left out with a notice', async () => {
    const notices: Notice[] = [];
    await sql(TRAIN('constant', '', 'SELECT ts, meter, load, 1.5::float8 AS c FROM readings'), notices);
    expect(notices.map(({ message }) => message).join('\n')).toContain('"c"');
  });

  test('damaged weights are told apart from good ones, and other versions still work', async () => {
    await sql(TRAIN('damaged'));
    const { models } = federation.engine.catalog;
    const file = join(federation.directory, 'catalog', 'models', models.get('damaged')!.weightsFile);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, bytes.length - 4));
    expect(await refusal(`SELECT * FROM ml.forecast('damaged')`)).toMatchObject({ sqlstate: 'XX001' });
  });

  test('when a version cannot be saved the old one stays active', async () => {
    await sql(TRAIN('kept'));
    const { models } = federation.engine.catalog;
    const folder = join(federation.directory, 'catalog', 'models');
    // Root may write anywhere: a file in the folder's place stops everybody.
    renameSync(folder, `${folder}.away`);
    writeFileSync(folder, '');
    const error = await refusal(TRAIN('kept', ', seed => 11'));
    rmSync(folder);
    renameSync(`${folder}.away`, folder);
    expect(error).toMatchObject({ sqlstate: '58030', hint: expect.stringContaining('stays active') });
    expect(models.get('kept')?.version).toBe(1);
    expect((await sql(`SELECT * FROM ml.forecast('kept')`)).length).toBeGreaterThan(0);
  });

  test('a cancelled TRAIN ends as cancelled, and its connections are closed', async () => {
    const controller = new AbortController();
    const running = run(federation.session, TRAIN('cancelled').replace('rounds => 2', 'rounds => 100000'), {
      signal: controller.signal,
      onNotice: () => controller.abort(),
    });
    await expect(running).rejects.toMatchObject({ sqlstate: '57014' });
    expect(federation.engine.catalog.jobs.list().at(-1)).toMatchObject({ model: 'cancelled', state: 'cancelled' });
    expect(federation.engine.catalog.models.get('cancelled')).toBeUndefined();
    // What had crossed the borders by then is on record all the same.
    const [sent] = await sql(
      `SELECT min(bytes) FROM causeway.egress WHERE kind = 'updates' AND statement LIKE '%MODEL cancelled %'`,
    );
    expect(Number(sent?.[0])).toBeGreaterThan(0);
  });
});
