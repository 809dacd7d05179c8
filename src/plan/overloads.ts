/** Choosing the overload of a call by argument types: PostgreSQL's rules (its manual, §10.2 and §10.3). */
import { commonNumeric } from './decimals.ts';
import { castsImplicitly, categoryOf, isPreferred, type ParameterType, type Signature } from './signatures.ts';
import { arrayOf, type SqlType, scalar } from './types.ts';

/** A chosen overload with every polymorphic type replaced. */
export interface Resolution {
  /** One type per argument; undefined where any type is taken as it is. */
  readonly parameters: readonly (SqlType | undefined)[];
  readonly result: SqlType;
}

/** The overload that PostgreSQL would choose, `ambiguous` when it could not, or undefined when none fits. */
export function resolveOverload(
  overloads: readonly Signature[],
  args: readonly SqlType[],
): Resolution | 'ambiguous' | undefined {
  const fitting = overloads.filter((overload) => fits(overload, args));
  if (fitting.length === 0) return undefined;
  const exact = fitting.filter((overload) => args.every((arg, i) => matches(parameter(overload, i), arg)));
  if (exact.length > 0) return instantiate(exact[0]!, args);

  // A literal beside a typed operand is taken to be of that operand's type (§10.2, 2a).
  const known = args.filter((arg) => arg.kind !== 'unknown');
  if (args.length === 2 && known.length === 1) {
    const both = fitting.filter(
      (overload) => matches(parameter(overload, 0), known[0]!) && matches(parameter(overload, 1), known[0]!),
    );
    if (both.length > 0) return instantiate(both[0]!, args);
  }

  let candidates = best(fitting, (overload) => count(args, (arg, i) => matches(parameter(overload, i), arg)));
  candidates = best(candidates, (overload) =>
    count(args, (arg, i) => {
      const type = parameter(overload, i);
      return matches(type, arg) || (isConcrete(type) && isPreferred(type) && categoryOf(type) === categoryOf(arg));
    }),
  );
  for (let i = 0; i < args.length && candidates.length > 1; i++) {
    if (args[i]!.kind !== 'unknown') continue;
    candidates = narrowUnknown(candidates, i);
  }
  if (candidates.length > 1 && known.length > 0 && known.every((arg) => arg.kind === known[0]!.kind)) {
    const same = candidates.filter((overload) => args.every((_, i) => accepts(parameter(overload, i), known[0]!)));
    if (same.length === 1) candidates = same;
  }
  return candidates.length === 1 ? instantiate(candidates[0]!, args) : 'ambiguous';
}

/** For an untyped literal: strings first if any candidate takes one, else the one category all agree on; then preferred types. */
function narrowUnknown(candidates: readonly Signature[], i: number): readonly Signature[] {
  const categories = candidates.map((overload) => categoryOfParameter(parameter(overload, i)));
  const category = categories.includes('string')
    ? 'string'
    : categories.every((c) => c === categories[0])
      ? categories[0]
      : undefined;
  if (category === undefined) return candidates;
  const within = candidates.filter((_, at) => categories[at] === category);
  const preferred = within.filter((overload) => {
    const type = parameter(overload, i);
    return isConcrete(type) && isPreferred(type);
  });
  return preferred.length > 0 ? preferred : within;
}

const isConcrete = (type: ParameterType): type is SqlType =>
  type.kind !== 'any' && type.kind !== 'anynonarray' && type.kind !== 'anyelement' && type.kind !== 'anyarray';

const categoryOfParameter = (type: ParameterType): string => (isConcrete(type) ? categoryOf(type) : type.kind);

const count = (args: readonly SqlType[], test: (arg: SqlType, i: number) => boolean): number =>
  args.filter(test).length;

function best(candidates: readonly Signature[], score: (overload: Signature) => number): readonly Signature[] {
  if (candidates.length < 2) return candidates;
  const top = Math.max(...candidates.map(score));
  return candidates.filter((overload) => score(overload) === top);
}

const parameter = (overload: Signature, i: number): ParameterType =>
  overload.parameters[Math.min(i, overload.parameters.length - 1)]!;

/** Character types are one type here: PostgreSQL reads varchar and char as text without a conversion. */
const family = (type: SqlType): string => (categoryOf(type) === 'string' ? 'text' : type.kind);

const matches = (type: ParameterType, arg: SqlType): boolean =>
  isConcrete(type)
    ? type.kind === 'array' && arg.kind === 'array'
      ? matches(type.element, arg.element)
      : family(type) === family(arg)
    : type.kind === 'anyarray' && arg.kind === 'array';

function accepts(type: ParameterType, arg: SqlType): boolean {
  if (isConcrete(type)) return castsImplicitly(arg, type);
  if (type.kind === 'anynonarray') return arg.kind !== 'array';
  return type.kind !== 'anyarray' || arg.kind === 'array' || arg.kind === 'unknown';
}

function fits(overload: Signature, args: readonly SqlType[]): boolean {
  const { parameters, variadic } = overload;
  if (variadic ? args.length < parameters.length : args.length !== parameters.length) return false;
  return args.every((arg, i) => accepts(parameter(overload, i), arg)) && elementOf(overload, args) !== 'conflict';
}

/** The type that `anyelement` stands for in this call. */
function elementOf(overload: Signature, args: readonly SqlType[]): SqlType | 'conflict' | undefined {
  let element: SqlType | undefined;
  for (const [i, arg] of args.entries()) {
    const type = parameter(overload, i);
    if (arg.kind === 'unknown' || isConcrete(type) || type.kind === 'any' || type.kind === 'anynonarray') continue;
    const found = type.kind === 'anyarray' && arg.kind === 'array' ? arg.element : arg;
    if (element?.kind === 'numeric' && found.kind === 'numeric') element = commonNumeric([element, found]);
    else if (element === undefined || castsImplicitly(element, found)) element = found;
    else if (!castsImplicitly(found, element)) return 'conflict';
  }
  return element;
}

function instantiate(overload: Signature, args: readonly SqlType[]): Resolution {
  const found = elementOf(overload, args);
  const element = found === undefined || found === 'conflict' ? scalar('text') : found;
  const concrete = (type: ParameterType): SqlType =>
    isConcrete(type) ? type : type.kind === 'anyarray' ? arrayOf(element) : element;
  return {
    parameters: args.map((_, i) => {
      const type = parameter(overload, i);
      return type.kind === 'any' || type.kind === 'anynonarray' ? undefined : concrete(type);
    }),
    result: concrete(overload.result),
  };
}
