/** Checks the options of `FEDERATE strategy (…)` against the strategy's own list. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { didYouMean } from '../../src/plan/nearest.ts';
import type { OptionSpec, Strategy, StrategyOptions } from './strategy.ts';

/**
 * The strategy's defaults overlaid with `given`.
 * @throws CausewayError 42704 for an unknown option (naming the nearest), 22023 for a value out of range.
 */
export function resolveOptions(strategy: Strategy, given: Readonly<Record<string, number>>): StrategyOptions {
  const known = new Map(strategy.options.map((spec) => [spec.name, spec]));
  const resolved: Record<string, number> = {};
  for (const spec of strategy.options) resolved[spec.name] = spec.default;
  for (const [name, value] of Object.entries(given)) {
    const spec = known.get(name);
    if (spec === undefined) throw unknownOption(strategy, name);
    if (!inRange(spec, value)) throw outOfRange(strategy, spec, value);
    resolved[name] = value;
  }
  return Object.freeze(resolved);
}

function unknownOption(strategy: Strategy, name: string): CausewayError {
  const names = strategy.options.map((spec) => spec.name);
  return new CausewayError(SQLSTATE.undefinedObject, `strategy ${strategy.name} has no option "${name}"`, {
    hint: didYouMean(name, names) ?? `${strategy.name} takes no options of its own.`,
  });
}

function inRange(spec: OptionSpec, value: number): boolean {
  if (!Number.isFinite(value) || value > spec.max || value < spec.min) return false;
  if (spec.exclusiveMin === true && value === spec.min) return false;
  return spec.integer !== true || Number.isInteger(value);
}

function outOfRange(strategy: Strategy, spec: OptionSpec, value: number): CausewayError {
  const open = spec.exclusiveMin === true ? 'above' : 'from';
  const upTo = spec.max === Number.MAX_VALUE ? '' : ` up to ${spec.max}`;
  return new CausewayError(
    SQLSTATE.invalidParameterValue,
    `option ${spec.name} of strategy ${strategy.name} cannot be ${value}`,
    { hint: `It is ${spec.integer === true ? 'a whole number' : 'a number'} ${open} ${spec.min}${upTo}.` },
  );
}
