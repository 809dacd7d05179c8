/** EXPLAIN as a statement, over three real silos. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { ExplainedTraining } from '../../optimizer/explain/training.ts';
import { type Federation, openFederation, run } from '../support/federation.ts';

let federation: Federation;

beforeAll(async () => {
  federation = await openFederation(inject('postgres'));
});
afterAll(() => federation?.[Symbol.asyncDispose]());

const lines = async (text: string): Promise<string[]> => (await run(federation.session, text)).map(([line]) => line!);

const SELECT = 'SELECT b.ts, p.load FROM berlin.readings b JOIN paris.readings p USING (ts, meter) WHERE b.load > 60';

describe('EXPLAIN', () => {
  it('says what would run where', async () => {
    const text = await lines(`EXPLAIN ${SELECT}`);
    expect(text[0]).toMatch(/^Result at mediator .* rows · /);
    expect(text.join('\n')).toMatch(/Rows of berlin \(\d\)/);
    expect(text.join('\n')).toContain('whole tables to the mediator');
    expect(text.join('\n')).toMatch(/^Planning .* ms: statistics/m);
    for (const line of text) expect(line.length).toBeLessThanOrEqual(100);
  });

  it('ANALYZE runs it, and counts', async () => {
    const text = (await lines(`EXPLAIN (ANALYZE) ${SELECT}`)).join('\n');
    const [[count]] = (await run(federation.session, `SELECT count(*) FROM (${SELECT}) AS q`)) as [[string]];
    expect(text).toMatch(new RegExp(`actual ${count} rows`));
    expect(text).toMatch(/Actual .* over borders/);
  });

  it('as JSON and as dot', async () => {
    const json = JSON.parse((await lines(`EXPLAIN (FORMAT json, ANALYZE) ${SELECT}`)).join('\n')) as {
      fragments: { site: string; actual?: { rows: number } }[];
    };
    expect(json.fragments.map(({ site }) => site).sort()).toEqual(['berlin', 'mediator', 'paris']);
    expect(json.fragments.find(({ site }) => site === 'berlin')!.actual!.rows).toBeGreaterThan(0);
    expect((await lines(`EXPLAIN (FORMAT dot) ${SELECT}`)).join('\n')).toMatch(/^digraph plan \{[\s\S]*\}$/);
  });

  const train =
    'TRAIN MODEL m PREDICT load FORECAST BY ts PER meter WINDOW 24 HORIZON 1 USING lstm (hidden => 8) AS SELECT ts, meter, load FROM readings';

  it('of TRAIN prices every silo, and says why rows stay', async () => {
    const text = (await lines(`EXPLAIN ${train}`)).join('\n');
    expect(text).toMatch(/Train in paris, by its worker in this process .* of updates out\n {2}400 rows, 272 windows/);
    expect(text).toMatch(/rejected: rows to the mediator · .* of rows out · no policy of paris says/);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    await run(federation.session, 'CREATE POLICY train_only ON paris.readings ALLOW UPDATES TO mediator');
    expect((await lines(`EXPLAIN ${train}`)).join('\n')).toMatch(/policies of paris keep ts, meter,\s+load in/);
    await run(federation.session, 'DROP POLICY train_only');
  });

  it('of TRAIN says from a short run on a sample how many rounds are enough, in the time it is given', async () => {
    await run(federation.session, "SET causeway.speculation = '20000ms'");
    const json = JSON.parse((await lines(`EXPLAIN (FORMAT json) ${train}`)).join('\n')) as ExplainedTraining;
    expect(json.speculation).toMatchObject({ silo: expect.any(String), enough: expect.any(Number) });
    expect((await lines(`EXPLAIN ${train}`)).join('\n')).toMatch(/^Rounds {4}.* for a loss within 5 % of its limit/m);
    await run(federation.session, "SET causeway.speculation = '1ms'");
    expect((await lines(`EXPLAIN ${train}`)).join('\n')).toMatch(/^Rounds {4}not estimated: .* within\s+1 ms/m);
    await run(federation.session, "SET causeway.speculation = 'off'");
    expect((await lines(`EXPLAIN ${train}`)).join('\n')).not.toMatch(/^Rounds/m);
    await run(federation.session, 'RESET causeway.speculation');
    const secret = train.replace('AS SELECT', 'PRIVACY (secure => true) AS SELECT');
    expect((await lines(`EXPLAIN ${secret}`)).join('\n')).toMatch(/^Rounds {4}not estimated: PRIVACY/m);
  });

  it('of TRAIN brings rows where only rows may leave, and ANALYZE trains', async () => {
    await run(federation.session, 'CREATE POLICY open ON berlin.readings ALLOW ROWS (ts, meter, load) TO mediator');
    const short = train.replace('AS SELECT', 'FEDERATE fedavg (rounds => 2) AS SELECT');
    const text = (await lines(`EXPLAIN (ANALYZE) ${short}`)).join('\n');
    expect(text).toMatch(/Train at the mediator on rows of berlin/);
    expect(text).toMatch(/actual .* of rows out · 400 rows/);
    expect(text).toMatch(/^Actual .* \(2 rounds\)/m);
    expect(federation.engine.catalog.models.get('m')?.version).toBe(1);
    const sent = await run(
      federation.session,
      "SELECT kind, bytes > 0 FROM causeway.egress WHERE silo = 'berlin' AND statement LIKE '%TRAIN%' ORDER BY kind",
    );
    expect(sent).toEqual([['rows', 't']]);
    const json = JSON.parse((await lines(`EXPLAIN (FORMAT json) ${train}`)).join('\n')) as ExplainedTraining;
    expect(json.silos.map(({ silo, site }) => `${silo} ${site}`)).toEqual([
      'berlin mediator',
      'oslo worker',
      'paris worker',
    ]);
    expect((await lines(`EXPLAIN (FORMAT dot) ${train}`)).join('\n')).toMatch(/^digraph train \{[\s\S]*\}$/);
    await run(federation.session, 'DROP POLICY open; DROP MODEL m');
  });

  it('of TRAIN chooses terms by cost where it is told to, and the job has them in its text', async () => {
    const chosen = train.replace(
      'AS SELECT',
      "FEDERATE fedavg (rounds => 10, choose => 'cost', weight_by => 'rows') AS SELECT",
    );
    const notices: string[] = [];
    const told = (text: string) => run(federation.session, text, { onNotice: ({ message }) => notices.push(message) });
    await told("SET causeway.optimize_for = 'egress'");
    const text = (await told(`EXPLAIN ${chosen}`)).flat().join('\n');
    expect(notices).toContain('chosen by cost: 2 rounds of 5 epochs, updates of 8 bits');
    expect(text).toMatch(/fedavg, 2 rounds of 5 epochs/);
    await told(chosen);
    const [[query]] = (await told('SELECT query FROM causeway.jobs ORDER BY id DESC LIMIT 1')) as [[string]];
    expect(query).toContain(
      "FEDERATE fedavg (rounds => 2, local_epochs => 5, compress => 'int8', weight_by => 'rows')",
    );
    const stored = federation.engine.catalog.models.get('m')!;
    expect(stored.metrics.rounds).toHaveLength(2);
    expect(stored.signature.local.epochs).toBe(5);
    // What is said is not chosen.
    notices.length = 0;
    const said = train.replace('hidden => 8', 'hidden => 8, epochs => 1').replace('MODEL m', 'MODEL m2');
    await told(
      `EXPLAIN ${said.replace('AS SELECT', "FEDERATE fedavg (choose => 'cost', compress => 'none') AS SELECT")}`,
    );
    expect(notices).toContain('chosen by cost: what was asked for: nothing else saves a tenth');
    const secret = chosen.replace('AS SELECT', 'PRIVACY (secure => true) AS SELECT');
    await expect(told(`EXPLAIN ${secret}`)).rejects.toMatchObject({ sqlstate: '0A000' });
    await told('RESET causeway.optimize_for; DROP MODEL m');
  });
});
