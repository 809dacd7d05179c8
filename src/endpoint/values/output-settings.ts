/** The session's settings that change how values look as text. */
import { TimeZone } from './calendar.ts';

export interface OutputSettings {
  readonly timeZone: TimeZone;
  readonly byteaOutput: 'hex' | 'escape';
  /** 1 and more: shortest exact digits. 0 and less: that many digits fewer than 15 (double) or 6 (real). */
  readonly extraFloatDigits: number;
}

export const DEFAULT_OUTPUT: OutputSettings = Object.freeze({
  timeZone: new TimeZone('UTC'),
  byteaOutput: 'hex',
  extraFloatDigits: 1,
});
