/** Operators as written — LIKE, BETWEEN, IN, ANY, row comparisons among them — to calls of the function table. */
import type { A_Expr, Node, SelectStmt } from '@pgsql/types';
import { SQLSTATE } from '../../plan/errors.ts';
import type { Expression } from '../../plan/expressions.ts';
import { arrayOf, isNumeric, isText, type SqlType, scalar } from '../../plan/types.ts';
import { allOf, anyOf, boolean, call, operator } from './calls.ts';
import { commonType, convert } from './coerce.ts';
import { errorAt, type Level, nameParts, notModelled, reference } from './context.ts';
import { literal } from './literals.ts';

export type BindExpression = (node: Node, level: Level) => Expression;

/** Binds any form of A_Expr. */
export function operatorExpression(expr: A_Expr, level: Level, bind: BindExpression): Expression {
  const { kind, lexpr: left, rexpr, location } = expr;
  const name = nameParts(expr.name).at(-1) ?? '';
  switch (kind) {
    case 'AEXPR_OP':
      if (left === undefined) return prefix(name, bind(rexpr!, level), level, location);
      if ('RowExpr' in left && rexpr !== undefined && 'RowExpr' in rexpr) {
        const sides = [left, rexpr].map((row) => (row.RowExpr.args ?? []).map((part) => bind(part, level)));
        return compareRows(name, sides[0]!, sides[1]!, level, location);
      }
      if ('RowExpr' in left && rexpr !== undefined && 'SubLink' in rexpr) {
        throw notModelled(level, 'comparing a row with a subquery', location);
      }
      return infix(name, bind(left, level), bind(rexpr!, level), level, location);
    case 'AEXPR_DISTINCT':
      return operator(level, 'is_distinct_from', [bind(left!, level), bind(rexpr!, level)], location);
    case 'AEXPR_NOT_DISTINCT':
      return operator(level, 'is_not_distinct_from', [bind(left!, level), bind(rexpr!, level)], location);
    case 'AEXPR_NULLIF':
      return nullIf(bind(left!, level), bind(rexpr!, level), level, location);
    case 'AEXPR_IN':
      return inList(name, left!, items(rexpr), level, location, bind);
    case 'AEXPR_LIKE':
      return match('like', name === '!~~', left!, rexpr!, 'like_escape', level, location, bind);
    case 'AEXPR_ILIKE':
      return match('ilike', name === '!~~*', left!, rexpr!, 'like_escape', level, location, bind);
    case 'AEXPR_SIMILAR':
      return match('similar_to', name === '!~', left!, rexpr!, 'similar_to_escape', level, location, bind);
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM': {
      const [low, high] = items(rexpr).map((bound) => bind(bound, level));
      const test = between(bind(left!, level), low!, high!, kind.endsWith('_SYM'), level, location);
      return kind.startsWith('AEXPR_NOT') ? boolean('not', test) : test;
    }
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL':
      return overArray(name, kind === 'AEXPR_OP_ANY' ? 'any' : 'all', left!, rexpr!, level, location, bind);
    default:
      throw notModelled(level, `operator ${name}`, location);
  }
}

const items = (node: Node | undefined): readonly Node[] =>
  node !== undefined && 'List' in node ? (node.List.items ?? []) : [];

const PREFIX: Readonly<Record<string, string>> = { '-': 'negate', '+': 'plus', '~': 'bit_not' };
const PREFIX_FUNCTIONS: Readonly<Record<string, string>> = { '@': 'abs', '|/': 'sqrt', '||/': 'cbrt' };

function prefix(name: string, operand: Expression, level: Level, location: number | undefined): Expression {
  if (name === '-' && operand.kind === 'literal') {
    const { value, type } = operand;
    if (typeof value === 'bigint') {
      // -2147483648 is an integer although 2147483648 is not.
      return -value === -2147483648n ? literal(-2147483648, scalar('integer')) : literal(-value, type);
    }
    if (typeof value === 'number' && value !== 0) return literal(-value, type);
    if (typeof value === 'string' && type.kind === 'numeric') {
      return literal(value.startsWith('-') ? value.slice(1) : `-${value}`, type);
    }
  }
  const spelled = PREFIX[name];
  if (spelled !== undefined) {
    const known = operand.type.kind === 'unknown' ? convert(level.statement, operand, scalar('double')) : operand;
    return operator(level, spelled, [known], location);
  }
  const asFunction = PREFIX_FUNCTIONS[name];
  if (asFunction === undefined) throw notModelled(level, `operator ${name}`, location);
  return call(asFunction, [operand], asFunction === 'abs' ? operand.type : scalar('double'));
}

function infix(
  name: string,
  left: Expression,
  right: Expression,
  level: Level,
  location: number | undefined,
): Expression {
  switch (name) {
    case '!=':
      return operator(level, '<>', [left, right], location);
    case '~~':
      return operator(level, 'like', [left, right], location);
    case '!~~':
      return boolean('not', operator(level, 'like', [left, right], location));
    case '~~*':
      return operator(level, 'ilike', [left, right], location);
    case '!~~*':
      return boolean('not', operator(level, 'ilike', [left, right], location));
    case '^@':
      return call(
        'starts_with',
        [left, right].map((side) => convert(level.statement, side, scalar('text'))),
        scalar('boolean'),
      );
    default:
      return operator(level, name, [left, right], location);
  }
}

const numberFamily = ({ kind }: SqlType): string =>
  kind === 'numeric' ? kind : kind === 'real' || kind === 'double' ? 'float' : 'integer';

/** NULLIF has the type that its first argument takes on in the comparison. */
function nullIf(left: Expression, right: Expression, level: Level, location: number | undefined): Expression {
  const test = operator(level, '=', [left, right], location);
  const [subject, other] = test.kind === 'call' ? test.args : [left, right];
  // Integers of two widths have a comparison of their own, and so do the two floating-point types.
  const converts = isNumeric(subject!.type) && numberFamily(subject!.type) !== numberFamily(other!.type);
  const type = converts ? commonType([subject!.type, other!.type], 'NULLIF') : subject!.type;
  const result = isText(type) ? scalar('text') : type;
  return call('nullif', [convert(level.statement, subject!, result), other!], result);
}

const STRICT: Readonly<Record<string, string>> = { '<': '<', '<=': '<', '>': '>', '>=': '>' };

/** Row comparison by SQL's rule: `=` of all, `<>` of any, order lexicographic. */
function compareRows(
  name: string,
  left: readonly Expression[],
  right: readonly Expression[],
  level: Level,
  location: number | undefined,
): Expression {
  if (left.length !== right.length) {
    throw errorAt(level, SQLSTATE.syntaxError, 'unequal number of entries in row expressions', location);
  }
  const compare = (op: string, i: number) => operator(level, op, [left[i]!, right[i]!], location);
  const all = left.map((_, i) => i);
  if (name === '=') return allOf(all.map((i) => compare('=', i)));
  if (name === '<>') return anyOf(all.map((i) => compare('<>', i)));
  const strict = STRICT[name];
  if (strict === undefined) throw notModelled(level, `operator ${name} on rows`, location);
  const from = (i: number): Expression =>
    i === left.length - 1
      ? compare(name, i)
      : boolean('or', compare(strict, i), boolean('and', compare('=', i), from(i + 1)));
  return from(0);
}

function inList(
  name: string,
  left: Node,
  list: readonly Node[],
  level: Level,
  location: number | undefined,
  bind: BindExpression,
): Expression {
  const negated = name === '<>';
  const finish = (test: Expression) => (negated ? boolean('not', test) : test);
  if ('RowExpr' in left) {
    const row = (left.RowExpr.args ?? []).map((part) => bind(part, level));
    const tests = list.map((item) => {
      if (!('RowExpr' in item)) throw notModelled(level, 'this IN list', location);
      return compareRows(
        '=',
        row,
        (item.RowExpr.args ?? []).map((part) => bind(part, level)),
        level,
        location,
      );
    });
    return finish(anyOf(tests));
  }
  const subject = bind(left, level);
  return finish(
    listTest(
      subject,
      list.map((item) => bind(item, level)),
      level,
      location,
    ),
  );
}

/** `x IN (a, b …)`. Each comparison must exist, as if written with `=`. */
function listTest(
  written: Expression,
  values: readonly Expression[],
  level: Level,
  location: number | undefined,
): Expression {
  const untyped = written.type.kind === 'unknown';
  const types = values.map((value) => value.type);
  const subject = untyped
    ? convert(level.statement, written, commonType(types, 'IN'), level.locate(location))
    : written;
  const converted = values.map((value) => {
    const test = operator(level, '=', [subject, value], location);
    return test.kind === 'call' ? test.args[1]! : value;
  });
  return boolean('in_list', subject, ...converted);
}

function match(
  name: string,
  negated: boolean,
  left: Node,
  right: Node,
  escapeFunction: string,
  level: Level,
  location: number | undefined,
  bind: BindExpression,
): Expression {
  const written = 'FuncCall' in right && nameParts(right.FuncCall.funcname).at(-1) === escapeFunction;
  const patterns = written ? (right.FuncCall.args ?? []) : [right];
  const test = operator(
    level,
    name,
    [left, ...patterns].map((node) => bind(node, level)),
    location,
  );
  return negated ? boolean('not', test) : test;
}

function between(
  subject: Expression,
  low: Expression,
  high: Expression,
  symmetric: boolean,
  level: Level,
  location: number | undefined,
): Expression {
  const inside = (from: Expression, to: Expression) =>
    boolean('and', operator(level, '>=', [subject, from], location), operator(level, '<=', [subject, to], location));
  return symmetric ? boolean('or', inside(low, high), inside(high, low)) : inside(low, high);
}

/** `x = ANY (array)`; over a written ARRAY[…] it is an IN list. */
function overArray(
  name: string,
  quantifier: 'any' | 'all',
  left: Node,
  right: Node,
  level: Level,
  location: number | undefined,
  bind: BindExpression,
): Expression {
  const subject = bind(left, level);
  const isList = 'A_ArrayExpr' in right && (right.A_ArrayExpr.elements ?? []).length > 0;
  if (isList && ((name === '=' && quantifier === 'any') || (name === '<>' && quantifier === 'all'))) {
    const values = (right.A_ArrayExpr.elements ?? []).map((element) => bind(element, level));
    const test = listTest(subject, values, level, location);
    return quantifier === 'any' ? test : boolean('not', test);
  }
  const bound = bind(right, level);
  const array =
    bound.type.kind === 'unknown'
      ? convert(level.statement, bound, arrayOf(subject.type), level.locate(location))
      : bound;
  if (array.type.kind !== 'array') {
    throw errorAt(level, SQLSTATE.wrongObjectType, 'op ANY/ALL (array) requires array on right side', location);
  }
  const element = literal(null, array.type.element);
  const test = operator(level, name, [subject, element], location);
  const typed = test.kind === 'call' ? test.args[0]! : subject;
  return boolean(`${test.kind === 'call' ? test.name : name} ${quantifier}`, typed, array);
}

interface QueryComparison {
  readonly form: 'in' | 'any' | 'all';
  readonly operator: string;
  readonly testexpr: Node;
  readonly location: number | undefined;
}

/** `x IN (SELECT …)`, `x < ANY (SELECT …)`, `(a, b) IN (SELECT …)`. */
export function comparisonWithQuery(
  { form, operator: name, testexpr, location }: QueryComparison,
  select: SelectStmt,
  level: Level,
  bind: BindExpression,
): Expression {
  const operands =
    'RowExpr' in testexpr ? (testexpr.RowExpr.args ?? []).map((part) => bind(part, level)) : [bind(testexpr, level)];
  const { plan, columns } = level.bindQuery(select, level);
  if (columns.length !== operands.length) {
    const message = columns.length < operands.length ? 'subquery has too few columns' : 'subquery has too many columns';
    throw errorAt(level, SQLSTATE.syntaxError, message, location);
  }
  const canonical = name === '!=' ? '<>' : name;
  const converted = operands.map((operand, i) => {
    const test = operator(level, canonical, [operand, reference(columns[i]!)], location);
    return test.kind === 'call' ? test.args[0]! : operand;
  });
  const type = scalar('boolean');
  return Object.freeze({ kind: 'subquery', form, operands: converted, operator: canonical, plan, type });
}
