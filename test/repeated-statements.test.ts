/** Statements that come again run by the plan of the last time: with the same answers, and never past a change. */
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { Engine } from '../src/engine/engine.ts';
import { type Federation, openFederation, run } from './support/federation.ts';

const LOOKUP = 'SELECT meter, load FROM berlin.readings WHERE ts = $1 AND meter = $2';
const FIRST = '2024-01-01 00:00:00';

let federation: Federation;

beforeAll(async () => {
  federation = await openFederation(inject('postgres'), 48);
});
afterAll(() => federation?.[Symbol.asyncDispose]());

const again = (times: number, text: string, parameters?: readonly (string | null)[]): Promise<(string | null)[][]> =>
  Array.from({ length: times }).reduce<Promise<(string | null)[][]>>(
    (before) => before.then(() => run(federation.session, text, parameters === undefined ? {} : { parameters })),
    Promise.resolve([]),
  );

/** Bound and planned statements so far: one that runs by a kept plan adds none. */
function plannings(): () => number {
  const { planner } = federation.engine;
  const plan = planner.plan.bind(planner);
  let count = 0;
  planner.plan = (request) => {
    count++;
    return plan(request);
  };
  return () => count;
}

describe('a lookup with parameters', () => {
  it('is planned no more, and answers for each value', async () => {
    await again(3, LOOKUP, [FIRST, '1']);
    const planned = plannings();
    for (const hour of [0, 7, 23]) {
      const ts = `2024-01-01 ${String(hour).padStart(2, '0')}:00:00`;
      const fresh = await run(
        federation.session,
        `SELECT meter, load FROM berlin.readings WHERE ts = '${ts}' AND meter = 2`,
      );
      const before = planned();
      expect(await run(federation.session, LOOKUP, { parameters: [ts, '2'] })).toEqual(fresh);
      expect(planned()).toBe(before);
    }
  });

  it('knows NULL, wrong text and missing values as at its first run', async () => {
    await again(3, LOOKUP, [FIRST, '1']);
    expect(await run(federation.session, LOOKUP, { parameters: [FIRST, null] })).toEqual([]);
    const wrong = run(federation.session, LOOKUP, { parameters: [FIRST, 'one'] });
    await expect(wrong).rejects.toMatchObject({ sqlstate: '22P02' });
    await expect(run(federation.session, LOOKUP, { parameters: [FIRST] })).rejects.toMatchObject({ sqlstate: '42P02' });
    expect(await run(federation.session, LOOKUP, { parameters: [FIRST, ' +2'] })).toHaveLength(1);
  });

  it('gives each of many sessions its own rows', async () => {
    const text = 'SELECT meter FROM berlin.readings WHERE meter = $1 AND ts = $2';
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const session = federation.engine.openSession();
        const meter = String(1 + (i % 2));
        const rows: unknown[] = [];
        for (let repeat = 0; repeat < 5; repeat++) {
          rows.push(...(await run(session, text, { parameters: [meter, FIRST] })));
        }
        await session[Symbol.asyncDispose]();
        return rows.every((row) => JSON.stringify(row) === JSON.stringify([meter])) ? rows.length : -1;
      }),
    );
    expect(new Set(answers)).toEqual(new Set([5]));
  });

  it('over several silos is seldom planned anew, and filled with its values', async () => {
    const text = `SELECT b.meter, count(*) FROM berlin.readings b JOIN paris.readings p USING (ts, meter)
      WHERE b.meter = $1 AND p.load > $2 GROUP BY 1`;
    expect(await again(4, text, ['1', '-1'])).toEqual([['1', '48']]);
    const planned = plannings();
    expect(await again(2, text, ['2', '-1'])).toEqual([['2', '48']]);
    expect(await again(2, text, ['2', null])).toEqual([]);
    expect(await again(2, text, ['9', '-1'])).toEqual([]);
    // Rows that are not as expected have it looked at again: after the first, the second, the fourth time.
    expect(planned()).toBeLessThanOrEqual(2);
    await expect(again(1, text, ['one', '-1'])).rejects.toMatchObject({ sqlstate: '22P02' });
  });

  it('whose values are part of the plan is planned for each', async () => {
    const text =
      'SELECT ts FROM (SELECT ts FROM berlin.readings UNION ALL SELECT ts FROM paris.readings) r ORDER BY ts LIMIT $1';
    expect(await again(4, text, ['3'])).toHaveLength(3);
    expect(await again(2, text, ['5'])).toHaveLength(5);
  });

  it('that reads the clock is planned no more, and sees the time go on', async () => {
    const text =
      'SELECT now()::text, count(*) FROM berlin.readings b JOIN paris.readings p USING (meter) WHERE b.ts < now()';
    const [[before, count] = []] = await again(4, text);
    const planned = plannings();
    const [[after, ...rest] = []] = await again(1, text);
    expect(planned()).toBe(0);
    expect(rest).toEqual([count]);
    expect(after! > before!).toBe(true);
  });
});

describe('a kept plan is forgotten', () => {
  const COUNT = 'SELECT count(*) FROM berlin.readings';
  beforeEach(() => again(3, COUNT));

  it('when another process forbids what it reads', async () => {
    const other = await Engine.open({ directory: federation.engine.catalog.directory });
    const owner = other.openSession();
    await run(owner, 'CREATE POLICY closed ON berlin.readings ALLOW UPDATES TO mediator');
    await expect(run(federation.session, COUNT)).rejects.toMatchObject({ sqlstate: 'CW001' });
    await run(owner, 'DROP POLICY closed');
    await other[Symbol.asyncDispose]();
    expect(await run(federation.session, COUNT)).toEqual([['96']]);
  });

  it('when a privilege is revoked', async () => {
    await run(federation.session, "CREATE USER root PASSWORD 'r' SUPERUSER; CREATE USER ada PASSWORD 'a'");
    await run(federation.session, 'GRANT SELECT ON berlin.readings TO ada');
    const session = federation.engine.openSession('ada');
    for (let i = 0; i < 3; i++) expect(await run(session, COUNT)).toEqual([['96']]);
    await run(federation.session, 'REVOKE SELECT ON berlin.readings FROM ada');
    await expect(run(session, COUNT)).rejects.toMatchObject({ sqlstate: '42501' });
    await session[Symbol.asyncDispose]();
  });

  it('when a view it reads is another one', async () => {
    await run(federation.session, 'CREATE VIEW half AS SELECT * FROM berlin.readings WHERE meter = 1');
    expect(await again(3, 'SELECT count(*) FROM half')).toEqual([['48']]);
    await run(
      federation.session,
      'DROP VIEW half; CREATE VIEW half AS SELECT * FROM berlin.readings WHERE meter > 1 LIMIT 5',
    );
    expect(await again(1, 'SELECT count(*) FROM half')).toEqual([['5']]);
  });

  it('when a setting changes what it means', async () => {
    await run(federation.session, 'SET search_path = berlin');
    expect(await again(3, 'SELECT count(*) FROM readings')).toEqual([['96']]);
    await run(federation.session, 'SET search_path = public');
    expect(await again(3, 'SELECT count(*) FROM readings')).toEqual([['288']]);
    await run(federation.session, 'RESET search_path');
  });

  it('when its table has changed at the silo, after one error', async () => {
    const { Client } = (await import('pg')).default;
    const client = new Client(federation.postgresUrl);
    await client.connect();
    await client.query('CREATE TABLE moving (id int, a int); INSERT INTO moving VALUES (1, 2)');
    await run(federation.session, 'ANALYZE berlin.moving').catch(() => undefined);
    federation.engine.silos.forgetTables('berlin');
    expect(await again(3, 'SELECT a FROM berlin.moving WHERE id = $1', ['1'])).toEqual([['2']]);
    await client.query('ALTER TABLE moving ALTER a TYPE text');
    expect(await again(1, 'SELECT a FROM berlin.moving WHERE id = $1', ['1'])).toEqual([['2']]);
    await client.query('ALTER TABLE moving RENAME a TO b');
    await expect(again(1, 'SELECT a FROM berlin.moving WHERE id = $1', ['1'])).rejects.toMatchObject({
      sqlstate: '42703',
      silo: 'berlin',
    });
    await client.query('ALTER TABLE moving RENAME b TO a');
    expect(await again(1, 'SELECT a FROM berlin.moving WHERE id = $1', ['1'])).toEqual([['2']]);
    await client.end();
  });
});
