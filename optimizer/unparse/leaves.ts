/** FROM items: tables, VALUES, functions, texts of users. */
import type { Column, ColumnId } from '../../src/plan/expressions.ts';
import type { Scan, TableFunction, Values } from '../../src/plan/nodes.ts';
import { scalar } from '../../src/plan/types.ts';
import { expressionText } from './expressions.ts';
import { identifier } from './literals.ts';
import { fromItem, plainColumn, type Scope, type ScopeEntry, type Select, STAGE } from './select.ts';
import type { Outer, Writer } from './writer.ts';

export function scanText(scan: Scan, { dialect, alias }: Writer): Select {
  const path = scan.schema === undefined ? [scan.table] : [scan.schema, scan.table];
  const name = alias();
  const entries = scan.columns.map(
    (column, i) => [column.id, plainColumn(name, scan.sourceColumns[i]!, dialect)] as const,
  );
  const table = path.map((part) => identifier(part, dialect)).join('.');
  return fromItem(`${table} AS ${name}`, new Map(entries), scan.columns);
}

export function functionText(call: TableFunction, outer: Outer, writer: Writer): Select {
  const naming = writer.naming(new Map(), outer);
  const args = call.args.map((arg) => expressionText(arg, naming).text).join(', ');
  const item = writer.byPosition(
    `${call.name}(${args})${call.withOrdinality === true ? ' WITH ORDINALITY' : ''}`,
    call.columns,
  );
  const [column] = call.columns;
  const widened = column?.type.kind === 'integer' && writer.dialect.widenedSets?.includes(call.name) === true;
  return widened ? { ...item, scope: new Map([...item.scope, narrowed(column, item.scope, writer)]) } : item;
}

/** What stands for a column of whole numbers that the engine gives as bigint. */
function narrowed({ id, type }: Column, scope: Scope, writer: Writer): readonly [ColumnId, ScopeEntry] {
  const operand = { kind: 'column', id, type: scalar('bigint') } as const;
  const piece = expressionText(
    { kind: 'cast', operand, type },
    writer.naming(scope, () => undefined),
  );
  return [id, { ...piece, plain: false }];
}

/** One row is a SELECT without FROM, none is a SELECT of NULLs that holds for no row. */
export function valuesText({ rows, columns }: Values, outer: Outer, writer: Writer): Select {
  const naming = writer.naming(new Map(), outer);
  const entry = (i: number): ScopeEntry => {
    const value = rows[0]?.[i] ?? ({ kind: 'literal', value: null, type: columns[i]!.type } as const);
    return { ...expressionText(value, naming), plain: false };
  };
  if (rows.length > 1) {
    const texts = rows.map((row) => `(${row.map((value) => expressionText(value, naming).text).join(', ') || 'NULL'})`);
    return writer.byPosition(`(VALUES ${texts.join(', ')})`, columns);
  }
  const select = fromItem('', new Map(columns.map((column, i) => [column.id, entry(i)])), columns);
  return rows.length === 1 ? select : { ...select, stage: STAGE.where, where: ['1 = 0'] };
}
