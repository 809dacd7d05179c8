/** `make_interval(days => 3)`: arguments by the names of parameters, and parameters that are left out. */
import type { FuncCall, Node } from '@pgsql/types';
import { SQLSTATE } from '../../plan/errors.ts';
import { didYouMean } from '../../plan/nearest.ts';
import { errorAt, type Level, notModelled } from './context.ts';

/** Functions with parameters that may be left out; they are 0 then. */
const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  make_interval: ['years', 'months', 'weeks', 'days', 'hours', 'mins', 'secs'],
};

const ZERO: Node = { A_Const: { ival: { ival: 0 } } };

/** The call's arguments in the order of its parameters. */
export function positionalArguments(name: string, written: FuncCall, level: Level): readonly Node[] {
  const { args = [], location } = written;
  const parameters = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
  if (written.func_variadic || (parameters === undefined && args.some((arg) => 'NamedArgExpr' in arg))) {
    throw notModelled(level, `named or VARIADIC arguments of ${name}`, location);
  }
  if (parameters === undefined) return args;
  const given = new Map<number, Node>();
  args.forEach((arg, i) => {
    const named = 'NamedArgExpr' in arg ? arg.NamedArgExpr : undefined;
    const at = named === undefined ? i : parameters.indexOf(named.name ?? '');
    if (at < 0 || at >= parameters.length) {
      const hint = didYouMean(named?.name ?? '', parameters);
      throw errorAt(
        level,
        SQLSTATE.undefinedFunction,
        `function ${name} has no parameter "${named?.name ?? i + 1}"`,
        location,
        hint === undefined ? {} : { hint },
      );
    }
    given.set(at, named?.arg ?? arg);
  });
  return parameters.map((_, i) => given.get(i) ?? ZERO);
}
