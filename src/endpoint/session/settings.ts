/** A session's settings: PostgreSQL's own, which the oracle checks, and what they mean for values and time limits. */
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import { TimeZone } from '../values/calendar.ts';
import { DEFAULT_OUTPUT, type OutputSettings } from '../values/output-settings.ts';

/** Settings whose changes the client is told of (PostgreSQL's GUC_REPORT). */
export const REPORTED = [
  'server_version',
  'server_encoding',
  'client_encoding',
  'application_name',
  'default_transaction_read_only',
  'in_hot_standby',
  'is_superuser',
  'session_authorization',
  'DateStyle',
  'IntervalStyle',
  'TimeZone',
  'integer_datetimes',
  'standard_conforming_strings',
  'search_path',
  'scram_iterations',
] as const;

export type Settings = ReadonlyMap<string, string>;

/** Milliseconds by setting; 0 is no limit. */
export interface TimeLimits {
  readonly statement: number;
  readonly idleInTransaction: number;
  readonly idle: number;
}

/**
 * What the settings mean for output.
 * @throws CausewayError 0A000 for a style of dates, times or intervals other than PostgreSQL's default one
 */
export function outputSettings(settings: Settings): OutputSettings {
  const dates = settings.get('DateStyle');
  if (dates !== undefined && !dates.startsWith('ISO')) throw unsupported('DateStyle', dates, "'ISO'");
  const intervals = settings.get('IntervalStyle');
  if (intervals !== undefined && intervals !== 'postgres') throw unsupported('IntervalStyle', intervals, "'postgres'");
  const zone = settings.get('TimeZone');
  return {
    timeZone: zone === undefined ? DEFAULT_OUTPUT.timeZone : new TimeZone(zone),
    byteaOutput: settings.get('bytea_output') === 'escape' ? 'escape' : 'hex',
    extraFloatDigits: Number(settings.get('extra_float_digits') ?? DEFAULT_OUTPUT.extraFloatDigits),
  };
}

const unsupported = (name: string, value: string, only: string): CausewayError =>
  new CausewayError(SQLSTATE.featureNotSupported, `${name} ${value} is not supported`, {
    hint: `SET ${name} = ${only}.`,
  });

export function timeLimits(settings: Settings): TimeLimits {
  const milliseconds = (name: string): number => Number(settings.get(name) ?? 0) || 0;
  return {
    statement: milliseconds('statement_timeout'),
    idleInTransaction: milliseconds('idle_in_transaction_session_timeout'),
    idle: milliseconds('idle_session_timeout'),
  };
}
