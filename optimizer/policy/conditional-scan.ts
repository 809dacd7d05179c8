/** A scan under the WHERE of policies: only rows that one of them lets pass. */
import type { Column, ColumnId, Expression } from '../../src/plan/expressions.ts';
import { node, type RelationalNode, type Scan } from '../../src/plan/nodes.ts';
import { scalar } from '../../src/plan/types.ts';
import type { BoundPolicy } from './book.ts';

/** The scan itself where a policy has no WHERE. */
export function conditionalScan(
  scan: Scan,
  policies: readonly BoundPolicy[],
  nextId: () => ColumnId,
): { readonly node: RelationalNode; readonly notice?: string } {
  if (policies.some((policy) => policy.condition === undefined)) return { node: scan };
  const missing = [...new Set(policies.flatMap((policy) => policy.conditionColumns ?? []))].filter(
    (name) => !scan.sourceColumns.includes(name),
  );
  const added = missing.map((name): Column => ({ id: nextId(), name, type: scalar('unknown') }));
  const wide: Scan = node({
    ...scan,
    sourceColumns: [...scan.sourceColumns, ...missing],
    columns: [...scan.columns, ...added],
  });
  const conditions = policies.map((policy) => policy.condition!(wide));
  const predicate: Expression =
    conditions.length === 1 ? conditions[0]! : { kind: 'call', name: 'or', args: conditions, type: scalar('boolean') };
  const names = policies.map((policy) => `policy ${policy.name} (WHERE ${policy.where})`);
  const notice = `${scan.silo}.${scan.table}: rows outside ${names.join(', ')} are left out`;
  const filtered = node({ kind: 'filter', input: wide, predicate, columns: wide.columns });
  if (missing.length === 0) return { node: filtered, notice };
  const expressions = scan.columns.map(({ id, type }): Expression => ({ kind: 'column', id, type }));
  return { node: node({ kind: 'project', input: filtered, expressions, columns: scan.columns }), notice };
}
