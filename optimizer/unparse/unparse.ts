/**
 * A plan subtree as one statement of a dialect.
 *
 * Nodes are merged into one SELECT as long as SQL's order of evaluation allows it, and put into a derived table where it
 * does not. Columns are bound by id: names are only for the reader, so two columns of one name cannot be confused.
 */
import type { Dialect } from '../../connectors/dialect.ts';
import type { ColumnId, Expression } from '../../src/plan/expressions.ts';
import {
  type Aggregate,
  type CteReference,
  type Limit,
  node,
  type Project,
  type RelationalNode,
  type SetOperation,
  type Window,
  type With,
} from '../../src/plan/nodes.ts';
import { columnsOf, conjuncts, expressionsOf } from '../../src/plan/traverse.ts';
import { aggregateText, byCodePoint, expressionText, isConstantText, orderBy, windowText } from './expressions.ts';
import { joinText } from './joins.ts';
import { functionText, scanText, valuesText } from './leaves.ts';
import { identifier, typeText } from './literals.ts';
import { atom } from './piece.ts';
import { fromItem, plainColumn, type ScopeEntry, type Select, STAGE, selectText } from './select.ts';
import { conditionTexts, isOnce, mergeable, type Outer, type Writer, writer } from './writer.ts';

/** The statement; its i-th result column is `plan.columns[i]`. */
export const unparse = (plan: RelationalNode, dialect: Dialect): string =>
  selectText(
    writer(dialect, build).select(plan, () => undefined),
    dialect,
  );

function build(node: RelationalNode, outer: Outer, to: Writer): Select {
  switch (node.kind) {
    case 'scan':
      return scanText(node, to);
    case 'memory-table':
      return to.byPosition(identifier(node.name, to.dialect), node.columns);
    case 'cte-reference':
      return cteReferenceText(node, to);
    case 'native-query':
      return to.byPosition(`(${node.text})`, node.columns);
    case 'mediator-query': {
      const inputs = node.inputs.map((input) => selectText(to.select(input, outer), to.dialect));
      const ctes = inputs.map((text, i) => `${identifier(node.names[i]!, to.dialect)} AS (${text})`);
      const values = node.values.map((value) => expressionText(value, to.naming(new Map(), outer)).text);
      const text = node.texts.map((part, i) => part + (values[i] ?? '')).join('');
      return { ...to.byPosition(`(${text})`, node.columns), ctes };
    }
    case 'table-function':
      return functionText(node, outer, to);
    case 'values':
      return valuesText(node, outer, to);
    case 'filter': {
      const parts = conjuncts(node.predicate);
      const input = to.upTo(to.select(node.input, outer), STAGE.group, parts);
      const texts = conditionTexts(parts, to.naming(input.scope, outer));
      return input.stage === STAGE.group
        ? { ...input, having: [...input.having, ...texts] }
        : { ...input, stage: STAGE.where, where: [...input.where, ...texts] };
    }
    case 'project':
      return projectText(node, outer, to);
    case 'join':
      return joinText(node, outer, to);
    case 'aggregate':
      return groupText(node, outer, to);
    case 'window':
      return windowsText(node, outer, to);
    case 'distinct': {
      if (node.on === undefined) {
        const input = to.upTo(to.select(node.input, outer), STAGE.window);
        return { ...input, stage: STAGE.distinct, distinct: 'DISTINCT' };
      }
      const input = to.upTo(to.select(node.input, outer), STAGE.order, node.on);
      const naming = to.naming(input.scope, outer);
      // Spelled as ORDER BY spells them, which must begin with the same keys.
      const keys = node.on.map((key) => byCodePoint(expressionText(key, naming), key, to.dialect).text).join(', ');
      return { ...input, stage: STAGE.order, distinct: `DISTINCT ON (${keys})` };
    }
    case 'sort': {
      const keys = node.keys.map((key) => key.expression);
      const input = to.upTo(to.select(node.input, outer), STAGE.window, keys);
      return { ...input, stage: STAGE.order, orderBy: orderBy(node.keys, to.naming(input.scope, outer)) };
    }
    case 'limit':
      return limitText(node, outer, to);
    case 'set-operation':
      return setOperationText(node, outer, to);
    case 'with':
      return withText(node, outer, to);
  }
}

function projectText(node: Project, outer: Outer, to: Writer): Select {
  const built = to.select(node.input, outer);
  // One group of all rows would be lost when no aggregate is left in the list.
  const losesGroup = built.groups?.length === 0 && node.expressions.every((e) => columnsOf(e).size === 0);
  const fixed = built.distinct === 'DISTINCT' || built.stage === STAGE.whole || losesGroup;
  const input = fixed || !mergeable(built.scope, node.expressions) ? to.wrapped(built) : built;
  const naming = to.naming(input.scope, outer);
  const scope = new Map<ColumnId, ScopeEntry>();
  node.expressions.forEach((expression, i) => {
    const held = expression.kind === 'column' ? input.scope.get(expression.id) : undefined;
    const computed = (): ScopeEntry => ({
      ...expressionText(expression, naming),
      plain: false,
      once: isOnce(expression),
    });
    scope.set(node.columns[i]!.id, held ?? computed());
  });
  return { ...input, scope };
}

function groupText(node: Aggregate, outer: Outer, to: Writer): Select {
  const merged = to.upTo(to.select(node.input, outer), STAGE.where, expressionsOf(node));
  // GROUPING(…) must name a group as the clause does, which does not name constants.
  const constant = (group: Expression) => isConstantText(expressionText(group, to.naming(merged.scope, outer)).text);
  const input = node.groupingSets !== undefined && node.groups.some(constant) ? to.wrapped(merged) : merged;
  const naming = to.naming(input.scope, outer);
  const groups = node.groups.map((group): ScopeEntry => {
    const piece = expressionText(group, naming);
    if (isConstantText(piece.text))
      return { ...atom(`CAST(${piece.text} AS ${typeText(group.type, to.dialect)})`), plain: false };
    return { ...piece, plain: group.kind === 'column' && input.scope.get(group.id)?.plain === true };
  });
  const aggregates = node.aggregates.map((call): ScopeEntry => ({ ...aggregateText(call, naming), plain: false }));
  const entries = [...groups, ...aggregates];
  const texts = groups.map((group) => group.text);
  const sets = node.groupingSets?.map((set) => `(${set.map((i) => texts[i]).join(', ')})`);
  return {
    ...input,
    stage: STAGE.group,
    groups: sets === undefined ? texts : [`GROUPING SETS (${sets.join(', ')})`],
    scope: new Map(node.columns.map((column, i) => [column.id, entries[i]!])),
  };
}

function windowsText(node: Window, outer: Outer, to: Writer): Select {
  const input = to.upTo(to.select(node.input, outer), STAGE.group, expressionsOf(node));
  const naming = to.naming(input.scope, outer);
  const added = node.columns.slice(node.columns.length - node.calls.length);
  const scope = new Map(input.scope);
  node.calls.forEach((call, i) => {
    scope.set(added[i]!.id, { ...windowText(call, naming), plain: false });
  });
  return { ...input, stage: STAGE.window, scope };
}

function limitText(node: Limit, outer: Outer, to: Writer): Select {
  const input = to.upTo(to.select(node.input, outer), STAGE.order);
  const naming = to.naming(new Map(), outer);
  const text = (e: Expression | undefined): string | undefined => {
    if (e === undefined || (e.kind === 'literal' && e.value === null)) return undefined;
    return e.kind === 'literal' ? String(e.value) : expressionText(e, naming).text;
  };
  const limit = text(node.count);
  const offset = text(node.offset);
  return {
    ...input,
    stage: STAGE.limit,
    ...(limit === undefined ? {} : { limit }),
    ...(offset === undefined ? {} : { offset }),
  };
}

function setOperationText(node: SetOperation, outer: Outer, to: Writer): Select {
  const texts = node.inputs.map((input, i) => {
    const select = to.select(input, outer);
    // The first input names the columns of the whole.
    const columns =
      i === 0 ? input.columns.map((column, c) => ({ ...column, name: node.columns[c]!.name })) : input.columns;
    const text = selectText({ ...select, columns }, to.dialect);
    if (select.stage <= STAGE.distinct && select.ctes.length === 0) return text;
    const { lacks } = to.dialect;
    return lacks?.includes('bracketed-set-operands')
      ? selectText({ ...to.wrapped({ ...select, columns }), columns }, to.dialect)
      : `(${text})`;
  });
  const all = node.all ? ' ALL' : to.dialect.distinctSets ? ' DISTINCT' : '';
  const whole = texts.join(` ${node.operator.toUpperCase()}${all} `);
  return { ...fromItem('', new Map(), node.columns), stage: STAGE.whole, whole };
}

/** The columns of a CTE have the names that its definition gives them ({@link withText}). */
function cteReferenceText({ name, columns }: CteReference, to: Writer): Select {
  const cte = identifier(name, to.dialect);
  if (to.dialect.lacks?.includes('column-aliases') !== true) return to.byPosition(cte, columns);
  const alias = to.alias();
  const scope = new Map(columns.map(({ id }, i) => [id, plainColumn(alias, `c${i + 1}`, to.dialect)]));
  return fromItem(`${cte} AS ${alias}`, scope, columns);
}

const materializedHint = ({ materialized }: With, { lacks }: Dialect): string =>
  materialized === undefined || lacks?.includes('cte-hints')
    ? ''
    : materialized
      ? 'MATERIALIZED '
      : 'NOT MATERIALIZED ';

/** The node with its columns named c1, c2 …, for dialects that name a CTE's columns nowhere else. */
function numbered(plan: RelationalNode): RelationalNode {
  const columns = plan.columns.map((column, i) => ({ ...column, name: `c${i + 1}` }));
  return plan.kind === 'with' ? node({ ...plan, body: numbered(plan.body), columns }) : node({ ...plan, columns });
}

function withText(node: With, outer: Outer, to: Writer): Select {
  const list = node.definition.columns.map((_, i) => identifier(`c${i + 1}`, to.dialect)).join(', ');
  const inside = to.dialect.lacks?.includes('cte-columns') === true;
  const definition = selectText(to.select(inside ? numbered(node.definition) : node.definition, outer), to.dialect);
  const hint = materializedHint(node, to.dialect);
  const body = to.select(node.body, outer);
  return {
    ...body,
    ctes: [`${identifier(node.name, to.dialect)}${inside ? '' : `(${list})`} AS ${hint}(${definition})`, ...body.ctes],
    recursive: node.recursive || body.recursive,
  };
}
