/** Users as the catalog has them. */
import type { RoleStore } from '../../catalog/roles.ts';
import { parseVerifier } from '../../catalog/verifier.ts';
import type { Users } from './users.ts';

export function catalogUsers(roles: RoleStore): Users {
  return {
    get exist() {
      return roles.list().some(({ login }) => login);
    },
    verifier(user) {
      const role = roles.get(user);
      return role?.login && role.verifier !== undefined ? parseVerifier(role.verifier) : undefined;
    },
  };
}
