/** The extended query protocol: Parse, Bind, Describe, Execute, Close. */
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import { splitStatements } from '../../sql/lexer.ts';
import { decodeBinary } from '../values/binary.ts';
import { typeOfOid } from '../values/oids.ts';
import {
  bindComplete,
  closeComplete,
  commandComplete,
  emptyQueryResponse,
  formatOf,
  noData,
  parameterDescription,
  parseComplete,
  portalSuspended,
  rowDescription,
} from '../wire/backend.ts';
import { decodeUtf8 } from '../wire/byte-reader.ts';
import { CONDITION } from '../wire/conditions.ts';
import type { BindMessage, FrontendMessage } from '../wire/frontend.ts';
import { FailedStatement } from './failed-statement.ts';
import { cursorNamed, namedStatement, openStatement, requireNewStatement } from './own-commands.ts';
import { Portal } from './portal.ts';
import type { Prepared } from './prepared.ts';
import type { Session } from './session.ts';
import { requireEnd } from './simple-query.ts';

type Message<K extends FrontendMessage['kind']> = Extract<FrontendMessage, { kind: K }>;

/** @throws FailedStatement */
export async function parse(session: Session, message: Message<'parse'>): Promise<void> {
  try {
    if (session.transaction.status === 'E') requireEnd(session, message.text);
    requireNewStatement(session, message.statement);
    const [statement, second] = splitStatements(message.text);
    if (second !== undefined) {
      throw new CausewayError(SQLSTATE.syntaxError, 'cannot insert multiple commands into a prepared statement');
    }
    const controller = new AbortController();
    const prepared = await session.running(controller, () =>
      // Without what stands around it, but with positions as the client counts them.
      session.prepare(
        statement === undefined ? '' : padded(message.text, statement.position.offset, statement.text),
        message.parameterOids,
        controller.signal,
      ),
    );
    session.statements.set(message.statement, prepared);
  } catch (error) {
    throw new FailedStatement(error, message.text, 0);
  }
  parseComplete(session.sink.writer);
}

/** Blanks for what stands before the statement: comments could be long, but are rare. */
const padded = (text: string, offset: number, statement: string): string =>
  offset === 0 ? statement : text.slice(0, offset).replace(/[^\n]/g, ' ') + statement;

export async function bind(session: Session, message: BindMessage): Promise<void> {
  const prepared = namedStatement(session, message.statement);
  if (session.transaction.status === 'E') requireEnd(session, prepared.text);
  if (message.portal === '') {
    await session.portals.get('')?.close();
    session.portals.delete('');
  } else if (session.portals.has(message.portal)) {
    throw new CausewayError(CONDITION.duplicateCursor, `cursor "${message.portal}" already exists`);
  }
  const expected = prepared.parameterOids.length;
  if (message.parameters.length !== expected) {
    throw new CausewayError(
      CONDITION.protocolViolation,
      `bind message supplies ${message.parameters.length} parameters, but prepared statement "${message.statement}" requires ${expected}`,
    );
  }
  checkResultFormats(prepared, message);
  // The oracle reads the message itself: it knows every type.
  const byOracle = (prepared.inner ?? prepared).by === 'oracle';
  const parameters = byOracle ? [] : textParameters(prepared, message);
  const binding = { parameters, formats: message.resultFormats, tail: message.tail };
  session.portals.set(message.portal, new Portal(prepared, binding));
  bindComplete(session.sink.writer);
}

function textParameters(prepared: Prepared, { parameters, parameterFormats }: BindMessage): (string | null)[] {
  return parameters.map((bytes, i) => {
    if (bytes === null) return null;
    if (formatOf(parameterFormats, i) === 'text') return decodeUtf8(bytes);
    return decodeBinary(typeOfOid(prepared.parameterOids[i]!), bytes);
  });
}

function checkResultFormats(prepared: Prepared, { resultFormats }: BindMessage): void {
  const columns = prepared.fields?.length ?? 0;
  if (resultFormats.length <= 1 || resultFormats.length === columns) return;
  throw new CausewayError(
    CONDITION.protocolViolation,
    `bind message has ${resultFormats.length} result formats but query has ${columns} columns`,
  );
}

export async function describe(session: Session, { target, name }: Message<'describe'>): Promise<void> {
  const { writer } = session.sink;
  if (target === 'statement') {
    const prepared = namedStatement(session, name);
    parameterDescription(writer, prepared.parameterOids);
    const fields = fieldsOf(session, prepared);
    if (fields === undefined) noData(writer);
    else rowDescription(writer, fields);
    return;
  }
  const portal = portalNamed(session, name);
  const fields = fieldsOf(session, portal.prepared);
  if (fields === undefined) noData(writer);
  else rowDescription(writer, fields, formatsOf(session, portal));
}

/** Of FETCH and EXECUTE: the columns of what they name. */
function fieldsOf(session: Session, prepared: Prepared): Prepared['fields'] {
  const { command } = prepared;
  if (command.kind === 'fetch')
    return command.silent ? undefined : session.portals.get(command.cursor)?.prepared.fields;
  if (command.kind === 'execute') return session.statements.get(command.name)?.fields;
  return prepared.fields;
}

function formatsOf(session: Session, portal: Portal): Portal['binding']['formats'] {
  const { command } = portal.prepared;
  if (command.kind !== 'fetch') return portal.binding.formats;
  return session.portals.get(command.cursor)?.binding.formats ?? [];
}

function portalNamed(session: Session, name: string): Portal {
  if (session.portals.has(name)) return cursorNamed(session, name);
  throw new CausewayError(CONDITION.invalidCursorName, `portal "${name}" does not exist`);
}

/** @throws FailedStatement */
export async function execute(session: Session, { portal: name, maxRows }: Message<'execute'>): Promise<void> {
  const portal = portalNamed(session, name);
  const { prepared, binding, controller } = portal;
  const { writer } = session.sink;
  try {
    if (session.transaction.status === 'E') requireEnd(session, prepared.text);
    session.query = prepared.text;
    await session.observed(prepared.text, () =>
      session.running(controller, async () => {
        const source = await portal.source(() => openStatement(session, prepared, binding, controller.signal));
        const ended = await source.send(session.sink, maxRows);
        if (ended) portal.finished();
        if (!ended) portalSuspended(writer);
        else if (source.tag === '') emptyQueryResponse(writer);
        else commandComplete(writer, source.tag);
        return source.sent;
      }),
    );
  } catch (error) {
    throw new FailedStatement(error, prepared.text, 0);
  }
}

export async function close(session: Session, { target, name }: Message<'close'>): Promise<void> {
  if (target === 'statement') session.statements.delete(name);
  else {
    await session.portals.get(name)?.close();
    session.portals.delete(name);
  }
  closeComplete(session.sink.writer);
}
