/** The long way round (docs/design.md §1): what the mediator's own parser and binder say of a text. */
import type { ResultColumn } from '../../connectors/connector.ts';
import { typeName } from '../plan/types.ts';
import { quoteLiteral } from '../sql/lexer.ts';
import { filled, parameterPlaces } from '../sql/select/parameter-places.ts';
import type { LongWay, RelationName } from '../sql/select/scope.ts';
import type { Engine } from './engine.ts';
import { batchResult } from './rows.ts';

export function longWay(engine: Engine, signal: AbortSignal): LongWay {
  return {
    async tables(text) {
      await using session = await (await engine.mediator()).session();
      const quoted = quoteLiteral(filled(parameterPlaces(text), () => 'NULL'));
      const sql = `SELECT json_serialize_sql(${quoted}, skip_null := true, skip_empty := true)::VARCHAR AS tree`;
      const columns: ResultColumn[] = [{ name: 'tree', type: { kind: 'text' } }];
      for await (const batch of session.query(sql, columns, signal)) {
        const tree = JSON.parse(String(batch.getChildAt(0)?.get(0))) as SerializedTree;
        return tree.error === true ? undefined : tablesOf(tree);
      }
      return undefined;
    },
    async describe(text, inputs, parameterTypes = []) {
      await using session = await (await engine.mediator()).session();
      for (const { name, columns } of inputs) await session.ingest(name, batchResult(columns, []), signal);
      const places = parameterPlaces(text);
      const inferred = places.indexes.length === 0 ? [] : await session.parameterTypes(text, signal);
      const parameters = inferred.map((type, i) => parameterTypes[i] ?? type);
      const describedAs = (nulls: readonly string[]) =>
        session.describe(
          filled(places, (index) => nulls[index - 1]!),
          signal,
        );
      let nulls = parameters.map((type) => (type.kind === 'unknown' ? 'NULL' : `NULL::${typeName(type)}`));
      let columns = await describedAs(nulls);
      // The value of an untyped parameter is a text, where the mediator can make sense of one.
      for (const [i, untyped] of nulls.entries()) {
        if (untyped !== 'NULL') continue;
        const asText = nulls.with(i, "''");
        const better = await describedAs(asText).catch(() => undefined);
        if (better !== undefined) [nulls, columns] = [asText, better];
      }
      return { columns, parameters };
    },
  };
}

interface SerializedTree {
  readonly error?: boolean;
}

/** Base tables anywhere in the tree, but for the names of its common table expressions. */
function tablesOf(tree: unknown): RelationName[] {
  const found = new Map<string, RelationName>();
  const ctes = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const each of value) visit(each);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    const each = value as Readonly<Record<string, unknown>>;
    if (each.type === 'BASE_TABLE' && typeof each.table_name === 'string') {
      const schema = typeof each.schema_name === 'string' && each.schema_name !== '' ? each.schema_name : undefined;
      const name = each.table_name;
      found.set(`${schema ?? ''}.${name}`, schema === undefined ? { name } : { schema, name });
    }
    // `cte_map: { map: [{ key: 'name', value: … }] }`
    const map = (each.cte_map as { map?: unknown } | undefined)?.map;
    if (Array.isArray(map)) for (const { key } of map as { key: string }[]) ctes.add(key);
    for (const child of Object.values(each)) visit(child);
  };
  visit(tree);
  return [...found.values()].filter(({ schema, name }) => schema !== undefined || !ctes.has(name));
}
