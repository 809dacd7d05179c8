/** Constant folding: logic and comparisons whose outcome is known before any row is read. */
import type { Expression, Literal } from '../../src/plan/expressions.ts';
import type { RelationalNode } from '../../src/plan/nodes.ts';
import { mapExpression, mapExpressions, transformPlan } from '../../src/plan/traverse.ts';
import { isText, scalar } from '../../src/plan/types.ts';

export const foldConstants = (plan: RelationalNode): RelationalNode =>
  transformPlan(plan, (each) => mapExpressions(each, (expression) => mapExpression(expression, fold)));

const truth = (value: boolean | null): Literal => ({ kind: 'literal', value, type: scalar('boolean') });

const isTruth = (expression: Expression, value: boolean): boolean =>
  expression.kind === 'literal' && expression.value === value;

const isNull = (expression: Expression): boolean => expression.kind === 'literal' && expression.value === null;

/** The expression whose parts are folded already. */
function fold(expression: Expression): Expression {
  if (expression.kind === 'case') return foldCase(expression);
  if (expression.kind !== 'call') return expression;
  const { name, args } = expression;
  switch (name) {
    case 'and':
    case 'or': {
      const neutral = name === 'and';
      if (args.some((arg) => isTruth(arg, !neutral))) return truth(!neutral);
      const rest = args.filter((arg) => !isTruth(arg, neutral));
      if (rest.length === 0) return truth(neutral);
      return rest.length === 1 ? rest[0]! : rest.length === args.length ? expression : { ...expression, args: rest };
    }
    case 'not':
      if (isNull(args[0]!)) return truth(null);
      return args[0]?.kind === 'literal' ? truth(args[0].value !== true) : expression;
    case 'is_null':
    case 'is_not_null':
      return args[0]?.kind === 'literal' ? truth((args[0].value === null) === (name === 'is_null')) : expression;
    case 'in_list':
      return foldMembership(expression, args);
    default:
      return COMPARE.has(name) ? foldComparison(expression, name, args) : expression;
  }
}

const COMPARE: ReadonlyMap<string, (order: number) => boolean> = new Map([
  ['=', (order) => order === 0],
  ['<>', (order) => order !== 0],
  ['<', (order) => order < 0],
  ['<=', (order) => order <= 0],
  ['>', (order) => order > 0],
  ['>=', (order) => order >= 0],
]);

function foldComparison(whole: Expression, name: string, [left, right]: readonly Expression[]): Expression {
  if (left === undefined || right === undefined) return whole;
  if (isNull(left) || isNull(right)) return truth(null);
  const order = orderOf(left, right);
  return order === undefined ? whole : truth(COMPARE.get(name)!(order));
}

function foldMembership(whole: Expression, [subject, ...values]: readonly Expression[]): Expression {
  if (subject?.kind !== 'literal') return whole;
  const orders = values.map((value) => orderOf(subject, value));
  if (orders.includes(0)) return truth(true);
  return orders.every((order) => order !== undefined) ? truth(false) : whole;
}

/** Below, equal, above; undefined unless both are constants that compare as JavaScript compares them. */
function orderOf(left: Expression, right: Expression): number | undefined {
  if (left.kind !== 'literal' || right.kind !== 'literal') return undefined;
  const [a, b] = [left.value, right.value];
  if (typeof a === 'string' && typeof b === 'string') {
    // Numbers, dates and blank-padded text in text form are left to an engine.
    if (!isPlainText(left) || !isPlainText(right)) return undefined;
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  const exact = (value: unknown): value is number | bigint =>
    typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  if (exact(a) && exact(b)) return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === 'boolean' && typeof b === 'boolean' ? Number(a) - Number(b) : undefined;
}

const isPlainText = ({ type }: Literal): boolean => isText(type) && type.kind !== 'char';

/** Branches that cannot be taken go; the first that must be taken ends the CASE. */
function foldCase(expression: Extract<Expression, { kind: 'case' }>): Expression {
  const branches = expression.branches.filter(({ when }) => !isTruth(when, false) && !isNull(when));
  const certain = branches.findIndex(({ when }) => isTruth(when, true));
  const otherwise = certain < 0 ? expression.otherwise : branches[certain]!.then;
  const open = certain < 0 ? branches : branches.slice(0, certain);
  if (open.length === 0) return otherwise ?? { kind: 'literal', value: null, type: expression.type };
  if (open.length === expression.branches.length) return expression;
  const { otherwise: _, ...bare } = expression;
  return { ...bare, branches: open, ...(otherwise === undefined ? {} : { otherwise }) };
}
