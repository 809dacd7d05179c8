/** CREATE VIEW and DROP VIEW: a view is checked when it is made, and bound anew whenever it is read. */
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import { didYouMean } from '../../plan/nearest.ts';
import type { CreateView } from '../../sql/statements/statement.ts';
import { bindQuery } from '../bind.ts';
import type { Engine } from '../engine.ts';
import type { StatementResult } from '../result.ts';
import { done } from '../rows.ts';
import type { StatementContext } from '../session.ts';

export async function createView(statement: CreateView, context: StatementContext): Promise<StatementResult> {
  const { engine } = context;
  const name = statement.name.value;
  const { views, federatedTables } = engine.catalog;
  if (federatedTables.get(name) !== undefined || (views.get(name) !== undefined && !statement.orReplace)) {
    throw new CausewayError(SQLSTATE.duplicateTable, `relation "${name}" already exists`, {
      position: context.locate(statement.name.offset),
      hint: 'Use CREATE OR REPLACE VIEW, or another name.',
    });
  }
  await bindQuery(statement.query.text, context.locate(statement.query.offset), context);
  views.put({ name, query: statement.query.text });
  engine.changed();
  return done('CREATE VIEW');
}

export function dropView(engine: Engine, name: string, ifExists: boolean): StatementResult {
  if (!engine.catalog.views.remove(name) && !ifExists) {
    const names = engine.catalog.views.list().map((view) => view.name);
    const hint = didYouMean(name, names);
    throw new CausewayError(
      SQLSTATE.undefinedTable,
      `view "${name}" does not exist`,
      hint === undefined ? {} : { hint },
    );
  }
  engine.changed();
  return done('DROP VIEW');
}
