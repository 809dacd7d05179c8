/** Scripts cut into statements and parsed; a script of one statement is remembered, for the next time it comes. */
import type { Position } from '../../plan/errors.ts';
import { splitStatements } from '../../sql/lexer.ts';
import { parseStatement } from '../../sql/statements/parse.ts';
import type { Statement } from '../../sql/statements/statement.ts';
import { Recent } from './recent.ts';

const MOST_SCRIPTS = 1000;
const LONGEST_TEXT = 20_000;

export interface ParsedStatement {
  readonly text: string;
  readonly position: Position;
  readonly parsed: Statement;
}

export class ScriptCache {
  readonly #known = new Recent<readonly ParsedStatement[]>(MOST_SCRIPTS);

  /**
   * The statements one after the other: one is parsed only when those before it have run.
   * @throws CausewayError 42601 when it is asked for a statement that cannot be parsed
   */
  statements(script: string): Iterable<ParsedStatement> {
    return this.#known.get(script) ?? this.#parse(script);
  }

  *#parse(script: string): Generator<ParsedStatement> {
    const statements = splitStatements(script);
    for (const { text, position } of statements) {
      const statement = { text, position, parsed: parseStatement(text, position) };
      if (statements.length === 1 && script.length <= LONGEST_TEXT) this.#known.set(script, [statement]);
      yield statement;
    }
  }
}
