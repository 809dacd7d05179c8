/** The name PostgreSQL gives an output column that has no alias (`FigureColname` in its parser). */
import type { Node } from '@pgsql/types';
import { nameParts } from './context.ts';

const VALUE_FUNCTION = /^SVFOP_(.*?)(?:_N)?$/;

/** The name of an unaliased output column. */
export const outputName = (node: Node): string => strongName(node)?.name ?? '?column?';

/** A name and whether it beats the one an enclosing construct would give. */
interface Figured {
  readonly name: string;
  readonly strong: boolean;
}

const strong = (name: string): Figured => ({ name, strong: true });
const weak = (name: string): Figured => ({ name, strong: false });

function strongName(node: Node): Figured | undefined {
  if ('ColumnRef' in node) {
    const name = nameParts(node.ColumnRef.fields).at(-1);
    return name === undefined ? undefined : strong(name);
  }
  if ('FuncCall' in node) return strong(nameParts(node.FuncCall.funcname).at(-1) ?? '?column?');
  if ('A_Indirection' in node) {
    const field = nameParts(node.A_Indirection.indirection).at(-1);
    return field === undefined ? strongName(node.A_Indirection.arg!) : strong(field);
  }
  if ('TypeCast' in node) {
    const inner = strongName(node.TypeCast.arg!);
    if (inner?.strong) return inner;
    return weak(nameParts(node.TypeCast.typeName?.names).at(-1) ?? '?column?');
  }
  if ('CollateClause' in node) return strongName(node.CollateClause.arg!);
  if ('CaseExpr' in node) {
    const otherwise = node.CaseExpr.defresult === undefined ? undefined : strongName(node.CaseExpr.defresult);
    return otherwise?.strong ? otherwise : weak('case');
  }
  if ('A_Expr' in node && node.A_Expr.kind === 'AEXPR_NULLIF') return strong('nullif');
  if ('CoalesceExpr' in node) return strong('coalesce');
  if ('MinMaxExpr' in node) return strong(node.MinMaxExpr.op === 'IS_LEAST' ? 'least' : 'greatest');
  if ('A_ArrayExpr' in node) return strong('array');
  if ('RowExpr' in node) return strong('row');
  if ('GroupingFunc' in node) return strong('grouping');
  if ('SQLValueFunction' in node) {
    return strong((VALUE_FUNCTION.exec(node.SQLValueFunction.op ?? '')?.[1] ?? '').toLowerCase());
  }
  if ('SubLink' in node) {
    const { subLinkType, subselect } = node.SubLink;
    if (subLinkType === 'EXISTS_SUBLINK') return strong('exists');
    if (subLinkType === 'ARRAY_SUBLINK') return strong('array');
    if (subLinkType !== 'EXPR_SUBLINK' || subselect === undefined || !('SelectStmt' in subselect)) return undefined;
    const [first] = subselect.SelectStmt.targetList ?? [];
    if (first === undefined || !('ResTarget' in first)) return undefined;
    return first.ResTarget.name !== undefined ? strong(first.ResTarget.name) : strongName(first.ResTarget.val!);
  }
  return undefined;
}
