/**
 * `ml.time_features(t)` in a select list: a moment's place in the day, the week and the year as points on a circle, sine and cosine of
 * each. It stands for plain expressions of `t`, so that silos compute it and forecasts know it of the rows to come.
 */
import type { FuncCall, Node } from '@pgsql/types';
import { SQLSTATE } from '../../plan/errors.ts';
import { didYouMean } from '../../plan/nearest.ts';
import { isTemporal, typeName } from '../../plan/types.ts';
import { errorAt, type Level, nameParts } from './context.ts';
import type { BindExpression } from './operators.ts';
import { parseSelect } from './parse.ts';

/** Share of each circle that has passed, of the moment `t`. A year is 365.25 days here: where it begins is smooth enough. */
const CIRCLES: Readonly<Record<string, string>> = {
  day: 'extract(hour FROM t)::float8 / 24 + extract(minute FROM t)::float8 / 1440',
  week: 'extract(isodow FROM t)::float8 / 7',
  year: 'extract(doy FROM t)::float8 / 365.25',
};

/** One column that a call stands for. */
export interface TimeFeature {
  readonly name: string;
  readonly syntax: Node;
}

/**
 * The columns of `ml.time_features(t [, 'day' | 'week' | 'year' …])`: `day_sin`, `day_cos` …; undefined for anything else.
 * @throws CausewayError 42883 for other arguments
 */
export function timeFeatures(syntax: Node, level: Level, bind: BindExpression): readonly TimeFeature[] | undefined {
  if (!('FuncCall' in syntax)) return undefined;
  const { args = [], funcname, location } = syntax.FuncCall;
  if (nameParts(funcname).join('.') !== 'ml.time_features') return undefined;
  const refuse = (message: string, hint: string) =>
    errorAt(level, SQLSTATE.undefinedFunction, message, location, { hint });
  const [moment, ...asked] = args;
  if (moment === undefined) throw refuse('ml.time_features needs a time', 'Write ml.time_features(ts).');
  // Bound on its own first, so that the message is about what was written.
  const { type } = bind(moment, level);
  if (!isTemporal(type)) {
    throw refuse(
      `ml.time_features cannot take ${typeName(type)}`,
      'Give it a date or a timestamp; cast it if need be.',
    );
  }
  const known = Object.keys(CIRCLES).filter((circle) => circle !== 'day' || type.kind !== 'date');
  const circles = asked.map((arg) => circleNamed(arg, known, refuse));
  return (circles.length === 0 ? known : circles).flatMap((circle) =>
    ['sin', 'cos'].map((wave) => ({ name: `${circle}_${wave}`, syntax: wavesOf(wave, circle, moment) })),
  );
}

function circleNamed(arg: Node, known: readonly string[], refuse: (message: string, hint: string) => Error): string {
  const name = 'A_Const' in arg ? arg.A_Const.sval?.sval : undefined;
  if (name !== undefined && known.includes(name)) return name;
  const hint = (name === undefined ? undefined : didYouMean(name, known)) ?? `It knows ${known.join(', ')}.`;
  throw refuse(`ml.time_features has no circle ${name === undefined ? 'of this kind' : `"${name}"`}`, hint);
}

/** The expression's syntax, with `moment` for every `t`. */
function wavesOf(wave: string, circle: string, moment: Node): Node {
  const { select } = parseSelect(`SELECT ${wave}(2 * pi() * (${CIRCLES[circle]}))`);
  const [item] = select.targetList ?? [];
  const value = item !== undefined && 'ResTarget' in item ? item.ResTarget.val! : moment;
  return JSON.parse(JSON.stringify(value), (_, part: unknown) =>
    typeof part === 'object' && part !== null && 'ColumnRef' in part ? moment : part,
  ) as Node;
}

/** Where a function of `ml` stands that cannot stand there. */
export const misplaced = ({ funcname, location }: FuncCall, level: Level) => {
  const name = nameParts(funcname).join('.');
  return errorAt(level, SQLSTATE.featureNotSupported, `${name} cannot stand in an expression`, location, {
    hint:
      name === 'ml.time_features'
        ? 'It stands for several columns: make it an item of the select list.'
        : `Select FROM it: SELECT … FROM ${name}(…).`,
  });
};
