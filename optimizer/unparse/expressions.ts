/** Scalar expressions, aggregates and window calls as text in a dialect. */
import type { Dialect } from '../../connectors/dialect.ts';
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import type {
  AggregateCall,
  Call,
  ColumnId,
  Expression,
  FrameBound,
  SortKey,
  Subquery,
  WindowCall,
} from '../../src/plan/expressions.ts';
import { node, type RelationalNode } from '../../src/plan/nodes.ts';
import { conjunction, sameExpression } from '../../src/plan/traverse.ts';
import { isText, scalar } from '../../src/plan/types.ts';
import { literalText, typeText } from './literals.ts';
import { atom, BINDING, fill, type Piece, within } from './piece.ts';
import { COMPARISONS, INFIX, SPELLING } from './spelling.ts';

/** What the text of an expression depends on. */
export interface Naming {
  readonly dialect: Dialect;
  /** The text of a column where the expression stands. */
  readonly column: (id: ColumnId) => Piece;
  /** A complete SELECT of a subquery, whose outer columns are known by `column`. */
  readonly subquery: (plan: RelationalNode) => string;
}

export function expressionText(expression: Expression, naming: Naming): Piece {
  const { dialect } = naming;
  switch (expression.kind) {
    case 'column':
      return naming.column(expression.id);
    case 'literal':
      return literalText(expression, dialect);
    case 'parameter':
      return atom(`CAST($${expression.index} AS ${typeText(expression.type, dialect)})`);
    case 'cast': {
      const { operand: from, type: to } = expression;
      if (to.kind === 'array' && from.kind === 'literal' && typeof from.value === 'string') {
        return literalText({ ...from, type: to }, dialect);
      }
      const operand = expressionText(expression.operand, naming);
      const unbounded = expression.type.kind !== 'numeric' || expression.type.precision === undefined;
      const call = { name: 'cast', args: [expression.operand], type: expression.type };
      const template = unbounded ? templateOf(dialect.calls, call) : undefined;
      if (template !== undefined) return fill(template, [operand]);
      return atom(`CAST(${operand.text} AS ${typeText(expression.type, dialect)})`);
    }
    case 'case': {
      const branches = expression.branches.map(
        ({ when, then }) => `WHEN ${expressionText(when, naming).text} THEN ${expressionText(then, naming).text}`,
      );
      const otherwise =
        expression.otherwise === undefined ? '' : ` ELSE ${expressionText(expression.otherwise, naming).text}`;
      return atom(`CASE ${branches.join(' ')}${otherwise} END`);
    }
    case 'subquery':
      return subqueryText(expression, naming);
    case 'call':
      return callText(expression, naming);
  }
}

/** LIKE with a constant pattern that escapes nothing means the same in every dialect that has an ESCAPE template. */
const plainPattern = ({ name, args }: Call, template: string | undefined): boolean =>
  (name === 'like' || name === 'ilike') &&
  args.length === 2 &&
  template?.includes('ESCAPE') === true &&
  args[1]?.kind === 'literal' &&
  !String(args[1].value).includes('\\');

const callText = (call: Call, naming: Naming): Piece => {
  const spelling = templateOf(naming.dialect.calls, call);
  const template = plainPattern(call, spelling) ? undefined : spelling;
  const compared = COMPARISONS.has(call.name) && call.name !== '=' && call.name !== '<>';
  const args = call.args.map((arg) => {
    const piece = expressionText(arg, naming);
    return compared ? byCodePoint(piece, arg, naming.dialect) : piece;
  });
  if (template !== undefined) return fill(template, args);
  const infix = INFIX.get(call.name);
  if (infix !== undefined && args.length >= 2) return chain(infix.text, infix.binding, infix.associative, args);
  const quantified = /^(\S+) (any|all)$/.exec(call.name);
  if (quantified !== null) {
    const [, operator, quantifier] = quantified;
    const text = `${within(args[0]!, BINDING.comparison + 1)} ${operator} ${quantifier!.toUpperCase()} (${args[1]!.text})`;
    return { text, binding: BINDING.comparison };
  }
  const spelled = SPELLING.get(call.name);
  if (spelled !== undefined) return spelled(args);
  return atom(`${call.name}(${args.map((arg) => arg.text).join(', ')})`);
};

/** `a + b + c`; a non-associative operator's operands bind more strongly than itself. */
function chain(operator: string, binding: number, associative: boolean, args: readonly Piece[]): Piece {
  const texts = args.map((arg, i) => within(arg, i === 0 && associative ? binding : binding + 1));
  return { text: texts.join(` ${operator} `), binding };
}

/** Text is compared by code point whatever the silo's own collation is. */
export const byCodePoint = (piece: Piece, of: Expression, dialect: Dialect): Piece =>
  dialect.codePointOrder !== undefined && isText(of.type) && of.kind !== 'literal'
    ? fill(dialect.codePointOrder, [piece])
    : piece;

/**
 * The dialect's own spelling of a call, the most special one first: `name('first argument')`, `name(kinds of all arguments)`,
 * `name(kind of the first):kind of the result`, `name(kind of the first)`, `name:kind of the result`,
 * `name/number of arguments`, `name`. Casts go by the name `cast`.
 */
function templateOf(
  table: Readonly<Record<string, string>> | undefined,
  call: Pick<Call, 'name' | 'args' | 'type'>,
): string | undefined {
  if (table === undefined) return undefined;
  const kinds = call.args.map((arg) => arg.type.kind);
  const first = call.args[0];
  for (const key of [
    `${call.name}('${first?.kind === 'literal' ? String(first.value) : ''}')`,
    `${call.name}(${kinds.join(',')})`,
    `${call.name}(${kinds[0] ?? ''}):${call.type.kind}`,
    `${call.name}(${kinds[0] ?? ''})`,
    `${call.name}:${call.type.kind}`,
    `${call.name}/${call.args.length}`,
    call.name,
  ]) {
    if (Object.hasOwn(table, key)) return table[key];
  }
  return undefined;
}

const booleanLiteral = (value: boolean | null): Expression => ({ kind: 'literal', value, type: scalar('boolean') });

/** `(a, b) IN (SELECT …)` by EXISTS: true for a row that is equal, unknown for one of which no part is surely another. */
function rowAmong({ form, operands, plan, type }: Subquery): Expression {
  const equal = operands.map((operand, i): Expression => {
    const { id, type: own } = plan.columns[i]!;
    return { kind: 'call', name: '=', args: [operand, { kind: 'column', id, type: own }], type };
  });
  const perhaps = equal.map((test): Expression => ({ kind: 'call', name: 'is_not_false', args: [test], type }));
  const any = (tests: readonly Expression[]): Expression => {
    const rows = node({ kind: 'filter', input: plan, predicate: conjunction(tests)!, columns: plan.columns });
    return { kind: 'subquery', form: 'exists', operands: [], plan: rows, type };
  };
  const branches = [
    { when: any(equal), then: booleanLiteral(form !== 'all') },
    { when: any(perhaps), then: booleanLiteral(null) },
  ];
  return { kind: 'case', branches, otherwise: booleanLiteral(form === 'all'), type };
}

const isRowAmong = ({ form, operands, operator = '=' }: Subquery): boolean =>
  operands.length > 1 && (form === 'all' ? operator === '<>' : form !== 'scalar' && operator === '=');

function subqueryText(subquery: Subquery, naming: Naming): Piece {
  if (isRowAmong(subquery) && naming.dialect.lacks?.includes('row-subqueries')) {
    return expressionText(rowAmong(subquery), naming);
  }
  const select = `(${naming.subquery(subquery.plan)})`;
  const operands = subquery.operands.map((operand) => expressionText(operand, naming));
  const left =
    operands.length === 1
      ? within(operands[0]!, BINDING.comparison + 1)
      : `(${operands.map((operand) => operand.text).join(', ')})`;
  switch (subquery.form) {
    case 'scalar':
      return atom(select);
    case 'exists':
      return atom(`EXISTS ${select}`);
    case 'array':
      return atom(`ARRAY${select}`);
    case 'in':
      return { text: `${left} IN ${select}`, binding: BINDING.like };
    case 'any':
    case 'all':
      return {
        text: `${left} ${subquery.operator ?? '='} ${subquery.form.toUpperCase()} ${select}`,
        binding: BINDING.comparison,
      };
  }
}

/** `DISTINCT a, b ORDER BY c`: what stands in an aggregate's brackets. */
function argumentsOf(call: AggregateCall, naming: Naming): readonly Piece[] {
  const ordersText = call.name === 'min' || call.name === 'max';
  // With DISTINCT a sort key must be spelled as the argument it is.
  // The least of all is the least of the different ones.
  const distinct = call.distinct && !ordersText;
  const isKey = (arg: Expression): boolean =>
    distinct && call.orderBy.some((key) => sameExpression(key.expression, arg));
  const args = call.args.map((arg) => {
    const piece = expressionText(arg, naming);
    return ordersText || isKey(arg) ? byCodePoint(piece, arg, naming.dialect) : piece;
  });
  const order = call.orderBy.length > 0 && call.withinGroup !== true ? ` ${orderBy(call.orderBy, naming)}` : '';
  return args.map((arg, i) => {
    const before = i === 0 && distinct ? 'DISTINCT ' : '';
    const after = i === args.length - 1 ? order : '';
    return before === '' && after === '' ? arg : atom(before + arg.text + after);
  });
}

/**
 * An aggregate. In a template of the dialect `$tail` stands for the FILTER (and OVER) clause, so that
 * `CAST(sum($1)$tail AS BIGINT)` wraps the whole call.
 */
export function aggregateText(call: AggregateCall, naming: Naming): Piece {
  const filter = call.filter === undefined ? '' : ` FILTER (WHERE ${expressionText(call.filter, naming).text})`;
  const within = call.withinGroup === true ? ` WITHIN GROUP (${orderBy(call.orderBy, naming, true)})` : '';
  return callWithTail(call, argumentsOf(call, naming), `${within}${filter}`, naming.dialect);
}

function callWithTail(
  call: Pick<Call, 'name' | 'args' | 'type'>,
  args: readonly Piece[],
  tail: string,
  dialect: Dialect,
): Piece {
  const standard = args.length === 0 && call.name === 'count' ? 'count(*)' : `${call.name}($*)`;
  const template = templateOf(dialect.aggregates, call) ?? standard;
  const placed = template.includes('$tail') ? template : `${template}$tail`;
  return atom(fill(placed.replaceAll('$tail', '\u0001'), args).text.replaceAll('\u0001', () => tail));
}

export function windowText(call: WindowCall, naming: Naming): Piece {
  const args = call.args.map((arg) => expressionText(arg, naming));
  const partition = call.partitionBy.map((part) => expressionText(part, naming).text).join(', ');
  const over = [
    partition === '' ? '' : `PARTITION BY ${partition}`,
    // A frame by distance needs a key, were it a constant.
    call.orderBy.length === 0 ? '' : orderBy(call.orderBy, naming, call.frame?.unit === 'range'),
    frameText(call, naming),
  ];
  const filter = call.filter === undefined ? '' : ` FILTER (WHERE ${expressionText(call.filter, naming).text})`;
  const tail = `${filter} OVER (${over.filter((part) => part !== '').join(' ')})`;
  return callWithTail(call, args, tail, naming.dialect);
}

function frameText({ frame }: WindowCall, naming: Naming): string {
  if (frame === undefined) return '';
  const bound = (end: FrameBound): string =>
    'offset' in end
      ? `${expressionText(end.offset, naming).text} ${end.kind.toUpperCase()}`
      : end.kind.replace('-', ' ').toUpperCase();
  const exclude = frame.exclude === undefined ? '' : ` EXCLUDE ${frame.exclude.replace('-', ' ').toUpperCase()}`;
  return `${frame.unit.toUpperCase()} BETWEEN ${bound(frame.start)} AND ${bound(frame.end)}${exclude}`;
}

/** A bare constant: in ORDER BY and GROUP BY it would be a position, or an error. */
export const isConstantText = (text: string): boolean => /^('([^']|'')*'|-?\d+(\.\d+)?|TRUE|FALSE|NULL)$/.test(text);

/** `ORDER BY a DESC NULLS FIRST, …`, or nothing when only constants are left. */
export function orderBy(keys: readonly SortKey[], naming: Naming, constants = false): string {
  const parts = keys.filter(({ expression }) => constants || !isConstantText(expressionText(expression, naming).text));
  return parts.length === 0 ? '' : `ORDER BY ${parts.map((key) => sortKey(key, naming)).join(', ')}`;
}

function sortKey({ expression, descending, nullsFirst }: SortKey, naming: Naming): string {
  const { dialect } = naming;
  const piece = byCodePoint(expressionText(expression, naming), expression, dialect);
  const direction = descending ? ' DESC' : '';
  if (dialect.nullOrdering === 'standard') {
    const before = dialect.sortKeys?.[expression.type.kind];
    const texts = before === undefined ? [piece.text] : [fill(before, [piece]).text, piece.text];
    return texts.map((text) => `${text}${direction} NULLS ${nullsFirst ? 'FIRST' : 'LAST'}`).join(', ');
  }
  const isNull = `CASE WHEN ${within(piece, BINDING.comparison)} IS NULL THEN 1 ELSE 0 END`;
  return `${isNull}${nullsFirst ? ' DESC' : ''}, ${piece.text}${direction}`;
}

/** A plan that names a column which nothing below makes: a defect of a rule, never of the user. */
export const unknownColumn = (id: ColumnId): CausewayError =>
  new CausewayError(SQLSTATE.internalError, `column #${id} is used where no input makes it`);
