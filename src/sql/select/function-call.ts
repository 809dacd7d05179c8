/** Function calls: plain ones, aggregates, window calls, casts in function form, and sets in the select list. */
import type { FuncCall } from '@pgsql/types';
import { numericResult } from '../../plan/decimals.ts';
import { SQLSTATE } from '../../plan/errors.ts';
import type { AggregateCall, Column, Expression, SortKey, WindowCall } from '../../plan/expressions.ts';
import { type FunctionEntry, functionNamed } from '../../plan/functions.ts';
import { node } from '../../plan/nodes.ts';
import { columnsOf } from '../../plan/traverse.ts';
import { isText, scalar } from '../../plan/types.ts';
import { call, functionEntry, resolveCall } from './calls.ts';
import { explicitCast } from './coerce.ts';
import { errorAt, type Level, nameParts, newColumn, notModelled, reference, within } from './context.ts';
import { positionalArguments } from './named-arguments.ts';
import { idsOf } from './names.ts';
import type { BindExpression } from './operators.ts';
import { sortKeys } from './sort-keys.ts';
import { misplaced } from './time-features.ts';
import { typeOf } from './type-names.ts';
import { windowOf } from './window.ts';

/** Binds a call in an expression. */
export function functionCall(written: FuncCall, level: Level, bind: BindExpression): Expression {
  const parts = nameParts(written.funcname);
  const name = parts.at(-1) ?? '';
  const { location } = written;
  if (parts.length === 2 && parts[0] === 'ml') throw misplaced(written, level);
  const args = positionalArguments(name, written, level);
  const asCast = castByName(name, written, level, bind);
  if (asCast !== undefined) return asCast;
  const entry = functionNamed(name);
  const isAggregate = entry?.class === 'aggregate';
  if (parts.length > 1 && parts[0] !== 'pg_catalog') throw notModelled(level, `function ${parts.join('.')}`, location);
  if (written.over !== undefined) return windowCall(name, written, level, bind);
  if (isAggregate) return aggregateCall(entry, written, level, bind);
  const bound = args.map((arg) => bind(arg, level));
  const found = functionEntry(level, name, bound, location);
  if (found.class === 'window') {
    throw errorAt(level, SQLSTATE.wrongObjectType, `window function ${found.name} requires an OVER clause`, location);
  }
  const plain =
    written.agg_distinct || written.agg_star || written.agg_filter !== undefined || written.agg_order !== undefined;
  if (plain) {
    const message = `${written.agg_star ? '(*)' : 'DISTINCT, FILTER or ORDER BY'} specified, but ${name} is not an aggregate function`;
    throw errorAt(level, SQLSTATE.wrongObjectType, message, location);
  }
  const resolved = resolveCall(level, found, bound, location);
  if (found.class !== 'set') return call(found.name, inTextForm(found.name, resolved.args), resolved.type);
  if (level.collected === undefined || level.clause !== 'SELECT') {
    throw errorAt(
      level,
      SQLSTATE.featureNotSupported,
      `set-returning functions are not allowed in ${level.clause}`,
      location,
    );
  }
  const column = newColumn(level, found.name, resolved.type);
  const source = node({ kind: 'table-function', name: found.name, args: resolved.args, columns: [column] });
  level.collected.sets.push({ source, column });
  return reference(column);
}

/** concat() writes values as results show them: `t`, where a cast says `true`. */
function inTextForm(name: string, args: readonly Expression[]): readonly Expression[] {
  if (name !== 'concat' && name !== 'concat_ws') return args;
  const letter = (value: string): Expression => ({ kind: 'literal', value, type: scalar('text') });
  return args.map((arg) => {
    if (isText(arg.type)) return arg;
    if (arg.type.kind !== 'boolean') return { kind: 'cast', operand: arg, type: scalar('text') };
    const branches = [
      { when: arg, then: letter('t') },
      { when: call('not', [arg], arg.type), then: letter('f') },
    ];
    return { kind: 'case', branches, type: scalar('text') };
  });
}

/** `date(x)` is a cast, unless a function of that name takes the arguments. */
function castByName(
  name: string,
  { args = [], location }: FuncCall,
  level: Level,
  bind: BindExpression,
): Expression | undefined {
  if (args.length !== 1 || functionNamed(name) !== undefined) return undefined;
  const castable = [
    'date',
    'text',
    'bool',
    'int2',
    'int4',
    'int8',
    'float4',
    'float8',
    'numeric',
    'varchar',
    'timestamptz',
  ];
  if (!castable.includes(name)) return undefined;
  const type = typeOf(level, { names: [{ String: { sval: name } }] });
  return explicitCast(level.statement, bind(args[0]!, level), type, level.locate(location));
}

/** The parts that aggregates and windows share. */
interface CallParts {
  readonly args: readonly Expression[];
  readonly orderBy: readonly SortKey[];
  readonly filter?: Expression;
}

function callParts(written: FuncCall, level: Level, bind: BindExpression): CallParts {
  const args = (written.args ?? []).map((arg) => bind(arg, level));
  const orderBy = sortKeys(written.agg_order ?? [], level, (key) => bind(key, level));
  if (written.agg_filter === undefined) return { args, orderBy };
  const filter = bind(written.agg_filter, within(level, { clause: 'FILTER' }));
  return { args, orderBy, filter };
}

function aggregateCall(entry: FunctionEntry, written: FuncCall, level: Level, bind: BindExpression): Expression {
  const { location } = written;
  const inside = within(level, { clause: 'aggregate arguments' });
  const parts = callParts(written, inside, bind);
  const owner = ownerOf(parts, level);
  if (owner.collected === undefined || level.clause === 'aggregate arguments' || !allowsAggregates(owner.clause)) {
    const message =
      level.clause === 'aggregate arguments'
        ? 'aggregate function calls cannot be nested'
        : `aggregate functions are not allowed in ${level.clause}`;
    throw errorAt(level, '42803', message, location);
  }
  const aggregate = resolveAggregate(entry, asText(entry, parts, written), written, level);
  const column = newColumn(level, entry.name, aggregate.type);
  owner.collected.aggregates.push({ call: aggregate, column, position: level.locate(location) });
  return reference(column);
}

/** With DISTINCT a sort key must be the argument itself; string_agg's argument is text, so its key is too. */
function asText(entry: FunctionEntry, parts: CallParts, written: FuncCall): CallParts {
  if (entry.name !== 'string_agg' || written.agg_distinct !== true || parts.orderBy.length === 0) return parts;
  const type = scalar('text');
  const cast = (operand: Expression): Expression =>
    isText(operand.type) && operand.type.kind !== 'text' && operand.kind !== 'literal'
      ? Object.freeze({ kind: 'cast', operand, type })
      : operand;
  const orderBy = parts.orderBy.map((key) => ({ ...key, expression: cast(key.expression) }));
  return { ...parts, args: parts.args.map(cast), orderBy };
}

const allowsAggregates = (clause: Level['clause']): boolean =>
  clause === 'SELECT' || clause === 'HAVING' || clause === 'ORDER BY' || clause === 'window definitions';

function resolveAggregate(entry: FunctionEntry, parts: CallParts, written: FuncCall, level: Level): AggregateCall {
  const withinGroup = written.agg_within_group === true;
  const keys = withinGroup ? parts.orderBy.map((key) => key.expression) : [];
  const resolved = resolveCall(level, entry, [...parts.args, ...keys], written.location);
  const direct = parts.args.length;
  return Object.freeze({
    name: entry.name,
    args: resolved.args.slice(0, direct),
    distinct: written.agg_distinct === true,
    ...(parts.filter === undefined ? {} : { filter: parts.filter }),
    orderBy: withinGroup
      ? parts.orderBy.map((key, i) => ({ ...key, expression: resolved.args[direct + i]! }))
      : parts.orderBy,
    ...(withinGroup ? { withinGroup } : {}),
    type:
      resolved.type.kind === 'numeric'
        ? numericResult(
            entry.name,
            resolved.args.map((arg) => arg.type),
          )
        : resolved.type,
  });
}

/**
 * The SELECT an aggregate belongs to: the innermost one whose columns it reads, as in PostgreSQL; this one when it reads
 * none.
 */
function ownerOf({ args, orderBy, filter }: CallParts, level: Level): Level {
  const read = new Set<number>();
  for (const expression of [
    ...args,
    ...orderBy.map((key) => key.expression),
    ...(filter === undefined ? [] : [filter]),
  ]) {
    columnsOf(expression, read);
  }
  if (read.size === 0) return level;
  for (let at: Level | undefined = level; at !== undefined; at = at.parent) {
    const ids = idsOf(at.namespace);
    if ([...read].some((id) => ids.has(id))) return at;
  }
  return level;
}

function windowCall(name: string, written: FuncCall, level: Level, bind: BindExpression): Expression {
  const { location, over } = written;
  if (level.collected === undefined || !(level.clause === 'SELECT' || level.clause === 'ORDER BY')) {
    throw errorAt(level, '42P20', `window functions are not allowed in ${level.clause}`, location);
  }
  if (written.agg_distinct || (written.agg_order ?? []).length > 0) {
    throw errorAt(
      level,
      SQLSTATE.featureNotSupported,
      'DISTINCT and ORDER BY are not implemented for window functions',
      location,
    );
  }
  const parts = callParts(written, level, bind);
  const entry = functionEntry(level, name, parts.args, location);
  if (entry.class !== 'window' && entry.class !== 'aggregate') {
    const message = `OVER specified, but ${name} is not a window function nor an aggregate function`;
    throw errorAt(level, SQLSTATE.wrongObjectType, message, location);
  }
  const { args, type } = resolveCall(level, entry, parts.args, location);
  const window = windowOf(over!, within(level, { clause: 'window definitions' }), bind);
  const bound: WindowCall = Object.freeze({
    name: entry.name,
    args,
    ...(parts.filter === undefined ? {} : { filter: parts.filter }),
    ...window,
    type,
  });
  const column: Column = newColumn(level, entry.name, type);
  level.collected.windows.push({ call: bound, column });
  return reference(column);
}
