/** Scalar expressions: PostgreSQL's syntax nodes to plan expressions. */
import type {
  A_Const,
  A_Indirection,
  BooleanTest,
  CaseExpr,
  ColumnRef,
  Node,
  NullTest,
  SQLValueFunction,
  SubLink,
  TypeCast,
} from '@pgsql/types';
import { literalNumeric, plainDecimal } from '../../plan/decimals.ts';
import { SQLSTATE } from '../../plan/errors.ts';
import type { Expression } from '../../plan/expressions.ts';
import { arrayOf, scalar, typeName } from '../../plan/types.ts';
import { allOf, boolean, call, operator } from './calls.ts';
import { commonType, convert, explicitCast } from './coerce.ts';
import { errorAt, type Level, nameParts, newColumn, notModelled, reference } from './context.ts';
import { functionCall } from './function-call.ts';
import { literal } from './literals.ts';
import { findColumn, relationIn } from './names.ts';
import { comparisonWithQuery, operatorExpression } from './operators.ts';
import { intervalUnit, typeOf } from './type-names.ts';

/** Binds one scalar expression in its name space. */
export function bindExpression(node: Node, level: Level): Expression {
  if ('ColumnRef' in node) return columnReference(node.ColumnRef, level);
  if ('A_Const' in node) return constant(node.A_Const, level);
  if ('A_Expr' in node) return operatorExpression(node.A_Expr, level, bindExpression);
  if ('BoolExpr' in node) {
    const { boolop, args = [], location } = node.BoolExpr;
    const operator = boolop === 'AND_EXPR' ? 'AND' : boolop === 'OR_EXPR' ? 'OR' : 'NOT';
    const bound = args.map((arg) => bindCondition(arg, level, operator, location));
    return boolean(operator.toLowerCase(), ...bound);
  }
  if ('FuncCall' in node) return functionCall(node.FuncCall, level, bindExpression);
  if ('TypeCast' in node) return typeCast(node.TypeCast, level);
  if ('NullTest' in node) return nullTest(node.NullTest, level);
  if ('BooleanTest' in node) return booleanTest(node.BooleanTest, level);
  if ('CaseExpr' in node) return caseExpression(node.CaseExpr, level);
  if ('CoalesceExpr' in node) return sameTyped('coalesce', 'COALESCE', node.CoalesceExpr.args ?? [], level);
  if ('MinMaxExpr' in node) {
    const name = node.MinMaxExpr.op === 'IS_LEAST' ? 'least' : 'greatest';
    return sameTyped(name, name.toUpperCase(), node.MinMaxExpr.args ?? [], level);
  }
  if ('SubLink' in node) return subquery(node.SubLink, level);
  if ('ParamRef' in node) {
    const index = node.ParamRef.number ?? 0;
    const { parameters } = level.statement;
    if (!parameters.has(index)) parameters.set(index, scalar('unknown'));
    return Object.freeze({ kind: 'parameter', index, type: parameters.get(index)! });
  }
  if ('SQLValueFunction' in node) return valueFunction(node.SQLValueFunction, level);
  if ('A_ArrayExpr' in node) {
    const elements = (node.A_ArrayExpr.elements ?? []).map((element) => bindExpression(element, level));
    const type = commonType(
      elements.map((element) => element.type),
      'ARRAY',
      level.locate(node.A_ArrayExpr.location),
    );
    return call(
      'array',
      elements.map((element) => convert(level.statement, element, type)),
      arrayOf(type),
    );
  }
  if ('A_Indirection' in node) return subscripts(node.A_Indirection, level);
  if ('CollateClause' in node) return collation(node.CollateClause, level);
  if ('GroupingFunc' in node) return grouping(node.GroupingFunc, level);
  const kind = Object.keys(node)[0] ?? '';
  throw notModelled(level, kind === 'RowExpr' ? 'a row value here' : kind, undefined);
}

/** Binds an expression that must be boolean. `construct` is named in the error: `argument of WHERE must be …`. */
export function bindCondition(node: Node, level: Level, construct: string, location?: number): Expression {
  const bound = convertCondition(bindExpression(node, level), level);
  if (bound.type.kind === 'boolean') return bound;
  const message = `argument of ${construct} must be type boolean, not type ${typeName(bound.type)}`;
  throw errorAt(level, SQLSTATE.datatypeMismatch, message, locationOf(node) ?? location);
}

const convertCondition = (expression: Expression, level: Level): Expression =>
  expression.type.kind === 'unknown' ? convert(level.statement, expression, scalar('boolean')) : expression;

/** Where a syntax node stands, when it says so itself. */
export function locationOf(node: Node): number | undefined {
  const fields = Object.values(node)[0] as { readonly location?: number } | undefined;
  return fields?.location;
}

function columnReference({ fields = [], location }: ColumnRef, level: Level): Expression {
  if (fields.some((field) => 'A_Star' in field)) throw notModelled(level, 'a row value (*) here', location);
  const parts = nameParts(fields);
  try {
    return findColumn(level, parts, location);
  } catch (thrown) {
    // A bare relation name is its whole row.
    if (relationIn(level, parts) !== undefined)
      throw notModelled(level, `the whole row of "${parts.join('.')}"`, location);
    throw thrown;
  }
}

function constant(value: A_Const, level: Level): Expression {
  if (value.isnull) return literal(null, scalar('unknown'));
  if (value.ival !== undefined) return literal(value.ival.ival ?? 0, scalar('integer'));
  if (value.sval !== undefined) return literal(value.sval.sval ?? '', scalar('unknown'));
  if (value.boolval !== undefined) return literal(value.boolval.boolval ?? false, scalar('boolean'));
  if (value.fval !== undefined) {
    const digits = (value.fval.fval ?? '0').replaceAll('_', '');
    if (/^-?(?:\d+|0[xob][\da-f]+)$/i.test(digits)) {
      const whole = BigInt(digits);
      if (BigInt.asIntN(64, whole) === whole) return literal(whole, scalar('bigint'));
      return literal(String(whole), literalNumeric(String(whole)));
    }
    const plain = plainDecimal(digits) ?? digits;
    return literal(plain, literalNumeric(plain));
  }
  throw notModelled(level, 'a bit string', value.location);
}

function typeCast({ arg, typeName: written, location }: TypeCast, level: Level): Expression {
  const type = typeOf(level, written!);
  const position = level.locate(location === -1 ? written?.location : location);
  const isText = arg !== undefined && 'A_Const' in arg && arg.A_Const.sval !== undefined;
  if (isText && type.kind === 'interval') {
    const text = arg.A_Const.sval?.sval ?? '';
    const unit = /^\s*[+-]?[\d.]+\s*$/.test(text) ? intervalUnit(written!) : undefined;
    return literal(unit === undefined ? text : `${text.trim()} ${unit}`, type);
  }
  if (arg !== undefined && 'A_ArrayExpr' in arg && (arg.A_ArrayExpr.elements ?? []).length === 0) {
    // An empty array has no type but the one it is cast to.
    return Object.freeze({ kind: 'cast', operand: call('array', [], type), type });
  }
  const bound = bindExpression(arg!, level);
  return explicitCast(level.statement, bound, type, position);
}

function nullTest({ arg, nulltesttype, location }: NullTest, level: Level): Expression {
  const name = nulltesttype === 'IS_NULL' ? 'is_null' : 'is_not_null';
  if (arg !== undefined && 'RowExpr' in arg) {
    const tests = (arg.RowExpr.args ?? []).map((part) => boolean(name, bindExpression(part, level)));
    return allOf(tests);
  }
  if (arg === undefined) throw notModelled(level, 'IS NULL here', location);
  return boolean(name, bindExpression(arg, level));
}

function booleanTest({ arg, booltesttype, location }: BooleanTest, level: Level): Expression {
  const words = (booltesttype ?? 'IS_TRUE').toLowerCase();
  const bound = bindCondition(arg!, level, words.toUpperCase().replaceAll('_', ' '), location);
  if (words === 'is_unknown') return boolean('is_null', bound);
  if (words === 'is_not_unknown') return boolean('is_not_null', bound);
  return boolean(words, bound);
}

function caseExpression({ arg, args = [], defresult, location }: CaseExpr, level: Level): Expression {
  const position = level.locate(location);
  const subject = arg === undefined ? undefined : bindExpression(arg, level);
  const branches = args.flatMap((when) => ('CaseWhen' in when ? [when.CaseWhen] : []));
  const conditions = branches.map(({ expr, location: at }) =>
    subject === undefined
      ? bindCondition(expr!, level, 'CASE/WHEN', at)
      : operator(level, '=', [subject, bindExpression(expr!, level)], at),
  );
  const results = branches.map(({ result }) => bindExpression(result!, level));
  const otherwise = defresult === undefined ? undefined : bindExpression(defresult, level);
  const all = otherwise === undefined ? results : [...results, otherwise];
  const type = commonType(
    all.map((result) => result.type),
    'CASE',
    position,
  );
  return Object.freeze({
    kind: 'case',
    branches: Object.freeze(
      conditions.map((when, i) => ({ when, then: convert(level.statement, results[i]!, type, position) })),
    ),
    ...(otherwise === undefined ? {} : { otherwise: convert(level.statement, otherwise, type, position) }),
    type,
  });
}

/** COALESCE, GREATEST, LEAST: arguments of one common type. */
function sameTyped(name: string, construct: string, nodes: readonly Node[], level: Level): Expression {
  const args = nodes.map((node) => bindExpression(node, level));
  const type = commonType(
    args.map((arg) => arg.type),
    construct,
  );
  return call(
    name,
    args.map((arg) => convert(level.statement, arg, type)),
    type,
  );
}

function subquery({ subLinkType, testexpr, operName, subselect, location }: SubLink, level: Level): Expression {
  if (subselect === undefined || !('SelectStmt' in subselect)) throw notModelled(level, 'this subquery', location);
  if (subLinkType === 'ANY_SUBLINK' || subLinkType === 'ALL_SUBLINK') {
    const form = subLinkType === 'ALL_SUBLINK' ? 'all' : operName === undefined ? 'in' : 'any';
    const name = nameParts(operName).at(-1) ?? '=';
    return comparisonWithQuery(
      { form, operator: name, testexpr: testexpr!, location },
      subselect.SelectStmt,
      level,
      bindExpression,
    );
  }
  const select = subselect.SelectStmt;
  const isExists = subLinkType === 'EXISTS_SUBLINK';
  // EXISTS (SELECT FROM t) is PostgreSQL's alone: few engines have a SELECT of nothing.
  const listless = isExists && select.fromClause !== undefined && select.targetList === undefined;
  const one: Node = { ResTarget: { val: { A_Const: { ival: { ival: 1 } } } } };
  const { plan, columns } = level.bindQuery(listless ? { ...select, targetList: [one] } : select, level);
  if (isExists) {
    return Object.freeze({ kind: 'subquery', form: 'exists', operands: [], plan, type: scalar('boolean') });
  }
  if (columns.length !== 1) {
    throw errorAt(level, SQLSTATE.syntaxError, 'subquery must return only one column', location);
  }
  const { type } = columns[0]!;
  if (subLinkType === 'ARRAY_SUBLINK') {
    return Object.freeze({ kind: 'subquery', form: 'array', operands: [], plan, type: arrayOf(type) });
  }
  return Object.freeze({ kind: 'subquery', form: 'scalar', operands: [], plan, type });
}

const VALUE_FUNCTIONS: Readonly<Record<string, string>> = {
  SVFOP_CURRENT_DATE: 'current_date',
  SVFOP_CURRENT_TIME: 'current_time',
  SVFOP_CURRENT_TIMESTAMP: 'current_timestamp',
  SVFOP_LOCALTIME: 'localtime',
  SVFOP_LOCALTIMESTAMP: 'localtimestamp',
};

function valueFunction({ op, location }: SQLValueFunction, level: Level): Expression {
  const name = VALUE_FUNCTIONS[op ?? ''];
  if (name === undefined) throw notModelled(level, (op ?? '').replace('SVFOP_', ''), location);
  return operatorFree(level, name, location);
}

function operatorFree(level: Level, name: string, location: number | undefined): Expression {
  return functionCall(
    { funcname: [{ String: { sval: name } }], ...(location === undefined ? {} : { location }) },
    level,
    bindExpression,
  );
}

/** More than any array has. */
const MOST_ELEMENTS = 2_147_483_647;

function subscripts({ arg, indirection = [] }: A_Indirection, level: Level): Expression {
  let bound = bindExpression(arg!, level);
  for (const step of indirection) {
    if (!('A_Indices' in step)) throw notModelled(level, 'a field of a row value', undefined);
    // A bound that is left out is the array's own; one outside of the array means the same.
    const index = (node: Node | undefined, outside: number): Expression =>
      node === undefined ? literal(outside, scalar('integer')) : bindExpression(node, level);
    const { is_slice, lidx, uidx } = step.A_Indices;
    bound = is_slice
      ? operator(level, 'slice', [bound, index(lidx, 0), index(uidx, MOST_ELEMENTS)], undefined)
      : operator(level, 'subscript', [bound, index(uidx, 0)], undefined);
  }
  return bound;
}

function collation(
  { arg, collname, location }: { arg?: Node; collname?: Node[]; location?: number },
  level: Level,
): Expression {
  const name = nameParts(collname).at(-1);
  if (name !== 'C' && name !== 'POSIX' && name !== 'default' && name !== 'ucs_basic') {
    throw notModelled(level, `collation "${name}"`, location);
  }
  // C is the order of the whole language here (docs/design.md §4), so nothing is left to say.
  return bindExpression(arg!, level);
}

function grouping({ args = [], location }: { args?: Node[]; location?: number }, level: Level): Expression {
  if (level.collected === undefined) {
    throw errorAt(level, '42803', `grouping operations are not allowed in ${level.clause}`, location);
  }
  const bound = args.map((arg) => bindExpression(arg, level));
  const column = newColumn(level, 'grouping', scalar('integer'));
  level.collected.groupings.push({ args: bound, column });
  return reference(column);
}
