/** Looking up columns: innermost SELECT first, exact spelling first, errors that say what was meant. */
import { SQLSTATE } from '../../plan/errors.ts';
import type { ColumnId, Expression } from '../../plan/expressions.ts';
import { didYouMean } from '../../plan/nearest.ts';
import { columnsOf } from '../../plan/traverse.ts';
import { errorAt, type Level, type NamedColumn, type NamedRelation, type Namespace } from './context.ts';

/** The entries that `name` means: exact ones, else those equal but for case (names of silos in odd case). */
export function named<T>(entries: readonly T[], name: string, nameOf: (entry: T) => string): readonly T[] {
  const exact = entries.filter((entry) => nameOf(entry) === name);
  if (exact.length > 0) return exact;
  const folded = name.toLowerCase();
  return entries.filter((entry) => nameOf(entry).toLowerCase() === folded);
}

const columnName = (column: NamedColumn): string => column.name;
const alias = (relation: NamedRelation): string => relation.alias;

/**
 * The column written as `parts` (`a`, `t.a` or `s.t.a`).
 * @throws CausewayError 42703 unknown column, 42702 ambiguous, 42P01 unknown qualifier
 */
export function findColumn(level: Level, parts: readonly string[], location: number | undefined): Expression {
  if (parts.length > 1) return findQualified(level, parts, location);
  const name = parts[0]!;
  for (let at: Level | undefined = level; at !== undefined; at = at.parent) {
    const found = distinctColumns(named(at.namespace.columns, name, columnName));
    if (found.length === 1) return found[0]!.expression;
    if (found.length > 1) throw ambiguous(at, level, name, location);
  }
  const known = level.namespace.columns.map(columnName);
  const hint = didYouMean(name, [...new Set(known)]);
  throw errorAt(
    level,
    SQLSTATE.undefinedColumn,
    `column "${name}" does not exist`,
    location,
    hint === undefined ? {} : { hint },
  );
}

function findQualified(level: Level, parts: readonly string[], location: number | undefined): Expression {
  const relation = findRelation(level, parts.slice(0, -1), location);
  const name = parts.at(-1)!;
  const found = named(relation.columns, name, columnName);
  if (found.length === 1) return found[0]!.expression;
  const written = parts.join('.');
  if (found.length > 1)
    throw errorAt(level, SQLSTATE.ambiguousColumn, `column reference "${written}" is ambiguous`, location);
  const hint = didYouMean(name, relation.columns.map(columnName));
  throw errorAt(
    level,
    SQLSTATE.undefinedColumn,
    `column ${written} does not exist`,
    location,
    hint === undefined ? {} : { hint },
  );
}

/** The relation that a qualifier (`t` or `s.t`) means. */
export function findRelation(level: Level, parts: readonly string[], location: number | undefined): NamedRelation {
  const found = relationIn(level, parts);
  if (found !== undefined) return found;
  const name = parts.join('.');
  const hint = didYouMean(name, level.namespace.relations.map(alias));
  throw errorAt(
    level,
    SQLSTATE.undefinedTable,
    `missing FROM-clause entry for table "${parts.at(-1)}"`,
    location,
    hint === undefined ? {} : { hint },
  );
}

/** The relation of that name in this SELECT or one around it. */
export function relationIn(level: Level, parts: readonly string[]): NamedRelation | undefined {
  const schema = parts.length > 1 ? parts.at(-2) : undefined;
  for (let at: Level | undefined = level; at !== undefined; at = at.parent) {
    const candidates = at.namespace.relations.filter((relation) => schema === undefined || relation.schema === schema);
    const [relation] = named(candidates, parts.at(-1)!, alias);
    if (relation !== undefined) return relation;
  }
  return undefined;
}

/** A merged column of USING stands once although both sides offer it. */
const distinctColumns = (columns: readonly NamedColumn[]): readonly NamedColumn[] =>
  columns.filter((column, i) => columns.findIndex((other) => other.expression === column.expression) === i);

function ambiguous(owner: Level, level: Level, name: string, location: number | undefined): Error {
  const owners = owner.namespace.relations
    .filter((relation) => named(relation.columns, name, columnName).length > 0)
    .map((relation) => `${relation.alias}.${name}`);
  return errorAt(level, SQLSTATE.ambiguousColumn, `column reference "${name}" is ambiguous`, location, {
    ...(owners.length > 1 ? { hint: `It could be ${owners.join(' or ')}.` } : {}),
  });
}

/** Ids of all columns a name space offers. */
export function idsOf(namespace: Namespace): Set<ColumnId> {
  const ids = new Set<ColumnId>();
  for (const { columns } of [...namespace.relations, namespace]) {
    for (const { expression } of columns) columnsOf(expression, ids);
  }
  return ids;
}
