/**
 * Expressions that depend on the session's time zone, said with the zone: silos and the mediator all work in UTC, so that a
 * statement means the same wherever its parts run. What PostgreSQL converts without a word becomes a call of timezone().
 */
import type { Call, Expression } from '../plan/expressions.ts';
import type { RelationalNode } from '../plan/nodes.ts';
import { mapExpression, mapExpressions, transformPlan } from '../plan/traverse.ts';
import { type SqlType, scalar } from '../plan/types.ts';

const UTC = /^(?:utc|gmt|uct|zulu|z|etc\/(?:utc|gmt|uct|zulu))$/i;

/** @param zone the session's TimeZone; undefined for the default, UTC */
export function inTimeZone(plan: RelationalNode, zone: string | undefined): RelationalNode {
  if (zone === undefined || UTC.test(zone)) return plan;
  const name: Expression = { kind: 'literal', value: zone, type: scalar('text') };
  const rewrite = (part: Expression): Expression => {
    if (part.kind === 'subquery') return { ...part, plan: inTimeZone(part.plan, zone) };
    if (part.kind === 'cast') return converted(part, name);
    if (part.kind === 'literal') return isLocalInstant(part) ? instant({ ...part, type: TIMESTAMP }, name) : part;
    return part.kind === 'call' ? called(part, name) : part;
  };
  return transformPlan(plan, (node) => mapExpressions(node, (expression) => mapExpression(expression, rewrite)));
}

const TIMESTAMP = scalar('timestamp');
const TIMESTAMPTZ = scalar('timestamptz');

const isInstant = ({ type }: Expression): boolean => type.kind === 'timestamptz';
const isLocal = ({ type }: Expression): boolean => type.kind === 'timestamp' || type.kind === 'date';

/** What clocks in the zone show at an instant. */
const local = (value: Expression, zone: Expression): Expression => ({
  kind: 'call',
  name: 'timezone',
  args: [zone, value],
  type: TIMESTAMP,
});

/** The instant at which clocks in the zone show a timestamp or the beginning of a date. */
function instant(value: Expression, zone: Expression): Expression {
  const shown: Expression = value.type.kind === 'date' ? { kind: 'cast', operand: value, type: TIMESTAMP } : value;
  return { kind: 'call', name: 'timezone', args: [zone, shown], type: TIMESTAMPTZ };
}

/** A literal that says no offset: `'2024-03-31 02:30'`. */
const isLocalInstant = ({ value, type }: Expression & { kind: 'literal' }): boolean =>
  type.kind === 'timestamptz' &&
  typeof value === 'string' &&
  /^\d{4,}-\d\d-\d\d( \d\d:\d\d(:\d\d(\.\d+)?)?)?$/.test(value);

function converted(cast: Expression & { kind: 'cast' }, zone: Expression): Expression {
  const { operand, type } = cast;
  if (isInstant(operand) && (type.kind === 'timestamp' || type.kind === 'date' || type.kind === 'time')) {
    return { ...cast, operand: local(operand, zone) };
  }
  return isLocal(operand) && type.kind === 'timestamptz' ? instant(operand, zone) : cast;
}

/** Answers of clocks; now() itself is the same everywhere. */
const CLOCKS = new Set(['current_date', 'localtimestamp', 'localtime']);

/** What clocks in the zone show now. */
function clockIn(zone: Expression, type: SqlType): Expression {
  const now: Expression = { kind: 'call', name: 'now', args: [], type: TIMESTAMPTZ };
  const shown = local(now, zone);
  return type.kind === 'timestamp' ? shown : { kind: 'cast', operand: shown, type };
}

/** The day's begin, of a date. */
const MIDNIGHT = { kind: 'cast', type: TIMESTAMP } as const;

const COMPARISONS = new Set(['=', '<>', '<', '<=', '>', '>=']);
/** Parts of an instant that are the same in every zone. */
const ABSOLUTE = new Set(['epoch', 'timezone', 'timezone_hour', 'timezone_minute']);

function called(call: Call, zone: Expression): Expression {
  const { name, args } = call;
  const [first, second] = args;
  if (CLOCKS.has(name)) return clockIn(zone, call.type);
  if (name === 'age') {
    const since = args.length === 1 ? [{ ...MIDNIGHT, operand: clockIn(zone, scalar('date')) }] : [];
    return { ...call, args: [...since, ...args.map((each) => (isInstant(each) ? local(each, zone) : each))] };
  }
  if (first === undefined || second === undefined) return call;
  if (COMPARISONS.has(name) && args.some(isInstant) && args.some(isLocal)) {
    return { ...call, args: args.map((each) => (isLocal(each) ? instant(each, zone) : each)) };
  }
  if ((name === '+' || name === '-') && isInstant(call) && args.some(({ type }) => type.kind === 'interval')) {
    // A day is not always 24 hours.
    const shifted = {
      ...call,
      args: args.map((each) => (isInstant(each) ? local(each, zone) : each)),
      type: TIMESTAMP,
    };
    return instant(shifted, zone);
  }
  if (name === 'date_trunc' && args.length === 2 && isInstant(second)) return { ...call, args: [...args, zone] };
  if (name === 'extract' || name === 'date_part') {
    const absolute = first.kind === 'literal' && ABSOLUTE.has(String(first.value).toLowerCase());
    return isInstant(second) && !absolute ? { ...call, args: [first, local(second, zone)] } : call;
  }
  if (name === 'to_char' && isInstant(first)) return { ...call, args: [local(first, zone), second] };
  return call;
}
