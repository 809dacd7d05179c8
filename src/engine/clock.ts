/**
 * The time of a statement. now() and its kin mean one instant, the same at every site, as in PostgreSQL (its manual,
 * §9.9.5): before planning they become literals, so that no silo's own clock is asked.
 */
import type { Expression } from '../plan/expressions.ts';
import type { RelationalNode } from '../plan/nodes.ts';
import {
  expressionsOf,
  mapExpression,
  mapExpressions,
  nodesOf,
  someExpression,
  transformPlan,
} from '../plan/traverse.ts';
import { type ScalarKind, scalar } from '../plan/types.ts';
import { literal } from '../sql/select/literals.ts';

export interface Clock {
  /** When the statement came. */
  readonly statement: Date;
  /** When the transaction around it began; the statement's own time where there is none. */
  readonly transaction: Date;
  /** The session's; UTC when absent. What else depends on it is in the plan already (time-zone.ts). */
  readonly zone?: string | undefined;
}

/** `2024-02-29 12:34:56.789` in UTC. */
const instant = (time: Date): string => time.toISOString().replace('T', ' ').replace('Z', '');
const day = (time: Date): string => instant(time).slice(0, 10);
const timeOfDay = (time: Date): string => instant(time).slice(11);

/** `12:34:56.789+05:30` */
function timeInZone(time: Date, zone = 'UTC'): string {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  const offset = format.formatToParts(time).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const [, sign = '+', hours = '00', minutes = '00'] = /([+-])(\d\d):(\d\d)/.exec(offset.replace('−', '-')) ?? [];
  const shift = Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  return `${timeOfDay(new Date(time.getTime() + shift))}${sign}${hours}${minutes === '00' ? '' : `:${minutes}`}`;
}

const READINGS: Readonly<Record<string, readonly [ScalarKind, (clock: Clock) => string]>> = {
  now: ['timestamptz', ({ transaction }) => `${instant(transaction)}+00`],
  transaction_timestamp: ['timestamptz', ({ transaction }) => `${instant(transaction)}+00`],
  current_timestamp: ['timestamptz', ({ transaction }) => `${instant(transaction)}+00`],
  statement_timestamp: ['timestamptz', ({ statement }) => `${instant(statement)}+00`],
  localtimestamp: ['timestamp', ({ transaction }) => instant(transaction)],
  current_date: ['date', ({ transaction }) => day(transaction)],
  localtime: ['time', ({ transaction }) => timeOfDay(transaction)],
  current_time: ['timetz', ({ transaction, zone }) => timeInZone(transaction, zone)],
};

/** `age(x)` counts from today's midnight. */
const isAge = (part: Expression): boolean => part.kind === 'call' && part.name === 'age' && part.args.length === 1;

const asksTheTime = (part: Expression): boolean =>
  part.kind === 'call' && (isAge(part) || Object.hasOwn(READINGS, part.name));

/** True when a plan means another thing at another time. */
export const readsClock = (plan: RelationalNode): boolean =>
  [...nodesOf(plan)].some((each) => expressionsOf(each).some((whole) => someExpression(whole, asksTheTime)));

/** The plan with the times that the clock shows. */
export function atTime(plan: RelationalNode, clock: Clock): RelationalNode {
  const read = (part: Expression): Expression => {
    if (part.kind === 'subquery') return { ...part, plan: atTime(part.plan, clock) };
    if (part.kind !== 'call') return part;
    if (isAge(part)) return { ...part, args: [midnight(part.args[0]!, clock), ...part.args] };
    const reading = Object.hasOwn(READINGS, part.name) ? READINGS[part.name] : undefined;
    return reading === undefined ? part : literal(reading[1](clock), scalar(reading[0]));
  };
  return transformPlan(plan, (node) => mapExpressions(node, (expression) => mapExpression(expression, read)));
}

const midnight = ({ type }: Expression, { transaction }: Clock): Expression =>
  literal(`${day(transaction)} 00:00:00${type.kind === 'timestamptz' ? '+00' : ''}`, type);
