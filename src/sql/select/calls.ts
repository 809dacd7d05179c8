/** Calls of functions and operators over bound arguments: the overload is chosen, arguments are converted. */
import { numericResult } from '../../plan/decimals.ts';
import { SQLSTATE } from '../../plan/errors.ts';
import type { Expression } from '../../plan/expressions.ts';
import { type FunctionEntry, functionNamed, functionNames } from '../../plan/functions.ts';
import { didYouMean } from '../../plan/nearest.ts';
import { resolveOverload } from '../../plan/overloads.ts';
import { bareTypeName, isNumeric, type SqlType, scalar } from '../../plan/types.ts';
import { convert, settle } from './coerce.ts';
import { errorAt, type Level, NotModelled } from './context.ts';

/** A call whose overload has been chosen. */
export interface ResolvedCall {
  readonly entry: FunctionEntry;
  readonly args: readonly Expression[];
  readonly type: SqlType;
}

export const call = (name: string, args: readonly Expression[], type: SqlType): Expression =>
  Object.freeze({ kind: 'call', name, args: Object.freeze([...args]), type });

export const boolean = (name: string, ...args: readonly Expression[]): Expression =>
  call(name, args, scalar('boolean'));

/** One condition or the AND of several. */
export const allOf = (tests: readonly Expression[]): Expression =>
  tests.length === 1 ? tests[0]! : boolean('and', ...tests);

/** One condition or the OR of several. */
export const anyOf = (tests: readonly Expression[]): Expression =>
  tests.length === 1 ? tests[0]! : boolean('or', ...tests);

/**
 * The entry of a function by its written name.
 * @throws NotModelled (42883 with the nearest name) for a name the function table does not hold
 */
export function functionEntry(
  level: Level,
  name: string,
  args: readonly Expression[],
  location: number | undefined,
): FunctionEntry {
  const entry = functionNamed(name);
  if (entry !== undefined && entry.class !== 'operator') return entry;
  const hint = didYouMean(name, functionNames());
  const message = `function ${name}(${args.map((arg) => bareTypeName(arg.type)).join(', ')}) does not exist`;
  throw new NotModelled(
    errorAt(level, SQLSTATE.undefinedFunction, message, location, hint === undefined ? {} : { hint }),
  );
}

/**
 * Chooses the overload and converts the arguments.
 * @throws CausewayError 42883 when none fits, 42725 when several do, worded as in PostgreSQL
 */
export function resolveCall(
  level: Level,
  entry: FunctionEntry,
  args: readonly Expression[],
  location: number | undefined,
): ResolvedCall {
  const types = args.map((arg) => arg.type);
  const resolved = resolveOverload(entry.signatures, types);
  if (resolved === undefined || resolved === 'ambiguous') throw noOverload(level, entry, types, resolved, location);
  const position = level.locate(location);
  const converted = args.map((arg, i) => {
    const type = resolved.parameters[i];
    // As an argument char(n) is text without its padding; comparisons ignore the padding by themselves.
    if (arg.type.kind === 'char' && type?.kind === 'text' && (entry.class !== 'operator' || entry.name === '||')) {
      return Object.freeze({ kind: 'cast' as const, operand: arg, type });
    }
    if (entry.name === '||' && resolved.result.kind === 'text')
      return convert(level.statement, arg, scalar('text'), position);
    if (type === undefined) return settle(level.statement, arg);
    // Operators take numbers of mixed types everywhere; a cast would only hide a column from its index.
    const mixes = entry.class === 'operator' && isNumeric(arg.type) && isNumeric(type);
    return mixes ? arg : convert(level.statement, arg, type, position);
  });
  const type =
    resolved.result.kind === 'numeric'
      ? numericResult(
          entry.name,
          converted.map((arg) => arg.type),
        )
      : resolved.result;
  return { entry, args: converted, type };
}

/** An operator applied to bound operands. */
export function operator(
  level: Level,
  name: string,
  args: readonly Expression[],
  location: number | undefined,
): Expression {
  const entry = functionNamed(name);
  if (entry?.class !== 'operator') {
    const message = `operator does not exist: ${operatorText(
      name,
      args.map(({ type }) => type),
    )}`;
    throw new NotModelled(errorAt(level, SQLSTATE.undefinedFunction, message, location));
  }
  const resolved = resolveCall(level, entry, args, location);
  return call(entry.name, resolved.args, resolved.type);
}

function noOverload(
  level: Level,
  entry: FunctionEntry,
  types: readonly SqlType[],
  resolved: 'ambiguous' | undefined,
  location: number | undefined,
): Error {
  const isOperator = entry.class === 'operator';
  const written = isOperator ? operatorText(entry.name, types) : `${entry.name}(${types.map(bareTypeName).join(', ')})`;
  const kind = isOperator ? 'operator' : 'function';
  if (resolved === 'ambiguous') {
    return errorAt(
      level,
      '42725',
      isOperator ? `operator is not unique: ${written}` : `function ${written} is not unique`,
      location,
      {
        hint: `Could not choose a best candidate ${kind}. You might need to add explicit type casts.`,
      },
    );
  }
  const message = isOperator ? `operator does not exist: ${written}` : `function ${written} does not exist`;
  return errorAt(level, SQLSTATE.undefinedFunction, message, location, {
    hint: `No ${kind} matches the given name and argument types. You might need to add explicit type casts.`,
  });
}

const SPELLING: Readonly<Record<string, string>> = { negate: '-', plus: '+', bit_not: '~', like: '~~', ilike: '~~*' };

function operatorText(name: string, types: readonly SqlType[]): string {
  const symbol = SPELLING[name] ?? name;
  return types.length === 1 ? `${symbol} ${bareTypeName(types[0]!)}` : types.map(bareTypeName).join(` ${symbol} `);
}
