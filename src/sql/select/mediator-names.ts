/**
 * Names for the long way round: at the mediator all relations of a text stand in one schema. `silo.table` becomes
 * `table` where that is one relation's alone, so that `table.column` still means it, else `"silo.table"`.
 */
import { quoteIdentifier, type Token, tokenize } from '../lexer.ts';
import type { RelationName } from './scope.ts';

const key = ({ schema, name }: RelationName): string => `${schema ?? ''}.${name}`;

/** A name per relation, in order. */
export function mediatorNames(relations: readonly RelationName[]): string[] {
  const count = (name: string): number => relations.filter((other) => other.name === name).length;
  return relations.map(({ schema, name }) => (schema === undefined || count(name) === 1 ? name : `${schema}.${name}`));
}

/** The text with every `silo.table` replaced by its relation's name at the mediator. */
export function renameRelations(text: string, relations: readonly RelationName[]): string {
  const names = mediatorNames(relations);
  const renames = new Map(relations.map((relation, i) => [key(relation), names[i]!]));
  const tokens = tokenize(text);
  const isName = (token: Token | undefined): token is Token => token?.kind === 'word' || token?.kind === 'quoted';
  let result = '';
  let copied = 0;
  for (let i = 0; i + 2 < tokens.length; i++) {
    const [schema, dot, name] = [tokens[i]!, tokens[i + 1]!, tokens[i + 2]!];
    if (!isName(schema) || dot.raw !== '.' || !isName(name) || tokens[i - 1]?.raw === '.') continue;
    const renamed = renames.get(key({ schema: schema.value, name: name.value }));
    if (renamed === undefined) continue;
    result += text.slice(copied, schema.start) + quoteIdentifier(renamed);
    copied = name.end;
    i += 2;
  }
  return result + text.slice(copied);
}
