/** The catalog's roles as roles of the oracle: what one may not read, its tools do not list. */
import { quoteIdentifier as identifier, quoteLiteral as literal } from '../../sql/lexer.ts';
import type { CatalogSnapshot, RoleEntry } from '../backend.ts';
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
    // Not inherited: what one role hides, another must not bring back.
    for (const group of role.memberOf) statements.push(`GRANT ${identifier(group)} TO ${name} WITH INHERIT FALSE;`);
    const mine = withGroups(role, after.roles);
    const granted = new Set(mine.flatMap(({ tables }) => tables));
    const hidden = new Set(mine.flatMap((each) => each.hidden));
    for (const schema of after.schemas) {
      const readable = schema.tables.filter(
        (table) => granted.has(`${schema.name}.${table.name}`) || granted.has(`${schema.name}.*`),
      );
      if (readable.length === 0) continue;
      statements.push(`GRANT USAGE ON SCHEMA ${identifier(schema.name)} TO ${name};`);
      const whole: string[] = [];
      for (const table of readable) {
        const relation = `${identifier(schema.name)}.${identifier(table.name)}`;
        const shown = table.columns.filter((column) => !hidden.has(`${schema.name}.${table.name}.${column.name}`));
        if (shown.length === table.columns.length) whole.push(relation);
        else if (shown.length > 0) {
          const columns = shown.map((column) => identifier(column.name)).join(', ');
          statements.push(`GRANT SELECT (${columns}), REFERENCES (${columns}) ON ${relation} TO ${name};`);
        }
      }
      if (whole.length > 0) statements.push(`GRANT SELECT, REFERENCES ON ${whole.join(', ')} TO ${name};`);
    }
  }
  return statements;
}

/** The role and those it belongs to, through others too. */
function withGroups(role: RoleEntry, roles: readonly RoleEntry[]): readonly RoleEntry[] {
  const found = new Set([role]);
  // A set grows while it is walked.
  for (const { memberOf } of found) for (const each of roles) if (memberOf.includes(each.name)) found.add(each);
  return [...found];
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
