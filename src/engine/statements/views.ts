/** CREATE VIEW and DROP VIEW: a view is checked when it is made, and bound anew whenever it is read. */
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import { didYouMean } from '../../plan/nearest.ts';
import { quoteIdentifier } from '../../sql/lexer.ts';
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
  const { text, offset } = statement.query;
  const { columns } = await bindQuery(text, context.locate(offset), context);
  const names = statement.columns ?? [];
  if (names.length > columns.length) {
    throw new CausewayError(SQLSTATE.syntaxError, 'CREATE VIEW specifies more column names than columns', {
      position: context.locate(names[columns.length]!.offset),
    });
  }
  const before = views.get(name);
  views.put({ name, query: names.length === 0 ? text : renamed(text, name, names) });
  try {
    // A view that now reads itself through others is found only once it is there.
    await bindQuery(`SELECT * FROM ${quoteIdentifier(name)}`, undefined, context);
  } catch (thrown) {
    if (before === undefined) views.remove(name);
    else views.put(before);
    throw thrown;
  }
  engine.changed();
  return done('CREATE VIEW');
}

/** The query with names for its columns; the line break ends a comment that the text may end with. */
const renamed = (text: string, view: string, names: readonly { readonly value: string }[]): string =>
  `SELECT * FROM (${text}\n) AS ${quoteIdentifier(view)} (${names.map(({ value }) => quoteIdentifier(value)).join(', ')})`;

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
