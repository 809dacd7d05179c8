/** CREATE, ALTER and DROP USER or ROLE; GRANT and REVOKE. Passwords become SCRAM verifiers here and are kept nowhere. */
import type { Role, RoleStore } from '../../catalog/roles.ts';
import { formatVerifier, makeVerifier, parseVerifier } from '../../catalog/verifier.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import { didYouMean } from '../../plan/nearest.ts';
import type { ChangeMembership, ChangePrivileges, ChangeRole } from '../../sql/statements/statement.ts';
import type { Engine } from '../engine.ts';
import type { StatementResult } from '../result.ts';
import { done } from '../rows.ts';

export async function changeRole(engine: Engine, statement: ChangeRole): Promise<StatementResult> {
  const { roles } = engine.catalog;
  const name = statement.name.value;
  const known = roles.get(name);
  if (statement.action === 'create' && known !== undefined) {
    throw new CausewayError(SQLSTATE.duplicateObject, `role "${name}" already exists`);
  }
  if (name.startsWith('pg_') || name === 'postgres' || name === 'public' || name === 'causeway_reader') {
    throw new CausewayError('42939', `role name "${name}" is reserved`);
  }
  const before = statement.action === 'create' ? { name, login: false, superuser: false } : requireRole(roles, name);
  const verifier = statement.password === undefined ? before.verifier : await verifierOf(statement.password);
  roles.put({
    name,
    login: statement.login ?? before.login,
    superuser: statement.superuser ?? before.superuser,
    ...(verifier === undefined ? {} : { verifier }),
  });
  engine.changed();
  return done(statement.action === 'create' ? 'CREATE ROLE' : 'ALTER ROLE');
}

/** What already is a verifier is kept as it is, as PostgreSQL does. */
async function verifierOf(password: string | null): Promise<string | undefined> {
  if (password === null) return undefined;
  return parseVerifier(password) === undefined ? formatVerifier(await makeVerifier(password)) : password;
}

export function dropRole(engine: Engine, name: string, ifExists: boolean): StatementResult {
  const { roles } = engine.catalog;
  if (!roles.remove(name) && !ifExists) requireRole(roles, name);
  engine.changed();
  return done('DROP ROLE');
}

export function changePrivileges(engine: Engine, statement: ChangePrivileges): StatementResult {
  const { roles } = engine.catalog;
  const role = requireRole(roles, statement.role.value).name;
  for (const privilege of statement.privileges) {
    const grant = { role, privilege, object: statement.object };
    if (statement.action === 'grant') roles.grant(grant);
    else roles.revoke(grant);
  }
  engine.changed();
  return done(statement.action.toUpperCase());
}

export function changeMembership(engine: Engine, statement: ChangeMembership): StatementResult {
  const { roles } = engine.catalog;
  const role = requireRole(roles, statement.role.value).name;
  const member = requireRole(roles, statement.member.value).name;
  if (statement.action === 'grant') roles.join(role, member);
  else roles.leave(role, member);
  engine.changed();
  return done(`${statement.action.toUpperCase()} ROLE`);
}

/** @throws CausewayError 42704 with the nearest name */
export function requireRole(roles: RoleStore, name: string): Role {
  const found = roles.get(name);
  if (found !== undefined) return found;
  const names = roles.list().map((role) => role.name);
  const hint = didYouMean(name, names);
  throw new CausewayError(
    SQLSTATE.undefinedObject,
    `role "${name}" does not exist`,
    hint === undefined ? {} : { hint },
  );
}
