/** FROM items: tables, VALUES, functions, texts of users. */
import type { Scan, TableFunction, Values } from '../../src/plan/nodes.ts';
import { expressionText } from './expressions.ts';
import { identifier } from './literals.ts';
import { fromItem, plainColumn, type ScopeEntry, type Select, STAGE } from './select.ts';
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
  return writer.byPosition(
    `${call.name}(${args})${call.withOrdinality === true ? ' WITH ORDINALITY' : ''}`,
    call.columns,
  );
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
