/** `CREATE SILO [IF NOT EXISTS] name USING kind [OPTIONS (…)]`, `ALTER SILO name SET (price_per_gb => …)`. */
import type { Cursor } from './cursor.ts';
import type { AlterSilo, CreateSilo } from './statement.ts';

export function createSilo(cursor: Cursor): CreateSilo {
  const ifNotExists = cursor.accept('if', 'not', 'exists');
  const name = cursor.name('a silo name');
  cursor.expect('using');
  const connector = cursor.name('a connector');
  const options = cursor.accept('options') ? cursor.options() : [];
  return { kind: 'create-silo', ifNotExists, name, connector, options };
}

/** From the silo's name on. */
export function alterSilo(cursor: Cursor): AlterSilo {
  const name = cursor.name('a silo name');
  cursor.expect('set');
  return { kind: 'alter-silo', name, options: cursor.options() };
}
