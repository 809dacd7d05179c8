/** Roles: who may log in with which password, who belongs to whom, and what each may do. */
import type { DatabaseSync } from 'node:sqlite';

export interface Role {
  readonly name: string;
  readonly login: boolean;
  /** May do everything. */
  readonly superuser: boolean;
  /** A SCRAM verifier (see verifier.ts); never a password. */
  readonly verifier?: string;
}

export type Privilege = 'select' | 'train' | 'predict';

/** What a privilege is about: `berlin.readings`, all tables of a schema as `berlin.*`, or a model. */
export interface GrantedObject {
  readonly kind: 'table' | 'model';
  readonly name: string;
}

export interface Grant {
  readonly role: string;
  readonly privilege: Privilege;
  readonly object: GrantedObject;
}

export interface RoleStore {
  list(): Role[];
  get(name: string): Role | undefined;
  /** Replaces a role of the same name. */
  put(role: Role): void;
  /** With its grants and memberships. */
  remove(name: string): boolean;
  grants(): Grant[];
  grant(grant: Grant): void;
  revoke(grant: Grant): boolean;
  /** Roles by their members. */
  memberships(): { readonly role: string; readonly member: string }[];
  join(role: string, member: string): void;
  leave(role: string, member: string): boolean;
}

interface RoleRow {
  readonly name: string;
  readonly login: number;
  readonly superuser: number;
  readonly verifier: string | null;
}

export function roleStore(db: DatabaseSync): RoleStore {
  const role = ({ name, login, superuser, verifier }: RoleRow): Role => ({
    name,
    login: login === 1,
    superuser: superuser === 1,
    ...(verifier === null ? {} : { verifier }),
  });
  // Asked by every statement.
  const allRoles = db.prepare('SELECT * FROM roles ORDER BY name');
  const allGrants = db.prepare('SELECT role, privilege, kind, object FROM grants ORDER BY role, object, privilege');
  const allMemberships = db.prepare('SELECT role, member FROM memberships ORDER BY role, member');
  return {
    list: () => (allRoles.all() as unknown as RoleRow[]).map(role),
    get(name) {
      const row = db.prepare('SELECT * FROM roles WHERE name = ?').get(name) as RoleRow | undefined;
      return row === undefined ? undefined : role(row);
    },
    put({ name, login, superuser, verifier }) {
      db.prepare(
        `INSERT INTO roles (name, login, superuser, verifier) VALUES (?, ?, ?, ?) ON CONFLICT (name)
         DO UPDATE SET login = excluded.login, superuser = excluded.superuser, verifier = excluded.verifier`,
      ).run(name, login ? 1 : 0, superuser ? 1 : 0, verifier ?? null);
    },
    remove: (name) => db.prepare('DELETE FROM roles WHERE name = ?').run(name).changes > 0,
    grants: () =>
      (
        allGrants.all() as {
          role: string;
          privilege: Privilege;
          kind: GrantedObject['kind'];
          object: string;
        }[]
      ).map(({ role: name, privilege, kind, object }) => ({ role: name, privilege, object: { kind, name: object } })),
    grant({ role: name, privilege, object }) {
      db.prepare('INSERT OR IGNORE INTO grants VALUES (?, ?, ?, ?)').run(name, privilege, object.kind, object.name);
    },
    revoke: ({ role: name, privilege, object }) =>
      db
        .prepare('DELETE FROM grants WHERE role = ? AND privilege = ? AND kind = ? AND object = ?')
        .run(name, privilege, object.kind, object.name).changes > 0,
    memberships: () =>
      allMemberships.all() as {
        role: string;
        member: string;
      }[],
    join(name, member) {
      db.prepare('INSERT OR IGNORE INTO memberships VALUES (?, ?)').run(name, member);
    },
    leave: (name, member) =>
      db.prepare('DELETE FROM memberships WHERE role = ? AND member = ?').run(name, member).changes > 0,
  };
}
