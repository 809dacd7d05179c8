import { describe, expect, test } from 'vitest';
import { parseStatement } from './parse.ts';

const policy = (rest: string): string => `CREATE POLICY p ON berlin.people ALLOW ${rest}`;

describe('CREATE POLICY', () => {
  test('rows, with a condition and a role', () => {
    const text = policy(
      `ROWS (id, "City") TO mediator WHERE city IN ('x', (SELECT 'for role')) AND NOT vip FOR ROLE analyst`,
    );
    expect(parseStatement(text)).toMatchObject({
      kind: 'create-policy',
      name: { value: 'p' },
      silo: { value: 'berlin' },
      table: { value: 'people' },
      allow: { kind: 'rows', columns: ['id', 'City'] },
      to: { kind: 'mediator' },
      where: { value: `city IN ('x', (SELECT 'for role')) AND NOT vip` },
      role: { value: 'analyst' },
    });
  });

  test('aggregates, updates, nothing', () => {
    expect(parseStatement(policy('AGGREGATES (min_group => 5) TO ANY'))).toMatchObject({
      allow: { kind: 'aggregates', minGroup: 5 },
      to: { kind: 'any' },
    });
    expect(parseStatement(policy('UPDATES (secure => true, max_epsilon => 4) TO mediator'))).toMatchObject({
      allow: { kind: 'updates', secure: true, maxEpsilon: 4 },
    });
    expect(parseStatement(policy('UPDATES TO mediator'))).toMatchObject({ allow: { kind: 'updates', secure: false } });
    expect(parseStatement(policy('NOTHING TO silo paris'))).toMatchObject({
      allow: { kind: 'nothing' },
      to: { kind: 'silo', silo: 'paris' },
    });
  });

  test.each([
    ['ROWS () TO mediator', /a column/],
    ['AGGREGATES (min_grup => 5) TO mediator', /unknown policy option "min_grup"/],
    ['AGGREGATES (min_group => 0) TO mediator', /min_group, a whole number from 1/],
    ['UPDATES (secure => 3) TO mediator', /true or false/],
    ['UPDATES (max_epsilon => -1) TO mediator', /above 0/],
    ['ROWS (a) TO nobody', /MEDIATOR, SILO, ANY/],
    ['ROWS (a) TO mediator WHERE', /a condition/],
  ])('refuses %s', (rest, message) => {
    expect(() => parseStatement(policy(rest))).toThrow(message);
  });

  test('what a role sees', () => {
    const about = (rest: string) => parseStatement(`CREATE POLICY p ON berlin.people ${rest} FOR ROLE analyst`);
    expect(about(`FILTER WHERE city = 'for role' AND (SELECT 1) > 0`)).toMatchObject({
      kind: 'create-restriction',
      table: { value: 'people' },
      rule: { kind: 'filter', where: `city = 'for role' AND (SELECT 1) > 0` },
      role: { value: 'analyst' },
    });
    expect(about('MASK "E-Mail" WITH left("E-Mail", 2)')).toMatchObject({
      rule: { kind: 'mask', column: 'E-Mail', expression: 'left("E-Mail", 2)' },
    });
    expect(about('HIDE (a, b)')).toMatchObject({ rule: { kind: 'hide', columns: ['a', 'b'] } });
    expect(() => parseStatement('CREATE POLICY p ON berlin.people HIDE (a)')).toThrow(/FOR/);
  });

  test('DROP POLICY, ANALYZE, CALIBRATE', () => {
    expect(parseStatement('DROP POLICY IF EXISTS p')).toMatchObject({ kind: 'drop', object: 'policy', ifExists: true });
    expect(parseStatement('ANALYZE berlin.people')).toMatchObject({ kind: 'analyze', table: { value: 'people' } });
    expect(parseStatement('CALIBRATE ALL')).toEqual({ kind: 'calibrate' });
    expect(parseStatement('CALIBRATE SILO berlin')).toMatchObject({ silo: { value: 'berlin' } });
  });
});
