import { describe, expect, it } from 'vitest';
import { CausewayError } from '../../src/plan/errors.ts';
import { node, type RelationalNode } from '../../src/plan/nodes.ts';
import type { Policy } from '../../src/plan/policy.ts';
import { printPlan } from '../../src/plan/print.ts';
import type { PrivacySpec } from '../../src/plan/training.ts';
import {
  aggregate,
  aggregateCall,
  bigint,
  boolean,
  count,
  filter,
  integer,
  join,
  literal,
  of,
  project,
  table,
  test,
  text,
} from '../../test/support/plans.ts';
import { type BoundPolicy, PolicyBook, validatePolicy } from './book.ts';
import { assertLawful, leaksOf } from './check.ts';
import { constrain } from './constrain.ts';
import { requireTrainingAllowed, trainingLegality } from './training.ts';

const people = (...names: string[]) =>
  table('berlin.people', Object.fromEntries(names.map((name) => [name, name === 'city' ? text : integer])));
const policy = (name: string, allow: Policy['allow'], more: Partial<BoundPolicy> = {}): BoundPolicy => ({
  name,
  silo: 'berlin',
  table: 'people',
  allow,
  to: { kind: 'mediator' },
  ...more,
});
const rows = policy('public_columns', { kind: 'rows', columns: ['id', 'city'] });
const groups = policy('statistics', { kind: 'aggregates', minGroup: 5 });
let id = 1_000_000;
const constrained = (plan: RelationalNode, ...policies: BoundPolicy[]) =>
  constrain(plan, new PolicyBook(policies), () => id++);

function refusal(plan: RelationalNode, ...policies: BoundPolicy[]): CausewayError {
  try {
    constrained(plan, ...policies);
  } catch (error) {
    if (error instanceof CausewayError) return error;
    throw error;
  }
  throw new Error('not refused');
}

const mean = (input: RelationalNode) =>
  aggregate(input, { city: of(input, 'city') }, { mean: aggregateCall('avg', bigint, of(input, 'salary')) });

describe('rows', () => {
  it('may leave with the columns a policy names', () => {
    const plan = people('id', 'city');
    expect(constrained(plan, rows).plan).toBe(plan);
  });

  it('may not leave with others: the error names policy, column, and what would be legal', () => {
    const input = people('id', 'salary');
    const error = refusal(
      project(filter(input, test('>=', of(input, 'salary'), literal(5))), { id: of(input, 'id') }),
      rows,
    );
    expect(error.sqlstate).toBe('CW001');
    expect(error.message).toBe('policy "public_columns" does not let berlin.people.salary leave for the mediator');
    expect(error.hint).toBe('Leave out salary: the statement is legal with id of berlin.people alone.');
    expect(error.silo).toBe('berlin');
  });

  it('of a table without a policy may not leave a silo that has one', () => {
    const error = refusal(table('berlin.orders', { id: integer }), rows);
    expect(error.hint).toMatch('CREATE POLICY … ON berlin.orders ALLOW ROWS (id) TO mediator');
  });

  it('leave freely from silos without policies', () => {
    expect(constrained(table('paris.people', { salary: integer }), rows).notices).toEqual([]);
  });

  it('are cut to the policy’s WHERE inside the silo, without the columns it reads', () => {
    const some = policy(
      'adults',
      { kind: 'rows', columns: ['id'] },
      {
        where: 'age >= 18',
        conditionColumns: ['age'],
        condition: (scan) => {
          const at = scan.sourceColumns.indexOf('age');
          return test('>=', { kind: 'column', id: scan.columns[at]!.id, type: integer }, literal(18));
        },
      },
    );
    const { plan, released, notices } = constrained(people('id'), some);
    expect(printPlan(plan)).toBe('Project id\n  Filter age >= 18\n    Scan berlin.people (id, age)');
    expect(released.get(plan)).toBe('berlin');
    expect(notices).toEqual(['berlin.people: rows outside policy adults (WHERE age >= 18) are left out']);
    expect(leaksOf(plan, 'mediator', new PolicyBook([some]))).toEqual([]);
    const wide = people('id', 'age');
    const unfiltered = project(wide, { id: of(wide, 'id') });
    expect(leaksOf(unfiltered, 'mediator', new PolicyBook([some])), 'the filter is missing').toHaveLength(1);
  });

  it('obey roles and exceptions', () => {
    const forAnalysts = { ...rows, role: 'analyst' };
    expect(() =>
      constrain(people('id'), new PolicyBook([forAnalysts], new Set(['eva', 'analyst'])), () => id++),
    ).not.toThrow();
    expect(() => constrain(people('id'), new PolicyBook([forAnalysts], new Set(['guest'])), () => id++)).toThrow(
      /none lets rows/,
    );
    const any = { ...rows, to: { kind: 'any' } as const };
    const except = policy('not_here', { kind: 'nothing' });
    expect(refusal(people('id'), any, except).message).toMatch(/none lets rows of berlin.people \(id\) leave/);
  });
});

describe('aggregates', () => {
  it('make a statement over forbidden columns legal, small groups withheld', () => {
    const { plan, notices, released } = constrained(mean(people('city', 'salary')), rows, groups);
    expect(printPlan(plan).replace(/#\d+/g, '')).toBe(
      [
        'Project city, mean',
        '  Filter (rows_1 >= 5) and (rows_2 >= 5)',
        '    Aggregate by city: mean := avg(salary), rows_1 := count(*), rows_2 := count(salary)',
        '      Scan berlin.people (city, salary)',
      ].join('\n'),
    );
    expect(notices).toEqual(['berlin.people: groups of fewer than 5 rows are withheld (policy statistics)']);
    expect([...released.values()]).toEqual(['berlin']);
  });

  it.each([
    ['min', 'min reveals single values'],
    ['string_agg', 'string_agg reveals single values'],
  ])('with %s may not leave', (name, reason) => {
    const input = people('city', 'salary');
    const plan = aggregate(input, { city: of(input, 'city') }, { x: aggregateCall(name, bigint, of(input, 'salary')) });
    expect(refusal(plan, groups).hint).toContain(reason);
  });

  it('that pick single rows in disguise may not leave', () => {
    const input = people('id', 'salary');
    const only: ReturnType<typeof literal> = {
      kind: 'case',
      branches: [{ when: test('=', of(input, 'id'), literal(7)), then: of(input, 'salary') }],
      type: integer,
    };
    const direct = aggregate(input, {}, { x: aggregateCall('sum', bigint, only) });
    const hidden = project(input, { one: only });
    const indirect = aggregate(hidden, {}, { x: aggregateCall('sum', bigint, of(hidden, 'one')) });
    const filtered = aggregate(
      input,
      {},
      {
        x: { ...aggregateCall('sum', bigint, of(input, 'salary')), filter: test('=', of(input, 'id'), literal(7)) },
      },
    );
    expect(refusal(direct, groups).hint).toContain('more than one plain column');
    expect(refusal(indirect, groups).hint).toContain('more than one plain column');
    expect(refusal(filtered, groups).hint).toContain('FILTER');
  });

  it('over a join may not leave, for a group could seem larger than it is', () => {
    const input = people('id', 'city', 'salary');
    const other = table('berlin.copies', { n: integer });
    const plan = mean(join('inner', input, other, test('=', of(input, 'id'), of(other, 'n'))));
    expect(refusal(plan, groups, { ...rows, table: 'copies', allow: { kind: 'rows', columns: ['n'] } }).hint).toContain(
      'a join below the aggregate',
    );
  });

  it('over a semi-join may', () => {
    const input = people('id', 'city', 'salary');
    const other = table('berlin.members', { n: integer });
    const members = { ...rows, name: 'members', table: 'members', allow: { kind: 'rows', columns: ['n'] } as const };
    const plan = mean(join('semi', input, other, test('=', of(input, 'id'), of(other, 'n'))));
    expect(() => constrained(plan, groups, members)).not.toThrow();
  });
});

describe('native queries', () => {
  it('are refused in a silo with policies: nothing is known of what they read', () => {
    const native = node({ kind: 'native-query', silo: 'berlin', text: 'SELECT 1', columns: [] });
    expect(refusal(native, rows).message).toMatch(/cannot be checked for native queries/);
    expect(leaksOf(native, 'mediator', new PolicyBook([rows]))).toHaveLength(1);
  });
});

describe('the check at the exchanges', () => {
  const book = new PolicyBook([rows, groups]);
  const leaks = (plan: RelationalNode) => leaksOf(plan, 'mediator', book).flatMap(({ columns }) => columns);

  it('finds what a wrong plan would send', () => {
    const input = people('id', 'city', 'salary');
    expect(leaks(input)).toEqual(['salary']);
    expect(leaks(project(input, { id: of(input, 'id') }))).toEqual([]);
    expect(leaks(filter(project(input, { id: of(input, 'id') }), literal(true, boolean)))).toEqual([]);
    expect(leaks(project(filter(input, test('=', of(input, 'salary'), literal(1))), { id: of(input, 'id') }))).toEqual([
      'salary',
    ]);
    expect(leaks(mean(input))).toEqual(['salary']);
    expect(() => assertLawful(input, 'mediator', book)).toThrow(/berlin.people.salary leave for mediator/);
  });

  it('demands the bound on every count, as high as the policy says', () => {
    const input = people('city', 'salary');
    const counted = aggregate(
      input,
      { city: of(input, 'city') },
      { n: count(), m: count(of(input, 'salary')), s: aggregateCall('sum', bigint, of(input, 'salary')) },
    );
    const bound = (name: string, least: number) => test('>=', of(counted, name), literal(least));
    const both = (least: number) =>
      filter(counted, { kind: 'call', name: 'and', args: [bound('n', least), bound('m', least)], type: boolean });
    expect(leaks(both(5))).toEqual([]);
    expect(leaks(both(4))).toEqual(['salary']);
    expect(leaks(filter(counted, bound('n', 5)))).toEqual(['salary']);
  });

  it('looks through what another fragment sent', () => {
    const source = people('id', 'salary');
    const leaf = node({
      kind: 'memory-table',
      name: 'exchange_1',
      columns: [
        { id: 1, name: 'x', type: integer },
        { id: 2, name: 'y', type: integer },
      ],
    });
    const use = (name: 'x' | 'y') => project(leaf, { k: of(leaf, name) });
    const toParis = (plan: RelationalNode) =>
      leaksOf(plan, 'paris', new PolicyBook([{ ...rows, to: { kind: 'silo', silo: 'paris' } }]), (each) =>
        each === leaf ? source : undefined,
      );
    expect(toParis(use('x'))).toEqual([]);
    expect(toParis(use('y')).flatMap(({ columns }) => columns)).toEqual(['salary']);
  });
});

describe('updates', () => {
  const privacy: PrivacySpec = { secure: true, epsilon: 3, unit: 'entity' };
  const secure = policy('training', { kind: 'updates', secure: true, maxEpsilon: 4 });
  it('need the protection that the policy asks for', () => {
    const book = new PolicyBook([secure]);
    const target = { silo: 'berlin', table: 'people' };
    expect(book.updates(target, privacy)?.name).toBe('training');
    expect(book.updates(target, { ...privacy, secure: false })).toBeUndefined();
    expect(book.updates(target, { ...privacy, epsilon: 5 })).toBeUndefined();
    expect(book.updates(target, undefined)).toBeUndefined();
  });
  it('are what TRAIN needs in every silo', () => {
    const plan = people('id', 'salary');
    const trains =
      (given: PrivacySpec | undefined, ...policies: BoundPolicy[]) =>
      () =>
        requireTrainingAllowed(trainingLegality('berlin', plan, given, new PolicyBook(policies)));
    expect(trains(privacy, secure)).not.toThrow();
    expect(trains(undefined)).not.toThrow();
    expect(trains(undefined, secure)).toThrow(
      'policy "training" lets updates from berlin.people leave only with UPDATES',
    );
    expect(trains(privacy, rows)).toThrow('no policy of berlin lets model updates from berlin.people leave');
  });
  it('do not bring a guarded lookup table to another silo', () => {
    const local = table('paris.t', { id: integer });
    const plan = join('inner', local, people('id'), test('=', of(local, 'id'), of(local, 'id')));
    const trains =
      (...policies: BoundPolicy[]) =>
      () =>
        requireTrainingAllowed(trainingLegality('paris', plan, undefined, new PolicyBook(policies)));
    expect(trains(rows)).toThrow(/training in paris would read rows of berlin.people/);
    expect(trains({ ...rows, to: { kind: 'any' } })).not.toThrow();
  });
  it('stay where rows may leave for training: only a policy says so, about every column, and for every row', () => {
    const legal = (given: PrivacySpec | undefined, ...policies: BoundPolicy[]) =>
      trainingLegality('berlin', people('id', 'city'), given, new PolicyBook(policies));
    expect(legal(undefined)).toEqual({ mediator: expect.stringContaining('no policy of berlin says') });
    expect(legal(undefined, rows).mediator).toBeUndefined();
    expect(legal(undefined, rows).home?.message).toMatch(/no policy of berlin lets model updates/);
    expect(legal(undefined, secure).mediator).toMatch(/keep id, city in/);
    const some: BoundPolicy = {
      ...rows,
      where: 'id > 5',
      condition: (scan) => test('>', of(scan, 'id'), literal(5)),
      conditionColumns: ['id'],
    };
    expect(legal(undefined, some).mediator).toMatch(/keep id, city in/);
    expect(legal(privacy, rows).mediator).toMatch(/PRIVACY \(secure\)/);
    expect(() => requireTrainingAllowed(legal(privacy, rows))).toThrow(/model updates/);
  });
  it('do not let rows leave', () => {
    expect(refusal(people('id'), secure).hint).toMatch(/TRAIN over it/);
  });
});

describe('validatePolicy', () => {
  it('refuses unknown tables and columns, and contradictions', () => {
    expect(() => validatePolicy(rows, undefined, [])).toThrow('there is no table berlin.people');
    expect(() => validatePolicy(rows, ['id', 'citi'], [])).toThrow('berlin.people has no column "city"');
    const nothing = policy('closed', { kind: 'nothing' });
    expect(() => validatePolicy(nothing, ['id'], [rows])).toThrow(/"closed" contradicts policy "public_columns"/);
    expect(() => validatePolicy({ ...nothing, to: { kind: 'silo', silo: 'x' } }, ['id'], [rows])).not.toThrow();
    expect(() => validatePolicy(groups, ['id'], [rows])).not.toThrow();
  });
});
