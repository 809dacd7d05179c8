import { describe, expect, test } from 'vitest';
import { CausewayError } from '../../plan/errors.ts';
import { parseStatement } from './parse.ts';
import type { TrainModel } from './statement.ts';

function refusal(text: string): CausewayError {
  try {
    parseStatement(text);
  } catch (thrown) {
    if (thrown instanceof CausewayError) return thrown;
    throw thrown;
  }
  throw new Error(`not refused: ${text}`);
}

test.each([
  ['DELETE FROM a.t', 'DELETE is not supported', /INSERT INTO silo\.table/],
  ['update a.t set x = 1', 'UPDATE is not supported', /INSERT INTO silo\.table/],
  ['BEGIN', 'BEGIN is not supported', /stands alone/],
  ['DROP TABLE a.t', 'DROP TABLE is not supported', /owner/],
  ['CREATE INDEX i ON a.t (x)', 'CREATE INDEX is not supported', /owner/],
  ['ALTER TABLE a.t ADD x int', 'ALTER TABLE is not supported', /owner/],
])('%s is refused by its name, with what is done instead', (text, message, hint) => {
  expect(refusal(text)).toMatchObject({ sqlstate: '0A000', message, hint: expect.stringMatching(hint) });
});

describe('parseStatement', () => {
  test('CREATE SILO with options in both spellings', () => {
    expect(
      parseStatement(`CREATE SILO Berlin USING postgres OPTIONS (url 'postgres://x/y', schema => 'public')`),
    ).toMatchObject({
      kind: 'create-silo',
      ifNotExists: false,
      name: { value: 'berlin', offset: 12 },
      connector: { value: 'postgres' },
      options: [
        { name: { value: 'url' }, value: { value: 'postgres://x/y' } },
        { name: { value: 'schema' }, value: { value: 'public' } },
      ],
    });
  });

  test('CREATE FEDERATED TABLE', () => {
    expect(parseStatement('create federated table readings as a.x, b."Y y", c.z')).toMatchObject({
      kind: 'create-federated-table',
      name: { value: 'readings' },
      members: [
        { silo: { value: 'a' }, table: { value: 'x' } },
        { silo: { value: 'b' }, table: { value: 'Y y' } },
        { silo: { value: 'c' }, table: { value: 'z' } },
      ],
    });
  });

  test('TRAIN with every clause', () => {
    const text = `TRAIN OR REPLACE MODEL load24 PREDICT mw
      FORECAST BY ts PER meter_id WINDOW 48 HORIZON 24
      USING lstm (hidden => 64, optimizer => 'adam', learning_rate => 1e-3, clip => -1)
      FEDERATE fedavg (rounds => 20, weight_by => 'windows')
      PRIVACY (secure => true, epsilon => 4)
      SPLIT (validate => 0.1, test => 0.1)
      AS SELECT ts, meter_id, mw FROM readings WHERE ts >= '2025-01-01'`;
    const statement = parseStatement(text) as TrainModel;
    expect(statement).toMatchObject({
      kind: 'train-model',
      orReplace: true,
      name: { value: 'load24' },
      targets: [{ value: 'mw' }],
      order: { value: 'ts' },
      entity: { value: 'meter_id' },
      window: { value: 48 },
      horizon: { value: 24 },
      algorithm: { value: 'lstm' },
      strategy: { value: 'fedavg' },
      split: { kind: 'fractions' },
      text,
    });
    expect(statement.options.map(({ name, value }) => [name.value, value.value])).toEqual([
      ['hidden', 64],
      ['optimizer', 'adam'],
      ['learning_rate', 1e-3],
      ['clip', -1],
    ]);
    expect(statement.privacy?.[0]?.value.value).toBe(true);
    expect(statement.query.text).toBe("SELECT ts, meter_id, mw FROM readings WHERE ts >= '2025-01-01'");
    expect(text.slice(statement.query.offset)).toBe(statement.query.text);
  });

  test('CREATE MODEL … OPTIONS is another spelling of TRAIN', () => {
    expect(
      parseStatement(
        `CREATE OR REPLACE MODEL m OPTIONS (model_type = 'lstm', input_label_cols = ['y'], time_series_timestamp_col = 't', hidden = 8) AS SELECT t, y FROM x`,
      ),
    ).toMatchObject({
      kind: 'train-model',
      orReplace: true,
      algorithm: { value: 'lstm' },
      targets: [{ value: 'y' }],
      order: { value: 't' },
      options: [{ name: { value: 'hidden' } }],
    });
  });

  test.each([
    ['show silos', { kind: 'show', what: 'silos' }],
    ['SHOW causeway.memory_limit', { kind: 'show', what: 'setting', name: 'causeway.memory_limit' }],
    ['describe model m', { kind: 'describe', object: 'model' }],
    ['drop federated table if exists t', { kind: 'drop', object: 'federated-table', ifExists: true }],
    ['drop model m', { kind: 'drop', object: 'model', ifExists: false }],
    ["set causeway.pushdown = 'off'", { kind: 'set', name: { value: 'causeway.pushdown' }, value: 'off' }],
    ['set search_path to a, b', { kind: 'set', value: 'a, b' }],
    ['reset all', { kind: 'set', name: { value: 'all' } }],
    ['explain (analyze, format json) select 1', { kind: 'explain', analyze: true, format: 'json' }],
    ['explain train model m predict y as select 1', { kind: 'explain', statement: { kind: 'train-model' } }],
    ['cancel job 17', { kind: 'cancel-job', job: { value: 17 } }],
    ['train model m predict y async as select 1', { kind: 'train-model', async: true }],
    ['resume train m', { kind: 'resume-train', name: { value: 'm' } }],
    ['alter model m activate version 3', { kind: 'alter-model', activate: { value: 3 } }],
    ['(select 1) union select 2', { kind: 'query' }],
    ['with a as (select 1) select * from a', { kind: 'query' }],
    ["export model m to 'm.onnx'", { kind: 'export-model', path: { value: 'm.onnx' } }],
    ["import or replace model m from 'm.safetensors'", { kind: 'import-model', orReplace: true }],
    ['create table s.t as select 1', { kind: 'create-table-as', ifNotExists: false, table: { value: 't' } }],
    ['insert into s.t select 1', { kind: 'insert', silo: { value: 's' } }],
    ['insert into s.t (a, "B") values (1, 2)', { kind: 'insert', columns: [{ value: 'a' }, { value: 'B' }] }],
    ['insert into s.t (select 1)', { kind: 'insert', query: { text: '(select 1)' } }],
    ['create view v as select 1', { kind: 'create-view', orReplace: false }],
  ])('%s', (text, expected) => {
    expect(parseStatement(text)).toMatchObject(expected);
  });

  test('a refusal names the place and the nearest word', () => {
    const error = refusal('CREATE SILO a\n  USNG postgres');
    expect(error).toMatchObject({ sqlstate: '42601', position: { line: 2, column: 3, offset: 16 } });
    expect(error.message).toContain('USNG');
    expect(error.hint).toBe('Did you mean USING?');
  });

  test.each([
    ['TRIAN MODEL m', 'Did you mean TRAIN?'],
    ['train modle m', 'Did you mean MODEL?'],
    ['train model m predict y forecst by t', 'Did you mean FORECAST?'],
    ['drop sillo x', 'Did you mean SILO?'],
    ['explain (formt json) select 1', 'Did you mean FORMAT?'],
  ])('%s → %s', (text, hint) => {
    expect(refusal(text).hint).toBe(hint);
  });

  test.each([
    'train model m as select 1',
    'train model m predict y predict z as select 1',
    'train model m predict y',
    'create silo a using b options (x)',
    'create silo a using b options (x 1',
    'drop model m m',
    'explain drop model m',
    'create federated table t as a',
  ])('refused with a position: %s', (text) => {
    expect(refusal(text)).toMatchObject({ sqlstate: '42601', position: { line: 1 } });
  });
});
