/** `SHOW SILOS | MODELS | TABLES | setting` and `DESCRIBE MODEL m | [TABLE] silo.table`. */
import type { Cursor } from './cursor.ts';
import type { Describe, Show } from './statement.ts';

const LISTS: Readonly<Record<string, 'silos' | 'models' | 'tables'>> = {
  silo: 'silos',
  silos: 'silos',
  model: 'models',
  models: 'models',
  tables: 'tables',
};

export function show(cursor: Cursor): Show {
  const list = cursor.token.kind === 'word' ? LISTS[cursor.token.value] : undefined;
  let { value: name } = cursor.name('SILOS, MODELS, TABLES or a setting');
  if (list !== undefined) return { kind: 'show', what: list };
  // SHOW TIME ZONE, SHOW TRANSACTION ISOLATION LEVEL: settings of several words, joined as PostgreSQL names them.
  if (name === 'time' && cursor.accept('zone')) name = 'timezone';
  if (name === 'transaction' && cursor.accept('isolation', 'level')) name = 'transaction_isolation';
  while (cursor.accept('.')) name += `.${cursor.name('a setting').value}`;
  return { kind: 'show', what: 'setting', name };
}

export function describe(cursor: Cursor): Describe {
  const object = cursor.accept('model') ? 'model' : 'table';
  if (object === 'table') cursor.accept('table');
  const name = [cursor.name(`a ${object}`)];
  if (object === 'table') while (cursor.accept('.')) name.push(cursor.name('a table'));
  return { kind: 'describe', object, name };
}
