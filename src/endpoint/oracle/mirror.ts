/** The federated catalog as DDL for the oracle: only what changed, so that everything else keeps its numbers. */
import { typeName } from '../../plan/types.ts';
import { quoteIdentifier as identifier, quoteLiteral as literal } from '../../sql/lexer.ts';
import type { CatalogSnapshot, ModelEntry, SchemaEntry, TableEntry } from '../backend.ts';
import { ENGINE_ONLY, READER_ROLE } from './bootstrap.ts';
import { roleChanges } from './mirror-roles.ts';

/** Schemas that PostgreSQL has from the start, or the oracle for itself. */
const BUILT_IN = new Set(['public', 'pg_catalog', 'information_schema']);
const EMPTY: CatalogSnapshot = { schemas: [], models: [], roles: [] };
const ML = 'ml';

/** Functions of the language that only the engine has; here they show in lists, and refuse. */
const ML_FUNCTIONS = `
CREATE SCHEMA ${ML};
GRANT USAGE ON SCHEMA ${ML} TO PUBLIC;
CREATE FUNCTION ${ML}.predict(model text, input record) RETURNS SETOF record LANGUAGE plpgsql AS ${refusal()};
CREATE FUNCTION ${ML}.forecast(model text, horizon integer DEFAULT NULL) RETURNS SETOF record LANGUAGE plpgsql AS ${refusal()};
CREATE FUNCTION ${ML}.evaluate(model text) RETURNS SETOF record LANGUAGE plpgsql AS ${refusal()};
CREATE FUNCTION ${ML}.explain(model text) RETURNS SETOF record LANGUAGE plpgsql AS ${refusal()};
`;

function refusal(): string {
  return literal(
    `BEGIN RAISE EXCEPTION USING ERRCODE = '${ENGINE_ONLY}', MESSAGE = 'models are asked through the engine'; END`,
  );
}

/** The statements that bring the oracle from one state of the catalog to the next; empty when nothing changed. */
export function mirrorChanges(before: CatalogSnapshot | undefined, after: CatalogSnapshot): string {
  const statements: string[] = before === undefined ? [ML_FUNCTIONS] : [];
  const old = new Map((before ?? EMPTY).schemas.map((schema) => [schema.name, schema]));
  const added: { schema: SchemaEntry; table: TableEntry }[] = [];

  for (const schema of after.schemas) {
    if (schema.name.startsWith('pg_')) continue;
    const previous = old.get(schema.name);
    old.delete(schema.name);
    if (previous === undefined && !BUILT_IN.has(schema.name) && schema.name !== ML) {
      statements.push(`CREATE SCHEMA ${identifier(schema.name)};`);
      statements.push(`GRANT USAGE ON SCHEMA ${identifier(schema.name)} TO ${READER_ROLE};`);
    }
    if (schema.comment !== undefined && schema.comment !== previous?.comment) {
      statements.push(`COMMENT ON SCHEMA ${identifier(schema.name)} IS ${literal(schema.comment)};`);
    }
    const tables = new Map(previous?.tables.map((table) => [table.name, table]));
    for (const table of schema.tables) {
      const known = tables.get(table.name);
      tables.delete(table.name);
      if (known !== undefined && shapeOf(known) === shapeOf(table)) {
        if (known.rows !== table.rows) statements.push(statistics(schema.name, table));
        continue;
      }
      if (known !== undefined) statements.push(dropTable(schema.name, known));
      added.push({ schema, table });
    }
    for (const gone of tables.values()) statements.push(dropTable(schema.name, gone));
  }
  for (const gone of old.values()) {
    if (BUILT_IN.has(gone.name)) for (const table of gone.tables) statements.push(dropTable(gone.name, table));
    else statements.push(`DROP SCHEMA ${identifier(gone.name)} CASCADE;`);
  }
  for (const { schema, table } of added) statements.push(...createTable(schema.name, table));
  // Keys last: they may point to any table.
  const known = new Set(
    after.schemas.flatMap((schema) => schema.tables.map((table) => `${schema.name}.${table.name}`)),
  );
  for (const { schema, table } of added) statements.push(...foreignKeys(schema.name, table, known));
  statements.push(...modelChanges((before ?? EMPTY).models, after.models));
  const rolesChanged = JSON.stringify(before?.roles ?? []) !== JSON.stringify(after.roles);
  if (rolesChanged || (added.length > 0 && after.roles.length > 0)) {
    statements.push(...roleChanges(before ?? EMPTY, after));
  }
  return statements.join('\n');
}

/** Everything about a table but its row count. */
const shapeOf = (table: TableEntry): string => JSON.stringify({ ...table, rows: undefined });

const qualified = (schema: string, name: string): string => `${identifier(schema)}.${identifier(name)}`;

const dropTable = (schema: string, table: TableEntry): string =>
  `DROP ${table.kind === 'view' ? 'VIEW' : 'TABLE'} IF EXISTS ${qualified(schema, table.name)} CASCADE;`;

function createTable(schema: string, table: TableEntry): string[] {
  const name = qualified(schema, table.name);
  const statements: string[] = [];
  if (table.kind === 'view') {
    const columns = table.columns.map(({ name, type }) => `NULL::${typeName(type)} AS ${identifier(name)}`);
    statements.push(`CREATE VIEW ${name} AS SELECT ${columns.join(', ')} WHERE false;`);
  } else {
    const items = table.columns.map(
      ({ name, type, nullable }) => `${identifier(name)} ${typeName(type)}${nullable ? '' : ' NOT NULL'}`,
    );
    if (table.primaryKey?.length) items.push(`PRIMARY KEY (${table.primaryKey.map(identifier).join(', ')})`);
    statements.push(`CREATE TABLE ${name} (${items.join(', ')});`, statistics(schema, table));
  }
  statements.push(`GRANT SELECT, REFERENCES ON ${name} TO ${READER_ROLE};`);
  if (table.comment !== undefined) {
    statements.push(`COMMENT ON ${table.kind === 'view' ? 'VIEW' : 'TABLE'} ${name} IS ${literal(table.comment)};`);
  }
  for (const { name: column, comment } of table.columns) {
    if (comment === undefined) continue;
    statements.push(`COMMENT ON COLUMN ${name}.${identifier(column)} IS ${literal(comment)};`);
  }
  return statements;
}

/** A key to a table or columns that are not mirrored, or not unique there, is left out: it is a hint for tools only. */
function foreignKeys(schema: string, table: TableEntry, known: ReadonlySet<string>): string[] {
  if (table.kind === 'view') return [];
  return (table.foreignKeys ?? []).flatMap(({ columns, references }) => {
    const target = references.schema ?? schema;
    if (!known.has(`${target}.${references.table}`)) return [];
    const add = `ALTER TABLE ${qualified(schema, table.name)} ADD FOREIGN KEY (${columns.map(identifier).join(', ')})
      REFERENCES ${qualified(target, references.table)} (${references.columns.map(identifier).join(', ')})`;
    return [
      `DO ${literal(`BEGIN EXECUTE ${literal(add)}; EXCEPTION WHEN invalid_foreign_key OR undefined_column OR datatype_mismatch THEN NULL; END`)};`,
    ];
  });
}

/** Row estimates, where BI tools look for them. Never ANALYZE: it would count the empty table. */
function statistics(schema: string, table: TableEntry): string {
  if (table.rows === undefined || table.kind === 'view') return '';
  const rows = Math.max(0, Math.round(table.rows));
  return `SELECT pg_restore_relation_stats('schemaname', ${literal(schema)}, 'relname', ${literal(table.name)},
    'relpages', ${Math.min(2 ** 31 - 1, Math.ceil(rows / 100))}::integer, 'reltuples', ${rows}::real);`;
}

function modelChanges(before: readonly ModelEntry[], after: readonly ModelEntry[]): string[] {
  const statements: string[] = [];
  const old = new Map(before.map((model) => [model.name, JSON.stringify(model)]));
  const drop = (name: string) => `DROP ROUTINE IF EXISTS ${qualified(ML, name)};`;
  for (const model of after) {
    const known = old.get(model.name);
    old.delete(model.name);
    if (known === JSON.stringify(model)) continue;
    if (known !== undefined) statements.push(drop(model.name));
    // Parameters of input are named apart from the output columns: PostgreSQL wants all names distinct.
    const features = model.features.map(({ name, type }) => `${identifier(name)} ${typeName(type)}`);
    const taken = new Set(model.features.map(({ name }) => name));
    const outputs = model.outputs.map(
      ({ name, type }) => `${identifier(taken.has(name) ? `predicted_${name}` : name)} ${typeName(type)}`,
    );
    const returns = outputs.length > 0 ? `TABLE (${outputs.join(', ')})` : 'SETOF record';
    const name = qualified(ML, model.name);
    statements.push(
      `CREATE FUNCTION ${name}(${features.join(', ')}) RETURNS ${returns} LANGUAGE plpgsql AS ${refusal()};`,
    );
    if (model.comment !== undefined) statements.push(`COMMENT ON FUNCTION ${name} IS ${literal(model.comment)};`);
  }
  for (const name of old.keys()) statements.push(drop(name));
  return statements;
}
