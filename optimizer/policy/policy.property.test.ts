/**
 * Over random plans and policies: whatever subtree of a constrained plan is sent from its silo, no column that no policy
 * lets leave has any influence on what is sent. That is judged by running the subtrees on data, not by reading the plan:
 * when the values of forbidden columns change, the rows that leave must stay the same; where aggregates may leave, groups
 * may change but none may stand for fewer rows than its policy says.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CausewayError } from '../../src/plan/errors.ts';
import type { ColumnId, Expression } from '../../src/plan/expressions.ts';
import type { RelationalNode, Scan } from '../../src/plan/nodes.ts';
import { inputsOf, nodesOf } from '../../src/plan/traverse.ts';
import {
  aggregate,
  aggregateCall,
  bigint,
  count,
  distinct,
  filter,
  integer,
  join,
  limit,
  literal,
  of,
  project,
  table,
  test,
  unionAll,
} from '../../test/support/plans.ts';
import { type BoundPolicy, minGroupOf, PolicyBook, TO_MEDIATOR } from './book.ts';
import { leaksOf } from './check.ts';
import { type Constrained, constrain, mayLeave } from './constrain.ts';

const COLUMNS = ['a', 'b', 'c'];
const TABLES = ['berlin.t', 'berlin.u', 'paris.t'];

type Value = number | null;
type Row = ReadonlyMap<ColumnId, Value>;
type Data = ReadonlyMap<string, readonly (readonly Value[])[]>;

/** Runs a plan on data; groups carry how many rows they stand for in `sizes`. */
function run(plan: RelationalNode, data: Data): readonly Row[] {
  switch (plan.kind) {
    case 'scan': {
      const rows = data.get(`${plan.silo}.${plan.table}`)!;
      return rows.map(
        (row) => new Map(plan.columns.map(({ id }, i) => [id, row[COLUMNS.indexOf(plan.sourceColumns[i]!)]!])),
      );
    }
    case 'filter':
      return run(plan.input, data).filter((row) => evaluate(plan.predicate, row) === 1);
    case 'project':
      return run(plan.input, data).map(
        (row) => new Map(plan.columns.map(({ id }, i) => [id, evaluate(plan.expressions[i]!, row)])),
      );
    case 'join': {
      const right = run(plan.right, data);
      return run(plan.left, data).flatMap((l) => {
        const matches = right.map((r): Row => new Map([...l, ...r])).filter((row) => evaluate(plan.on!, row) === 1);
        return plan.type === 'semi' ? (matches.length > 0 ? [l] : []) : matches;
      });
    }
    case 'aggregate': {
      const groups = new Map<string, Row[]>();
      for (const row of run(plan.input, data)) {
        const key = JSON.stringify(plan.groups.map((group) => evaluate(group, row)));
        groups.set(key, [...(groups.get(key) ?? []), row]);
      }
      if (plan.groups.length === 0 && groups.size === 0) groups.set('[]', []);
      return [...groups].map(([key, rows]) => {
        const values = [
          ...(JSON.parse(key) as Value[]),
          ...plan.aggregates.map(({ name, args }) => {
            const found = args[0] === undefined ? rows.map(() => 1) : rows.map((row) => evaluate(args[0]!, row));
            const numbers = found.filter((value) => value !== null);
            if (name === 'count') return numbers.length;
            if (numbers.length === 0) return null;
            return name === 'sum' ? numbers.reduce((a, b) => a + b, 0) : Math.max(...numbers);
          }),
        ];
        return new Map(plan.columns.map(({ id }, i) => [id, values[i]!]));
      });
    }
    case 'distinct': {
      const rows = run(plan.input, data);
      return [...new Map(rows.map((row) => [textOf(row, plan), row])).values()];
    }
    case 'limit':
      return run(plan.input, data).slice(0, Number((plan.count as { value: number }).value));
    case 'set-operation':
      return plan.inputs.flatMap((input) =>
        run(input, data).map((row) => new Map(plan.columns.map(({ id }, i) => [id, row.get(input.columns[i]!.id)!]))),
      );
    default:
      throw new Error(plan.kind);
  }
}

function evaluate(expression: Expression, row: Row): Value {
  if (expression.kind === 'column') {
    const value = row.get(expression.id);
    if (value === undefined) throw new Error(`no column ${expression.id}`);
    return value;
  }
  if (expression.kind === 'literal') return expression.value === null ? null : Number(expression.value);
  if (expression.kind !== 'call') throw new Error(expression.kind);
  const values = expression.args.map((arg) => evaluate(arg, row));
  if (values.some((value) => value === null)) return null;
  const [x, y] = values as number[];
  switch (expression.name) {
    case '=':
      return x === y ? 1 : 0;
    case '>=':
      return x! >= y! ? 1 : 0;
    case '<':
      return x! < y! ? 1 : 0;
    case '+':
      return x! + y!;
    case 'and':
      return values.every((value) => value === 1) ? 1 : 0;
    case 'or':
      return values.some((value) => value === 1) ? 1 : 0;
    default:
      throw new Error(expression.name);
  }
}

const textOf = (row: Row, plan: RelationalNode): string => JSON.stringify(plan.columns.map(({ id }) => row.get(id)));

/** A source of choices, so that one array of numbers makes one plan. */
const chooser = (numbers: readonly number[]) => {
  let at = 0;
  return (below: number): number => numbers[at++ % numbers.length]! % below;
};
type Choose = ReturnType<typeof chooser>;

function randomPlan(choose: Choose, depth: number): RelationalNode {
  if (depth === 0) {
    const read = COLUMNS.filter(() => choose(3) > 0);
    const names = read.length === 0 ? ['a'] : read;
    return table(TABLES[choose(TABLES.length)]!, Object.fromEntries(names.map((name) => [name, integer])));
  }
  const input = randomPlan(choose, depth - 1);
  const any = (from: RelationalNode): Expression => of(from, from.columns[choose(from.columns.length)]!.name);
  switch (choose(9)) {
    case 0:
      return filter(input, test('<', any(input), literal(choose(6))));
    case 1:
      return project(input, {
        x: any(input),
        y: { kind: 'call', name: '+', args: [any(input), literal(1)], type: integer },
      });
    case 2:
    case 3: {
      const right = randomPlan(choose, Math.min(1, depth - 1));
      return join(choose(2) === 0 ? 'inner' : 'semi', input, right, test('=', any(input), any(right)));
    }
    case 4:
      return aggregate(input, { g: any(input) }, { n: count(), s: aggregateCall('sum', bigint, any(input)) });
    case 5:
      return aggregate(
        input,
        {},
        { n: count(any(input)), m: aggregateCall(choose(3) === 0 ? 'max' : 'sum', bigint, any(input)) },
      );
    case 6:
      return distinct(input);
    case 7: {
      const other = randomPlan(choose, depth - 1);
      const width = Math.min(input.columns.length, other.columns.length);
      const cut = (from: RelationalNode): RelationalNode =>
        project(from, Object.fromEntries(from.columns.slice(0, width).map(({ name }, i) => [`u${i}`, of(from, name)])));
      return unionAll(cut(input), cut(other));
    }
    default:
      return limit(input, 1 + choose(4));
  }
}

function randomPolicies(choose: Choose): readonly BoundPolicy[] {
  return Array.from({ length: 1 + choose(4) }, (_, i): BoundPolicy => {
    const [silo, name] = TABLES[choose(TABLES.length)]!.split('.') as [string, string];
    const base = { name: `p${i}`, silo, table: name, to: { kind: choose(4) === 0 ? 'any' : 'mediator' } as const };
    switch (choose(6)) {
      case 0:
        return { ...base, allow: { kind: 'aggregates', minGroup: 2 + choose(3) } };
      case 1:
        return { ...base, allow: { kind: 'nothing' } };
      case 2:
        return {
          ...base,
          allow: { kind: 'rows', columns: ['a', 'b'] },
          where: 'c < 3',
          conditionColumns: ['c'],
          condition: (scan: Scan) => {
            const at = scan.sourceColumns.indexOf('c');
            return test('<', { kind: 'column', id: scan.columns[at]!.id, type: integer }, literal(3));
          },
        };
      default:
        return { ...base, allow: { kind: 'rows', columns: COLUMNS.filter(() => choose(3) > 0) } };
    }
  });
}

const siloOf = (plan: RelationalNode): string | undefined => {
  const silos = new Set([...nodesOf(plan)].flatMap((each) => (each.kind === 'scan' ? [each.silo] : [])));
  return silos.size === 1 ? [...silos][0] : undefined;
};

/** Subtrees that leave their silos in one possible placement: cut as deep or as high as the choices say. */
function exported(plan: RelationalNode, constrained: Constrained, book: PolicyBook, choose: Choose): RelationalNode[] {
  const below = inputsOf(plan);
  const deeper =
    below.length > 0 && !constrained.released.has(plan) && below.every((input) => mayLeave(input, constrained, book));
  if (siloOf(plan) !== undefined && (!deeper || choose(2) === 0)) return [plan];
  return below.flatMap((input) => exported(input, constrained, book, choose));
}

/** Every column of every table, redrawn where it is not allowed as a row; conditions keep their column. */
function disturbed(data: Data, book: PolicyBook, choose: Choose): Data {
  return new Map(
    [...data].map(([path, rows]) => {
      const [silo, name] = path.split('.') as [string, string];
      const policies = book.on({ silo, table: name }, TO_MEDIATOR);
      const open = new Set(
        policies.flatMap((policy) => [
          ...(policy.allow.kind === 'rows' ? policy.allow.columns : []),
          ...(policy.conditionColumns ?? []),
        ]),
      );
      if (!book.guards(silo)) return [path, rows];
      return [path, rows.map((row) => row.map((value, i) => (open.has(COLUMNS[i]!) ? value : choose(6))))];
    }),
  );
}

const numbers = fc.array(fc.nat(1_000_000), { minLength: 60, maxLength: 60 });

describe('policies', () => {
  it('let no forbidden column leave, over 4,000 random plans and policies', () => {
    let legal = 0;
    let refused = 0;
    let groups = 0;
    fc.assert(
      fc.property(numbers, numbers, (first, second) => {
        const choose = chooser(first);
        const other = chooser(second);
        const plan = randomPlan(choose, 1 + other(4));
        const book = new PolicyBook(randomPolicies(other));
        let fresh = 1_000_000;
        let constrained: Constrained;
        try {
          constrained = constrain(plan, book, () => fresh++);
        } catch (error) {
          expect(error).toBeInstanceOf(CausewayError);
          expect((error as CausewayError).sqlstate).toBe('CW001');
          expect((error as CausewayError).hint).toMatch(/\.$/);
          refused++;
          return;
        }
        legal++;
        const data: Data = new Map(
          TABLES.map((path) => [path, Array.from({ length: 8 }, () => COLUMNS.map(() => other(6)))]),
        );
        const changed = disturbed(data, book, other);
        for (const fragment of exported(constrained.plan, constrained, book, other)) {
          expect(leaksOf(fragment, TO_MEDIATOR, book)).toEqual([]);
          const released = [...nodesOf(fragment)].filter((each) => constrained.released.has(each));
          const aggregated = released.filter(
            (each) => each.kind === 'project' && each.input.kind === 'filter' && each.input.input.kind === 'aggregate',
          );
          if (aggregated.length === 0) {
            const rows = (on: Data) => run(fragment, on).map((row) => textOf(row, fragment));
            expect(rows(changed)).toEqual(rows(data));
            continue;
          }
          for (const each of aggregated) {
            if (each.kind !== 'project' || each.input.kind !== 'filter' || each.input.input.kind !== 'aggregate')
              continue;
            const scan = [...nodesOf(each)].find((inner) => inner.kind === 'scan')!;
            const least = Math.max(1, ...book.aggregates(scan, TO_MEDIATOR).map(minGroupOf));
            const keys = new Map<string, number>();
            const { input: source, groups: by } = each.input.input;
            for (const row of run(source, data)) {
              const key = JSON.stringify(by.map((group) => evaluate(group, row)));
              keys.set(key, (keys.get(key) ?? 0) + 1);
            }
            for (const row of run(each, data)) {
              const key = JSON.stringify(by.map((_, i) => row.get(each.columns[i]!.id)));
              expect(keys.get(key) ?? 0).toBeGreaterThanOrEqual(least);
              groups++;
            }
          }
        }
      }),
      { numRuns: 4000, seed: 42 },
    );
    // The property would be empty if nearly all plans were refused, or nearly none.
    expect(legal).toBeGreaterThan(400);
    expect(refused).toBeGreaterThan(400);
    expect(groups).toBeGreaterThan(20);
  });
});
