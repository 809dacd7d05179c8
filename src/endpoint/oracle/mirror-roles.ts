/** The catalog's roles as roles of the oracle: what one may not read, its tools do not list. */
import { quoteIdentifier as identifier, quoteLiteral as literal } from '../../sql/lexer.ts';
import type { CatalogSnapshot } from '../backend.ts';
import { READER_ROLE } from './bootstrap.ts';

/** All roles anew: what they may do is written as it is now, after taking away what they could do before. */
export function roleChanges(before: CatalogSnapshot, after: CatalogSnapshot): string[] {
  const statements: string[] = [];
  const gone = before.roles.filter(({ name }) => !after.roles.some((role) => role.name === name));
  for (const { name } of gone) statements.push(...forget(name, after), `DROP ROLE ${identifier(name)};`);
  for (const { name } of after.roles) {
    statements.push(unless('duplicate_object', `CREATE ROLE ${identifier(name)}`));
  }
  for (const { name, login } of after.roles) {
    statements.push(`ALTER ROLE ${identifier(name)} ${login ? 'LOGIN' : 'NOLOGIN'};`, ...forget(name, after));
  }
  for (const role of after.roles) {
    const name = identifier(role.name);
    if (role.superuser) statements.push(`GRANT ${READER_ROLE} TO ${name};`);
    for (const group of role.memberOf) statements.push(`GRANT ${identifier(group)} TO ${name};`);
    for (const schema of after.schemas) {
      const readable = schema.tables.filter((table) =>
        [`${schema.name}.${table.name}`, `${schema.name}.*`].some((granted) => role.tables.includes(granted)),
      );
      if (readable.length === 0) continue;
      const tables = readable.map((table) => `${identifier(schema.name)}.${identifier(table.name)}`);
      statements.push(`GRANT USAGE ON SCHEMA ${identifier(schema.name)} TO ${name};`);
      statements.push(`GRANT SELECT ON ${tables.join(', ')} TO ${name};`);
    }
  }
  return statements;
}

/** Takes everything from a role. */
function forget(name: string, { roles, schemas }: CatalogSnapshot): string[] {
  const role = identifier(name);
  const mirrored = schemas.filter((schema) => !schema.name.startsWith('pg_')).map((schema) => identifier(schema.name));
  const groups = [READER_ROLE, ...roles.map((group) => identifier(group.name)).filter((group) => group !== role)];
  return [
    ...(mirrored.length === 0
      ? []
      : [
          `REVOKE ALL ON ALL TABLES IN SCHEMA ${mirrored.join(', ')} FROM ${role};`,
          `REVOKE ALL ON SCHEMA ${mirrored.join(', ')} FROM ${role};`,
        ]),
    ...groups.map((group) => unless('undefined_object', `REVOKE ${group} FROM ${role}`)),
  ];
}

const unless = (condition: string, statement: string): string =>
  `DO ${literal(`BEGIN EXECUTE ${literal(statement)}; EXCEPTION WHEN ${condition} THEN NULL; END`)};`;
