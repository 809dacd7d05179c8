/** Statements that are the endpoint's own: transactions, cursors, prepared statements, COPY. */
import { CausewayError } from '../../plan/errors.ts';
import { scalar } from '../../plan/types.ts';
import type { Command } from '../statements/command.ts';
import { encodeBinary } from '../values/binary.ts';
import { formatOf } from '../wire/backend.ts';
import { CONDITION } from '../wire/conditions.ts';
import { CopyRows } from './copy-rows.ts';
import { Portal } from './portal.ts';
import type { Prepared } from './prepared.ts';
import { done, type RowSource } from './row-source.ts';
import type { Binding, Session } from './session.ts';
import type { Sink } from './sink.ts';

/** Starts any prepared statement, whoever answers it. */
export function openStatement(
  session: Session,
  prepared: Prepared,
  binding: Binding,
  signal: AbortSignal,
): Promise<RowSource> {
  if (prepared.by !== 'endpoint') return session.open(prepared, binding, signal);
  return own(session, prepared, prepared.command, binding, signal);
}

async function own(
  session: Session,
  prepared: Prepared,
  command: Command,
  binding: Binding,
  signal: AbortSignal,
): Promise<RowSource> {
  const { transaction } = session;
  switch (command.kind) {
    case 'empty':
      return done('');
    case 'accepted':
      return done(command.tag);
    case 'constant':
      return constantRow(command.value, prepared, binding);
    case 'begin': {
      const warning = transaction.begin(session.settings);
      if (warning !== undefined) session.warn(CONDITION.activeTransaction, warning);
      return done(command.tag);
    }
    case 'commit':
    case 'rollback': {
      const { tag, settings, warning } = transaction.end(command.kind === 'commit', session.settings);
      if (warning !== undefined) session.warn(CONDITION.noActiveTransaction, warning);
      if (settings !== undefined) session.changeSettings(settings);
      await session.closePortals((portal) => !portal.options.hold);
      return done(tag);
    }
    case 'savepoint':
      transaction.savepoint(command.name, session.settings);
      return done('SAVEPOINT');
    case 'release':
      transaction.release(command.name);
      return done('RELEASE');
    case 'rollback-to':
      session.changeSettings(transaction.rollbackTo(command.name));
      return done('ROLLBACK');
    case 'declare':
      return declare(session, prepared, command, binding);
    case 'fetch':
      return fetched(session, command);
    case 'close':
      await closeCursor(session, command.name);
      return done('CLOSE CURSOR');
    case 'deallocate':
      deallocate(session, command.name);
      return done(command.name === undefined ? 'DEALLOCATE ALL' : 'DEALLOCATE');
    case 'prepare': {
      requireNewStatement(session, command.name);
      const oids = await typeNumbers(session, command.types, signal);
      session.statements.set(command.name, await session.prepare(command.text, oids, signal));
      return done('PREPARE');
    }
    case 'execute': {
      const statement = namedStatement(session, command.name);
      const parameters = await session.evaluate(command.arguments, signal);
      return openStatement(session, statement, { parameters, formats: [], tail: textBind(parameters) }, signal);
    }
    case 'discard':
      if (command.tag === 'DISCARD ALL') await discardAll(session);
      return done(command.tag);
    case 'copy-out': {
      const inner = prepared.inner!;
      // The oracle reads COPY's options itself.
      if (inner.by !== 'engine') return session.openOracleCopy(prepared.text, signal);
      const formats = command.options.format === 'binary' ? (['binary'] as const) : [];
      return new CopyRows(await session.openEngine(inner, { ...binding, formats }, signal), command.options);
    }
    default:
      throw new Error(`${command.kind} is not the endpoint's own statement`);
  }
}

/** One row of one integer, without asking anybody. */
function constantRow(value: number, { fields }: Prepared, { formats }: Binding): RowSource {
  let sent = 0;
  return {
    fields,
    formats,
    get sent() {
      return sent;
    },
    get tag() {
      return `SELECT ${sent}`;
    },
    async send({ writer }) {
      // The second call of a portal that has been paused finds nothing more.
      sent = sent === 0 ? 1 : 0;
      if (sent === 0) return true;
      const type = scalar('integer');
      const bytes = formatOf(formats, 0) === 'binary' ? encodeBinary(type, String(value)) : Buffer.from(String(value));
      writer.begin('D').int16(1).int32(bytes.length).bytes(bytes).end();
      return true;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

function declare(
  session: Session,
  prepared: Prepared,
  command: Extract<Command, { kind: 'declare' }>,
  binding: Binding,
): RowSource {
  if (session.transaction.status === 'I' && !command.hold) {
    throw new CausewayError(CONDITION.noActiveTransaction, 'DECLARE CURSOR can only be used in transaction blocks');
  }
  if (session.portals.has(command.name)) {
    throw new CausewayError(CONDITION.duplicateCursor, `cursor "${command.name}" already exists`);
  }
  const formats = command.binary ? (['binary'] as const) : [];
  const tail = withResultFormats(binding.tail, command.binary);
  const { scroll, hold } = command;
  session.portals.set(
    command.name,
    new Portal(prepared.inner!, { parameters: binding.parameters, formats, tail }, { scroll, hold }),
  );
  return done('DECLARE CURSOR');
}

/** The body of a Bind with the parameters of `tail`, and results all in one format. */
function withResultFormats(tail: Buffer | undefined, binary: boolean): Buffer {
  const results = Buffer.from(binary ? [0, 1, 0, 1] : [0, 0]);
  if (tail === undefined) return Buffer.concat([Buffer.alloc(4), results]);
  let end = 2 + tail.readUInt16BE(0) * 2;
  const count = tail.readUInt16BE(end);
  end += 2;
  for (let i = 0; i < count; i++) end += 4 + Math.max(0, tail.readInt32BE(end));
  return Buffer.concat([tail.subarray(0, end), results]);
}

/** The body of a Bind with text parameters and text results. */
function textBind(parameters: readonly (string | null)[]): Buffer {
  const parts: Buffer[] = [Buffer.alloc(4)];
  parts[0]!.writeUInt16BE(parameters.length, 2);
  for (const parameter of parameters) {
    const bytes = Buffer.from(parameter ?? '');
    const length = Buffer.alloc(4);
    length.writeInt32BE(parameter === null ? -1 : bytes.length);
    parts.push(length, bytes);
  }
  return Buffer.concat([...parts, Buffer.alloc(2)]);
}

function fetched(session: Session, command: Extract<Command, { kind: 'fetch' }>): RowSource {
  const portal = cursorNamed(session, command.cursor);
  let count = 0;
  return {
    fields: command.silent ? undefined : portal.prepared.fields,
    formats: portal.binding.formats,
    get sent() {
      return count;
    },
    get tag() {
      return `${command.silent ? 'MOVE' : 'FETCH'} ${count}`;
    },
    async send(sink: Sink) {
      count = await session.running(portal.controller, () =>
        portal.move(command.movement, command.silent ? undefined : sink, () =>
          openStatement(session, portal.prepared, portal.binding, portal.controller.signal),
        ),
      );
      return true;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** @throws CausewayError 34000 */
export function cursorNamed(session: Session, name: string): Portal {
  const portal = session.portals.get(name);
  if (portal !== undefined) return portal;
  throw new CausewayError(CONDITION.invalidCursorName, `cursor "${name}" does not exist`);
}

async function closeCursor(session: Session, name: string | undefined): Promise<void> {
  if (name === undefined) return session.closePortals(() => true);
  const portal = cursorNamed(session, name);
  session.portals.delete(name);
  await portal.close();
}

function deallocate(session: Session, name: string | undefined): void {
  if (name === undefined) {
    session.statements.clear();
    return;
  }
  namedStatement(session, name);
  session.statements.delete(name);
}

/** @throws CausewayError 26000 */
export function namedStatement(session: Session, name: string): Prepared {
  const statement = session.statements.get(name);
  if (statement !== undefined) return statement;
  const what = name === '' ? 'unnamed prepared statement' : `prepared statement "${name}"`;
  throw new CausewayError(CONDITION.invalidStatementName, `${what} does not exist`);
}

/** @throws CausewayError 42P05 */
export function requireNewStatement(session: Session, name: string): void {
  if (name === '' || !session.statements.has(name)) return;
  throw new CausewayError(CONDITION.duplicatePreparedStatement, `prepared statement "${name}" already exists`);
}

async function typeNumbers(session: Session, types: readonly string[], signal: AbortSignal): Promise<number[]> {
  const texts = await session.evaluate(
    types.map((type) => `pg_catalog.to_regtype('${type.replaceAll("'", "''")}')::pg_catalog.oid`),
    signal,
  );
  return texts.map((text) => Number(text ?? 0));
}

async function discardAll(session: Session): Promise<void> {
  if (session.transaction.status !== 'I') {
    throw new CausewayError(CONDITION.activeTransaction, 'DISCARD ALL cannot run inside a transaction block');
  }
  await session.closePortals(() => true);
  session.statements.clear();
  session.forgetSettings();
}
