/** Functions in FROM: sets of the function table, `silo.query('…')`, functions of the schema `ml`, plain functions. */
import type { FuncCall, Node, RangeFunction } from '@pgsql/types';
import { SQLSTATE } from '../../plan/errors.ts';
import { functionNamed } from '../../plan/functions.ts';
import { didYouMean } from '../../plan/nearest.ts';
import { node, type RelationalNode } from '../../plan/nodes.ts';
import { scalar } from '../../plan/types.ts';
import { resolveCall } from './calls.ts';
import { EMPTY, errorAt, type Level, nameParts, newColumn, notModelled, within } from './context.ts';
import { bindExpression, locationOf } from './expression.ts';
import { nativeKey, nativeText } from './relation-names.ts';
import type { ModelFunctionArgument } from './scope.ts';

interface FunctionPlan {
  readonly plan: RelationalNode;
  readonly name: string;
}

/** The plan of a function in FROM. `level` offers what a lateral call may read. */
export function tableFunction(written: RangeFunction, level: Level): FunctionPlan {
  const items = (written.functions ?? []).flatMap((list) => ('List' in list ? [list.List.items?.[0]] : []));
  const [first] = items;
  if (items.length !== 1 || first === undefined || written.coldeflist !== undefined) {
    throw notModelled(
      level,
      items.length > 1 ? 'ROWS FROM with several functions' : 'a column definition list',
      undefined,
    );
  }
  if (!('FuncCall' in first)) return plainFunction(first, 'value', written, level);
  const call = first.FuncCall;
  const parts = nameParts(call.funcname);
  const name = parts.at(-1) ?? '';
  const schema = parts.length > 1 ? parts[0] : undefined;
  if (schema === 'ml') return { plan: modelFunction(name, call, level), name };
  if (schema !== undefined && schema !== 'pg_catalog') return { plan: nativeQuery(schema, name, call, level), name };
  const entry = functionNamed(name);
  if (entry?.class !== 'set') return plainFunction(first, name, written, level);
  const args = (call.args ?? []).map((arg) => bindExpression(arg, level));
  const resolved = resolveCall(level, entry, args, call.location);
  // A function of one column lends it the alias's name.
  const columns = [newColumn(level, written.alias?.aliasname ?? entry.name, resolved.type)];
  if (written.ordinality) columns.push(newColumn(level, 'ordinality', scalar('bigint')));
  const ordinality = written.ordinality ? { withOrdinality: true } : {};
  return {
    plan: node({ kind: 'table-function', name: entry.name, args: resolved.args, ...ordinality, columns }),
    name,
  };
}

/** A function that gives one value gives one row. */
function plainFunction(syntax: Node, name: string, written: RangeFunction, level: Level): FunctionPlan {
  if (written.ordinality) throw notModelled(level, 'WITH ORDINALITY here', locationOf(syntax));
  const value = bindExpression(syntax, level);
  const input = node({ kind: 'values', rows: [[]], columns: [] });
  const columns = [newColumn(level, written.alias?.aliasname ?? name, value.type)];
  return { plan: node({ kind: 'project', input, expressions: [value], columns }), name };
}

function nativeQuery(silo: string, name: string, call: FuncCall, level: Level): RelationalNode {
  const text = nativeText(call);
  if (name !== 'query' || text === undefined) {
    const hint = didYouMean(name, ['query']);
    throw errorAt(level, SQLSTATE.undefinedFunction, `function ${silo}.${name} does not exist`, call.location, {
      hint: name === 'query' ? `Write ${silo}.query('…') with the statement as a literal.` : (hint ?? ''),
    });
  }
  const described = level.statement.relations.get(nativeKey(silo, text));
  if (described?.kind !== 'memory') {
    throw errorAt(
      level,
      SQLSTATE.undefinedObject,
      `silo "${silo}" does not exist or takes no native queries`,
      call.location,
      {
        hint: 'SHOW SILOS lists the silos.',
      },
    );
  }
  const columns = described.columns.map((column) => newColumn(level, column.name, column.type));
  return node({ kind: 'native-query', silo, text, columns });
}

const MODEL_FUNCTIONS = ['predict', 'forecast', 'evaluate', 'explain'];

function modelFunction(name: string, call: FuncCall, level: Level): RelationalNode {
  const position = level.locate(call.location);
  const plan = level.statement.scope.modelFunction?.({
    name,
    args: (call.args ?? []).map((arg) => modelArgument(arg, level)),
    position,
    column: (columnName, type) => newColumn(level, columnName, type),
  });
  if (plan !== undefined) return plan;
  throw errorAt(level, SQLSTATE.undefinedFunction, `function ml.${name} does not exist`, call.location, {
    hint: didYouMean(name, MODEL_FUNCTIONS) ?? '',
  });
}

function modelArgument(syntax: Node, level: Level): ModelFunctionArgument {
  if ('NamedArgExpr' in syntax) {
    const { name = '', arg } = syntax.NamedArgExpr;
    return { ...modelArgument(arg!, level), name };
  }
  const position = level.locate(locationOf(syntax));
  if ('SubLink' in syntax && syntax.SubLink.subselect !== undefined && 'SelectStmt' in syntax.SubLink.subselect) {
    const { plan } = level.bindQuery(syntax.SubLink.subselect.SelectStmt, within(level, { namespace: EMPTY }));
    return { query: plan, position };
  }
  return { value: bindExpression(syntax, level), position };
}
