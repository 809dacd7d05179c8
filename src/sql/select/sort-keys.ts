/** ORDER BY lists: direction and NULL order made explicit. */
import type { Node } from '@pgsql/types';
import type { Expression, SortKey } from '../../plan/expressions.ts';
import { settle } from './coerce.ts';
import { type Level, nameParts, notModelled } from './context.ts';

/** Binds each key with `bind`; NULLs come last ascending and first descending unless the text says otherwise. */
export function sortKeys(nodes: readonly Node[], level: Level, bind: (node: Node) => Expression): SortKey[] {
  return nodes.flatMap((syntax) => {
    if (!('SortBy' in syntax)) return [];
    const { node, sortby_dir, sortby_nulls, useOp, location } = syntax.SortBy;
    const using = sortby_dir === 'SORTBY_USING' ? nameParts(useOp).at(-1) : undefined;
    if (using !== undefined && using !== '<' && using !== '>')
      throw notModelled(level, `ORDER BY USING ${using}`, location);
    const descending = sortby_dir === 'SORTBY_DESC' || using === '>';
    const nullsFirst =
      sortby_nulls === 'SORTBY_NULLS_DEFAULT' || sortby_nulls === undefined
        ? descending
        : sortby_nulls === 'SORTBY_NULLS_FIRST';
    return [{ expression: settle(level.statement, bind(node!)), descending, nullsFirst }];
  });
}
