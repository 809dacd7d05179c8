/** The simple query protocol: a script of statements, up to the first that fails. */
import { splitStatements } from '../../sql/lexer.ts';
import { commandComplete, emptyQueryResponse, rowDescription } from '../wire/backend.ts';
import { FailedStatement } from './failed-statement.ts';
import { openStatement } from './own-commands.ts';
import { type Session, UNBOUND } from './session.ts';

/** @throws FailedStatement with the place of the statement in the script */
export async function simpleQuery(session: Session, script: string): Promise<void> {
  const statements = splitStatements(script);
  if (statements.length === 0) emptyQueryResponse(session.sink.writer);
  for (const { text, position } of statements) {
    try {
      await session.observed(text, () => runStatement(session, text));
    } catch (error) {
      throw new FailedStatement(error, script, position.offset);
    }
  }
}

async function runStatement(session: Session, text: string): Promise<number> {
  const controller = new AbortController();
  const { signal } = controller;
  return session.running(controller, async () => {
    if (session.transaction.status === 'E') requireEnd(session, text);
    const prepared = await session.prepare(text, [], signal);
    await using source = await openStatement(session, prepared, UNBOUND, signal);
    const { writer } = session.sink;
    if (source.fields !== undefined) rowDescription(writer, source.fields, source.formats);
    await source.send(session.sink, 0);
    if (source.tag === '') emptyQueryResponse(writer);
    else commandComplete(writer, source.tag);
    return source.sent;
  });
}

/** In a failed transaction only its end is looked at. */
export function requireEnd(session: Session, text: string): void {
  if (!/^\s*(?:commit|end|rollback|abort)\b/i.test(text)) session.transaction.requireUsable();
}
