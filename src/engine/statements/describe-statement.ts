/** What a client may ask of a statement before it runs: its columns and its parameters. */
import type { ResultColumn } from '../../../connectors/connector.ts';
import type { SqlType } from '../../plan/types.ts';
import type { Statement } from '../../sql/statements/statement.ts';
import { bindQuery } from '../bind.ts';
import { columnsOf } from '../rows.ts';
import type { StatementContext } from '../session.ts';
import { describeModel, showModels } from './models.ts';
import { showSilos } from './silos.ts';
import { showTables } from './tables.ts';

export interface Description {
  /** Empty for statements without rows. */
  readonly columns: readonly ResultColumn[];
  /** Types of `$1`, `$2` … */
  readonly parameters: readonly SqlType[];
}

const NOTHING: Description = Object.freeze({ columns: [], parameters: [] });

/** @throws CausewayError as running the statement would for what is wrong with its text */
export async function describeStatement(statement: Statement, context: StatementContext): Promise<Description> {
  const { engine } = context;
  switch (statement.kind) {
    case 'query': {
      const { text, offset } = statement.query;
      return bindQuery(text, context.locate(offset), context);
    }
    case 'explain':
      return { columns: columnsOf({ 'QUERY PLAN': 'text' }), parameters: [] };
    // These only read the catalog: their columns are known by running them.
    case 'show':
      if (statement.what === 'silos') return described(await showSilos(engine));
      if (statement.what === 'models') return described(showModels(context));
      if (statement.what === 'tables') return described(await showTables(context));
      return { columns: columnsOf({ [statement.name!]: 'text' }), parameters: [] };
    case 'describe':
      if (statement.object === 'model') return described(describeModel(context, statement.name[0]!.value));
      return { columns: columnsOf({ column: 'text', type: 'text' }), parameters: [] };
    default:
      return NOTHING;
  }
}

const described = ({ columns }: { readonly columns: readonly ResultColumn[] }): Description => ({
  columns,
  parameters: [],
});
