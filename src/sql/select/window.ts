/** Window definitions: OVER (…), named windows and frames. */
import type { Node, WindowDef } from '@pgsql/types';
import { SQLSTATE } from '../../plan/errors.ts';
import type { FrameBound, WindowCall, WindowFrame } from '../../plan/expressions.ts';
import { scalar } from '../../plan/types.ts';
import { convert, settle } from './coerce.ts';
import { errorAt, type Level } from './context.ts';
import type { BindExpression } from './operators.ts';
import { sortKeys } from './sort-keys.ts';

type WindowParts = Pick<WindowCall, 'partitionBy' | 'orderBy' | 'frame'>;

/** Binds a window; one that names another takes over its partitions and order. */
export function windowOf(definition: WindowDef, level: Level, bind: BindExpression): WindowParts {
  const full = expand(definition, level);
  const partitionBy = (full.partitionClause ?? []).map((node) => settle(level.statement, bind(node, level)));
  const orderBy = sortKeys(full.orderClause ?? [], level, (node) => bind(node, level));
  const frame = frameOf(full, level, bind, orderBy[0]?.expression.type.kind);
  return frame === undefined ? { partitionBy, orderBy } : { partitionBy, orderBy, frame };
}

/** `OVER w` names a window; `OVER (w ORDER BY …)` extends one. */
function expand(definition: WindowDef, level: Level): WindowDef {
  const base = definition.refname ?? definition.name;
  if (base === undefined) return definition;
  const found: Node | undefined = level.windows?.get(base);
  if (found === undefined || !('WindowDef' in found)) {
    throw errorAt(level, SQLSTATE.undefinedObject, `window "${base}" does not exist`, definition.location);
  }
  const { name: _, ...named } = found.WindowDef;
  const inherited = expand(named, level);
  if (definition.refname === undefined) return inherited;
  const order = definition.orderClause ?? inherited.orderClause;
  const partition = inherited.partitionClause;
  const { refname: __, name: ___, ...own } = definition;
  return {
    ...own,
    ...(partition === undefined ? {} : { partitionClause: partition }),
    ...(order === undefined ? {} : { orderClause: order }),
  };
}

/** FRAMEOPTION bits of PostgreSQL's `nodes/parsenodes.h`. */
const FRAME = {
  nonDefault: 0x1,
  range: 0x2,
  rows: 0x4,
  groups: 0x8,
  startUnboundedPreceding: 0x20,
  endUnboundedFollowing: 0x100,
  startCurrentRow: 0x200,
  endCurrentRow: 0x400,
  startPreceding: 0x800,
  endPreceding: 0x1000,
  startFollowing: 0x2000,
  endFollowing: 0x4000,
  excludeCurrentRow: 0x8000,
  excludeGroup: 0x10000,
  excludeTies: 0x20000,
} as const;

function frameOf(
  { frameOptions = 0, startOffset, endOffset }: WindowDef,
  level: Level,
  bind: BindExpression,
  orderKind: string | undefined,
): WindowFrame | undefined {
  const has = (bit: keyof typeof FRAME): boolean => (frameOptions & FRAME[bit]) !== 0;
  if (!has('nonDefault')) return undefined;
  const unit = has('rows') ? 'rows' : has('groups') ? 'groups' : 'range';
  const offset = (node: Node | undefined) => {
    const bound = bind(node!, level);
    const temporal = ['date', 'timestamp', 'timestamptz', 'time', 'interval'].includes(orderKind ?? '');
    const type = unit === 'range' ? (temporal ? scalar('interval') : scalar('double')) : scalar('bigint');
    return bound.type.kind === 'unknown' ? convert(level.statement, bound, type) : bound;
  };
  const start: FrameBound = has('startUnboundedPreceding')
    ? { kind: 'unbounded-preceding' }
    : has('startPreceding')
      ? { kind: 'preceding', offset: offset(startOffset) }
      : has('startFollowing')
        ? { kind: 'following', offset: offset(startOffset) }
        : { kind: 'current-row' };
  const end: FrameBound = has('endUnboundedFollowing')
    ? { kind: 'unbounded-following' }
    : has('endPreceding')
      ? { kind: 'preceding', offset: offset(endOffset) }
      : has('endFollowing')
        ? { kind: 'following', offset: offset(endOffset) }
        : { kind: 'current-row' };
  const exclude = has('excludeCurrentRow')
    ? 'current-row'
    : has('excludeGroup')
      ? 'group'
      : has('excludeTies')
        ? 'ties'
        : undefined;
  return Object.freeze({ unit, start, end, ...(exclude === undefined ? {} : { exclude }) });
}
