/** What a session's user may do. Without any user in the catalog, and on the command line, everybody may do everything. */
import type { Privilege, RoleStore } from '../catalog/roles.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';

/** Who may train on a table may see what it looks like. */
const PRIVILEGES_TO_READ = ['select', 'train'] as const;

export class Access {
  readonly #roles: RoleStore;
  readonly #user: string | undefined;

  /** @param user undefined: the owner of the catalog directory, at the command line */
  constructor(roles: RoleStore, user: string | undefined) {
    this.#roles = roles;
    this.#user = user;
  }

  /** Undefined for the owner of the catalog directory. */
  get user(): string | undefined {
    return this.#user;
  }

  /** @throws CausewayError 42501 */
  requireTable(privilege: Privilege, schema: string, table: string): void {
    if (this.#mayDoAll() || this.#granted(privilege, 'table', [`${schema}.${table}`, `${schema}.*`])) return;
    throw this.#denied(`table ${schema}.${table}`, `GRANT ${privilege.toUpperCase()} ON ${schema}.${table}`);
  }

  /** May the user ask the model? */
  mayPredict(model: string): boolean {
    return this.#mayDoAll() || this.#granted('predict', 'model', [model]);
  }

  /** @throws CausewayError 42501 */
  requireModel(model: string): void {
    if (this.mayPredict(model)) return;
    throw this.#denied(`model ${model}`, `GRANT PREDICT ON MODEL ${model}`);
  }

  /** For everything that changes the catalog. @throws CausewayError 42501 */
  requireSuperuser(): void {
    if (this.#mayDoAll()) return;
    throw new CausewayError(SQLSTATE.insufficientPrivilege, 'permission denied: only a superuser may do this');
  }

  /** The user and the roles it belongs to; none for the owner of the catalog directory. */
  get roles(): ReadonlySet<string> {
    return this.#user === undefined ? new Set() : rolesOf(this.#roles, this.#user);
  }

  /** The roles whose restrictions hold for the user: none for whom may do everything. */
  get restrictedAs(): ReadonlySet<string> {
    return this.#mayDoAll() ? new Set() : this.roles;
  }

  /** May the user know that the table is there? */
  mayRead(schema: string, table: string): boolean {
    return (
      this.#mayDoAll() ||
      PRIVILEGES_TO_READ.some((each) => this.#granted(each, 'table', [`${schema}.${table}`, `${schema}.*`]))
    );
  }

  #mayDoAll(): boolean {
    if (this.#user === undefined) return true;
    const known = this.#roles.list();
    if (!known.some(({ login }) => login)) return true;
    return known.find(({ name }) => name === this.#user)?.superuser === true;
  }

  #granted(privilege: Privilege, kind: 'table' | 'model', names: readonly string[]): boolean {
    const mine = rolesOf(this.#roles, this.#user!);
    return this.#roles
      .grants()
      .some(
        (grant) =>
          mine.has(grant.role) &&
          grant.privilege === privilege &&
          grant.object.kind === kind &&
          names.includes(grant.object.name),
      );
  }

  #denied(what: string, grant: string): CausewayError {
    return new CausewayError(SQLSTATE.insufficientPrivilege, `permission denied for ${what}`, {
      hint: `A superuser can say: ${grant} TO ${this.#user}.`,
    });
  }
}

/** A user and all roles it belongs to, through others too. */
function rolesOf(roles: RoleStore, user: string): ReadonlySet<string> {
  const memberships = roles.memberships();
  const found = new Set([user]);
  // A set grows while it is walked.
  for (const member of found) for (const each of memberships) if (each.member === member) found.add(each.role);
  return found;
}
