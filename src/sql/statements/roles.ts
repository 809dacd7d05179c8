/**
 * Roles and privileges:
 *
 *     CREATE | ALTER USER | ROLE r [WITH] [PASSWORD 'p' | PASSWORD NULL] [[NO]SUPERUSER] [[NO]LOGIN]
 *     DROP USER | ROLE [IF EXISTS] r
 *     GRANT | REVOKE SELECT | TRAIN | PREDICT | ALL, … ON [TABLE] s.t | ALL TABLES IN SCHEMA s | MODEL m TO | FROM r
 *     GRANT | REVOKE r TO | FROM member
 */
import { SQLSTATE } from '../../plan/errors.ts';
import type { Cursor } from './cursor.ts';
import type { ChangeMembership, ChangePrivileges, ChangeRole, Located } from './statement.ts';

const PRIVILEGES = ['select', 'train', 'predict'] as const;

/** From the role's name on: `CREATE | ALTER USER | ROLE` has been read. */
export function changeRole(cursor: Cursor, action: 'create' | 'alter', word: string): ChangeRole {
  const name = cursor.name('a role name');
  cursor.accept('with');
  const change: { password?: string | null; superuser?: boolean; login?: boolean } = {};
  if (action === 'create') change.login = word === 'user';
  while (cursor.token.kind !== 'end') {
    const option = cursor.expect('encrypted', 'password', 'superuser', 'nosuperuser', 'login', 'nologin');
    if (option === 'password') change.password = cursor.accept('null') ? null : cursor.string('a password').value;
    else if (option.endsWith('superuser')) change.superuser = option === 'superuser';
    else if (option.endsWith('login')) change.login = option === 'login';
  }
  return { kind: 'change-role', action, name, ...change };
}

/** From the first privilege on: GRANT or REVOKE has been read. */
export function grantOrRevoke(cursor: Cursor, action: 'grant' | 'revoke'): ChangePrivileges | ChangeMembership {
  const toOrFrom = action === 'grant' ? 'to' : 'from';
  const first = cursor.name('a privilege or a role');
  if (cursor.accept(toOrFrom)) {
    return { kind: 'change-membership', action, role: first, member: cursor.name('a role') };
  }
  const named = [first];
  if (first.value === 'all') cursor.accept('privileges');
  while (cursor.accept(',')) named.push(cursor.name('a privilege'));
  const privileges = named.flatMap((privilege) => privilegesOf(cursor, privilege));
  cursor.expect('on', ',');
  const object = grantedObject(cursor);
  cursor.expect(toOrFrom);
  return { kind: 'change-privileges', action, privileges, object, role: cursor.name('a role') };
}

function privilegesOf(cursor: Cursor, { value, offset }: Located<string>): readonly (typeof PRIVILEGES)[number][] {
  if (value === 'all') return PRIVILEGES;
  const known = PRIVILEGES.find((privilege) => privilege === value);
  if (known !== undefined) return [known];
  throw cursor.error(
    SQLSTATE.syntaxError,
    `there is no privilege ${value.toUpperCase()}`,
    offset,
    'There are SELECT, TRAIN and PREDICT.',
  );
}

function grantedObject(cursor: Cursor): ChangePrivileges['object'] {
  if (cursor.accept('model')) return { kind: 'model', name: cursor.name('a model').value };
  if (cursor.accept('all', 'tables', 'in', 'schema') || cursor.accept('schema') || cursor.accept('silo')) {
    return { kind: 'table', name: `${cursor.name('a schema').value}.*` };
  }
  cursor.accept('table');
  const first = cursor.name('a table').value;
  const name = cursor.accept('.') ? `${first}.${cursor.name('a table').value}` : `public.${first}`;
  return { kind: 'table', name };
}
