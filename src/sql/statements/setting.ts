/** `SET [SESSION] name = value | TO value | TO DEFAULT`, `RESET name`. */
import type { Cursor } from './cursor.ts';
import type { Located, SetSetting } from './statement.ts';

export function set(cursor: Cursor): SetSetting {
  if (!cursor.accept('session')) cursor.accept('local');
  if (cursor.accept('time', 'zone')) {
    return { kind: 'set', name: { value: 'timezone', offset: cursor.token.start }, ...value(cursor) };
  }
  const name = settingName(cursor);
  if (!cursor.accept('to')) cursor.expect('=', 'to');
  return { kind: 'set', name, ...value(cursor) };
}

export const reset = (cursor: Cursor): SetSetting => ({ kind: 'set', name: settingName(cursor) });

function settingName(cursor: Cursor): Located<string> {
  const { value, offset } = cursor.name('a setting');
  let name = value;
  while (cursor.accept('.')) name += `.${cursor.name('a setting').value}`;
  return { value: name, offset };
}

function value(cursor: Cursor): { value: string } | Record<string, never> {
  if (cursor.accept('default')) return {};
  const parts: string[] = [];
  do parts.push(String(cursor.value().value));
  while (cursor.accept(','));
  return { value: parts.join(', ') };
}
