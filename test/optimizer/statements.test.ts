/** Policies, statistics and speeds through statements, over three real silos. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { CausewayError } from '../../src/plan/errors.ts';
import { type Federation, openFederation, run } from '../support/federation.ts';

let federation: Federation;

beforeAll(async () => {
  federation = await openFederation(inject('postgres'));
});
afterAll(() => federation?.[Symbol.asyncDispose]());

const query = (text: string, notices: string[] = []) =>
  run(federation.session, text, { onNotice: ({ message }) => notices.push(message) });

async function refusal(text: string): Promise<CausewayError> {
  const thrown = await query(text).catch((error: unknown) => error);
  if (thrown instanceof CausewayError) return thrown;
  throw new Error(`not refused: ${text}`);
}

describe('ANALYZE and CALIBRATE', () => {
  it('answer what a silo knows', async () => {
    const rows = await query('ANALYZE berlin.readings');
    expect(rows.map(([column]) => column)).toEqual(['ts', 'meter', 'load']);
    expect((await refusal('ANALYZE berlin.reedings')).message).toContain('no table');
  });

  it('measure a silo, and keep the result over a restart', async () => {
    const probes = await query('CALIBRATE SILO paris');
    expect(probes.map(([, probe]) => probe)).toContain('count');
    expect(federation.engine.planner.model.observations('paris')).toBeGreaterThan(3);
    const measured = federation.engine.planner.model.profile('paris');
    await federation.restart();
    expect(federation.engine.planner.model.profile('paris')).toEqual(measured);
  });

  it('prices are set by statement, kept over a restart and a calibration, and shown with the speeds', async () => {
    await query('ALTER SILO paris SET (price_per_gb => 90, price_per_hour => 3.6)');
    await federation.restart();
    await query('CALIBRATE SILO paris');
    const [site] = await query(
      `SELECT price_per_gb, price_per_hour, observed > 3, mb_per_second > 0 FROM causeway.sites WHERE site = 'paris'`,
    );
    expect(site).toEqual(['90', '3.6', 't', 't']);
    await query(`SET causeway.optimize_for = 'money'`);
    const join = 'SELECT count(*) FROM berlin.readings b JOIN paris.readings p USING (ts, meter)';
    expect((await query(`EXPLAIN ${join}`)).join('\n')).toMatch(/· price [\d.e-]+ · optimized\s+for\s+money/);
    await query('RESET causeway.optimize_for; ALTER SILO paris SET (price_per_gb => 0, price_per_hour => 0)');
    expect((await refusal('ALTER SILO paris SET (price_per_bg => 1)')).hint).toMatch(/price_per_gb/);
    expect((await refusal('ALTER SILO paris SET (price_per_gb => -1)')).sqlstate).toBe('22023');
    expect((await refusal('ALTER SILO parsi SET (price_per_gb => 1)')).hint).toMatch(/paris/);
  });

  it('every executed fragment teaches', async () => {
    const before = federation.engine.planner.model.observations('berlin');
    await query('SELECT count(*) FROM berlin.readings');
    expect(federation.engine.planner.model.observations('berlin')).toBe(before + 1);
  });
});

describe('policies', () => {
  it('close a silo, open columns, and say what would be legal', async () => {
    await query('CREATE POLICY open_columns ON berlin.readings ALLOW ROWS (ts, meter) TO mediator');
    expect(await query('SELECT count(*) FROM (SELECT ts, meter FROM berlin.readings) AS r')).toEqual([['400']]);
    const error = await refusal('SELECT meter, load FROM berlin.readings');
    expect(error.sqlstate).toBe('CW001');
    expect(error.message).toBe('policy "open_columns" does not let berlin.readings.load leave for the mediator');
    expect(error.hint).toMatch(/^Leave out load/);
    expect((await refusal('SELECT meter FROM berlin.readings WHERE load > 60')).sqlstate).toBe('CW001');
    expect((await refusal('SELECT * FROM readings')).sqlstate).toBe('CW001');
    expect(await query('SELECT count(*) FROM paris.readings')).toEqual([['400']]);
  });

  it('let aggregates of large enough groups leave, over a federated table too', async () => {
    await query('CREATE POLICY sums ON berlin.readings ALLOW AGGREGATES (min_group => 150) TO mediator');
    const notices: string[] = [];
    expect(
      await query(
        'SELECT meter, count(*) AS n FROM berlin.readings WHERE load > 0 GROUP BY meter ORDER BY meter',
        notices,
      ),
    ).toEqual([
      ['1', '200'],
      ['2', '200'],
    ]);
    expect(notices).toContain('berlin.readings: groups of fewer than 150 rows are withheld (policy sums)');
    expect(
      await query(`SELECT meter, sum(load) FROM berlin.readings WHERE ts < '2024-01-02' GROUP BY meter`),
      'groups of 24 rows',
    ).toEqual([]);
    expect((await refusal('SELECT max(load) FROM berlin.readings')).hint).toContain('max reveals single values');
  });

  it('stand in a table', async () => {
    expect(await query(`SELECT name, allows, "to" FROM causeway.policies ORDER BY name`)).toEqual([
      ['open_columns', 'ROWS (ts, meter)', 'mediator'],
      ['sums', 'AGGREGATES (min_group => 150)', 'mediator'],
    ]);
  });

  it('may be for one role', async () => {
    await query(
      'CREATE POLICY for_analysts ON berlin.readings ALLOW ROWS (ts, meter, load) TO mediator FOR ROLE analyst',
    );
    expect((await refusal('SELECT load FROM berlin.readings')).sqlstate).toBe('CW001');
    await using session = federation.engine.openSession('analyst');
    expect(await run(session, 'SELECT load FROM berlin.readings')).toHaveLength(400);
    await query('DROP POLICY for_analysts');
  });

  it('cut rows to a WHERE', async () => {
    await query(`CREATE POLICY first_meter ON berlin.readings ALLOW ROWS (ts, load) TO mediator WHERE meter = 1`);
    expect(await query('SELECT load FROM berlin.readings')).toHaveLength(200);
    expect(await query('SELECT count(load) FROM berlin.readings'), 'aggregates of all rows are allowed').toEqual([
      ['400'],
    ]);
  });

  it('are checked when they are made', async () => {
    expect((await refusal('CREATE POLICY p ON berlin.readings ALLOW ROWS (lode) TO mediator')).hint).toBe(
      'Did you mean "load"?',
    );
    expect((await refusal('CREATE POLICY p ON berlin.reading ALLOW NOTHING TO ANY')).sqlstate).toBe('42P01');
    expect((await refusal('CREATE POLICY p ON berlin.readings ALLOW NOTHING TO mediator')).message).toMatch(
      /contradicts/,
    );
    expect((await refusal('CREATE POLICY p ON berlin.readings ALLOW ROWS (ts) TO silo pariss')).hint).toMatch(/paris/);
    expect((await refusal('CREATE POLICY p ON berlin.readings ALLOW ROWS (ts) TO ANY WHERE lode > 1')).sqlstate).toBe(
      '42703',
    );
    expect((await refusal('DROP POLICY first_metre')).hint).toBe('Did you mean "first_meter"?');
    expect((await refusal('DROP SILO berlin')).sqlstate).toBe('55006');
  });

  it('do not let TRAIN take updates that none allows, nor predictions carry rows out', async () => {
    const train =
      'TRAIN MODEL m PREDICT load FORECAST BY ts PER meter WINDOW 8 HORIZON 1 USING lstm (hidden => 2) AS SELECT ts, meter, load FROM readings';
    expect((await refusal(train)).message).toMatch('no policy of berlin lets model updates from berlin.readings leave');
  });

  it('are gone when dropped', async () => {
    await query('DROP POLICY open_columns; DROP POLICY sums; DROP POLICY first_meter');
    expect(await query('SELECT count(*) FROM readings WHERE load > 0')).toEqual([['1200']]);
  });
});
