/** DESCRIBE [TABLE] name: the columns that a SELECT * of it would have. */
import { typeName } from '../../plan/types.ts';
import { quoteIdentifier } from '../../sql/lexer.ts';
import type { Located } from '../../sql/statements/statement.ts';
import { bindQuery } from '../bind.ts';
import type { StatementResult } from '../result.ts';
import { columnsOf, rowsResult } from '../rows.ts';
import type { StatementContext } from '../session.ts';

export async function describeTable(
  name: readonly Located<string>[],
  context: StatementContext,
): Promise<StatementResult> {
  const spelled = name.map(({ value }) => quoteIdentifier(value)).join('.');
  const { columns } = await bindQuery(`SELECT * FROM ${spelled}`, undefined, context);
  const rows = columns.map((column) => [column.name, typeName(column.type)]);
  return rowsResult('DESCRIBE', columnsOf({ column: 'text', type: 'text' }), rows);
}
