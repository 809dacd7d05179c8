/** One client's session: its user, settings, transaction, statements and portals, apart from everybody else's. */
import { randomBytes } from 'node:crypto';
import type { Notice } from '../../engine/result.ts';
import { inSpan } from '../../engine/telemetry.ts';
import { CausewayError, SQLSTATE } from '../../plan/errors.ts';
import { scalar } from '../../plan/types.ts';
import type { EndpointBackend, EndpointSession } from '../backend.ts';
import type { Observe } from '../observer.ts';
import { CONTROL_NOTICE } from '../oracle/bootstrap.ts';
import type { CatalogAnswer, CatalogOracle } from '../oracle/catalog-oracle.ts';
import { rowsOf, throwFirstError } from '../oracle/catalog-oracle.ts';
import { readErrorFields } from '../oracle/messages.ts';
import type { SessionContext } from '../oracle/thread.ts';
import { parseCommand } from '../statements/command.ts';
import { DEFAULT_OUTPUT, type OutputSettings } from '../values/output-settings.ts';
import { noticeResponse, parameterStatus } from '../wire/backend.ts';
import type { Format } from '../wire/frontend.ts';
import { classify } from './classifier.ts';
import { EngineRows } from './engine-rows.ts';
import { asCausewayError } from './failed-statement.ts';
import { OracleRows } from './oracle-rows.ts';
import type { Portal } from './portal.ts';
import { describeColumns, type Prepared } from './prepared.ts';
import type { SessionRegistry } from './registry.ts';
import type { RowSource } from './row-source.ts';
import { outputSettings, REPORTED, type Settings, type TimeLimits, timeLimits } from './settings.ts';
import type { SocketSink } from './sink.ts';
import { Transaction } from './transaction.ts';

/** What all sessions of one endpoint share. */
export interface EndpointServices {
  readonly backend: EndpointBackend;
  readonly oracle: CatalogOracle;
  readonly sessions: SessionRegistry;
  readonly observe: Observe;
}

/** Values for a statement's parameters, and the formats of its results. */
export interface Binding {
  /** Text forms. */
  readonly parameters: readonly (string | null)[];
  readonly formats: readonly Format[];
  /** The Bind message's body after its names; for the oracle. */
  readonly tail?: Buffer;
}

export const UNBOUND: Binding = Object.freeze({ parameters: [], formats: [] });

export type SessionState = 'idle' | 'active' | 'idle in transaction' | 'idle in transaction (aborted)';

export class Session implements AsyncDisposable {
  readonly pid: number;
  readonly secret: Buffer;
  readonly user: string;
  readonly sink: SocketSink;
  readonly transaction = new Transaction();
  readonly statements = new Map<string, Prepared>();
  /** Portals of the protocol and cursors of DECLARE: one space of names. */
  readonly portals = new Map<string, Portal>();
  readonly startedAt = new Date();
  queryStartedAt: Date | undefined;
  /** The last statement. */
  query = '';
  readonly #services: EndpointServices;
  readonly #engine: EndpointSession;
  #settings: Settings = new Map();
  #output: OutputSettings = DEFAULT_OUTPUT;
  #limits: TimeLimits = timeLimits(new Map());
  #defaults = new Map<string, string>();
  #reported = new Map<string, string>();
  #running: AbortController | undefined;
  /** Ends the connection; set by it. */
  terminate: (error: CausewayError) => void = () => {};

  /** @param secretBytes 4 in protocol 3.0, more from 3.2 on */
  constructor(services: EndpointServices, user: string, sink: SocketSink, secretBytes: number) {
    this.#services = services;
    this.user = user;
    this.sink = sink;
    this.secret = randomBytes(secretBytes);
    this.pid = services.sessions.add(this);
    this.#engine = services.backend.openSession(user);
  }

  get settings(): Settings {
    return this.#settings;
  }

  get limits(): TimeLimits {
    return this.#limits;
  }

  get state(): SessionState {
    if (this.#running !== undefined) return 'active';
    const { status } = this.transaction;
    if (status === 'I') return 'idle';
    return status === 'T' ? 'idle in transaction' : 'idle in transaction (aborted)';
  }

  /** Applies the settings of the startup packet and announces all that clients want to know. */
  async start(parameters: ReadonlyMap<string, string>): Promise<void> {
    await this.#services.oracle.addUser(this.user);
    await this.#services.oracle.refresh();
    const { messages } = await this.#services.oracle.run(
      this.context(),
      `SELECT name, setting FROM pg_settings WHERE name IN (${REPORTED.map((name) => `'${name}'`).join(', ')})`,
      [],
      undefined,
      {},
    );
    throwFirstError(messages);
    this.#defaults = new Map(rowsOf(messages) as [string, string][]);
    this.#defaults.set('session_authorization', this.user);
    this.#defaults.set('is_superuser', 'off');
    const calls = [...parameters].map(([name, value]) => `set_config('${quote(name)}', '${quote(value)}', false)`);
    if (calls.length > 0) {
      const text = `SELECT ${calls.join(', ')}`;
      parseCommand(text);
      await using _ = await this.#runInOracle(text, UNBOUND, [], new AbortController().signal, true, false);
    }
    this.#report();
  }

  /** Whose statement the oracle is given. `changes`: the statement may change settings. */
  context(changes = false, withActivity = false): SessionContext {
    const settings: [string, string][] = [...this.#settings];
    settings.push(['causeway.pid', String(this.pid)]);
    if (withActivity) settings.push(['causeway.activity', this.#services.sessions.activity(this)]);
    return { role: this.user, settings, ...(changes ? { changes } : {}) };
  }

  /** Runs `work` as the session's statement: it can be cancelled, and `statement_timeout` holds. */
  async running<T>(controller: AbortController, work: () => Promise<T>): Promise<T> {
    const limit = this.#limits.statement;
    const timer = limit > 0 ? setTimeout(() => controller.abort(timedOut()), limit) : undefined;
    this.#running = controller;
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      this.#running = undefined;
    }
  }

  /** Tells the observer how a statement went; `work` answers with the rows it sent. */
  async observed(text: string, work: () => Promise<number>): Promise<void> {
    const began = performance.now();
    const tell = (rows: number, sqlstate?: string) =>
      this.#services.observe({
        user: this.user,
        pid: this.pid,
        text,
        milliseconds: performance.now() - began,
        rows,
        ...(sqlstate === undefined ? {} : { sqlstate }),
      });
    try {
      tell(await inSpan('statement', { 'db.system.name': 'causeway', 'causeway.session': this.pid }, work));
    } catch (thrown) {
      tell(0, asCausewayError(thrown).sqlstate);
      throw thrown;
    }
  }

  /** Cancels what runs now; nothing otherwise. */
  cancel(reason: CausewayError): void {
    this.#running?.abort(reason);
  }

  /** Looks at one statement: what it is, who answers it, with which columns. */
  async prepare(text: string, oids: readonly number[], signal: AbortSignal): Promise<Prepared> {
    const command = parseCommand(text);
    switch (command.kind) {
      case 'constant': {
        const fields = describeColumns([{ name: '?column?', type: scalar('integer') }], undefined);
        return { text, command, by: 'endpoint', parameterOids: [], fields };
      }
      case 'query':
      case 'engine':
      case 'show':
      case 'set': {
        await this.#services.oracle.refresh();
        const context = {
          oracle: this.#services.oracle,
          engine: this.#engine,
          session: this.context(),
          signal,
        };
        return this.#services.sessions.plans.get(this, text, oids, () => classify(context, text, command, oids));
      }
      case 'declare':
      case 'copy-out': {
        const inner = await this.prepare(command.query, oids, signal);
        return { text, command, by: 'endpoint', parameterOids: inner.parameterOids, fields: undefined, inner };
      }
      default:
        return { text, command, by: 'endpoint', parameterOids: [], fields: undefined };
    }
  }

  /** Starts a statement that the oracle or the engine answers. */
  async open(prepared: Prepared, binding: Binding, signal: AbortSignal): Promise<RowSource> {
    const { command, text } = prepared;
    if (prepared.by === 'engine') return this.openEngine(prepared, binding, signal);
    const local = command.kind === 'set' && command.local;
    if (local && this.transaction.status === 'I') {
      this.warn('25P01', 'SET LOCAL can only be used in transaction blocks');
    }
    // The oracle has no transactions: what SET LOCAL changes is brought back here.
    const run = local ? text.replace(/local/i, '') : text;
    if (command.kind === 'set' && command.name === 'all') this.forgetSettings();
    const changes = command.kind === 'set' || /set_config/i.test(text);
    return this.#runInOracle(run, binding, prepared.parameterOids, signal, changes, local);
  }

  openEngine(prepared: Prepared, binding: Binding, signal: AbortSignal): Promise<EngineRows> {
    const { began } = this.transaction;
    return EngineRows.start({
      results: this.#engine.execute(prepared.text, {
        signal,
        ...(began === undefined ? {} : { transactionBegan: began }),
        parameters: binding.parameters,
        onNotice: (notice) => this.notify(notice),
      }),
      describe: (columns) => describeColumns(columns, prepared.fields),
      formats: binding.formats,
      output: this.#output,
      signal,
    });
  }

  /** COPY of catalog rows: the oracle makes the whole answer. */
  async openOracleCopy(text: string, signal: AbortSignal): Promise<RowSource> {
    const answer = await this.#services.oracle.runSimple(this.context(), text, { signal });
    return this.#oracleRows(answer, [], signal, false);
  }

  /** Text forms of SQL expressions, for EXECUTE. */
  async evaluate(expressions: readonly string[], signal: AbortSignal): Promise<(string | null)[]> {
    if (expressions.length === 0) return [];
    const text = `SELECT ${expressions.map((expression) => `(${expression})::text`).join(', ')}`;
    const prepared = await this.prepare(text, [], signal);
    if (prepared.by !== 'oracle') {
      throw new CausewayError(SQLSTATE.featureNotSupported, 'parameters of EXECUTE may not read tables');
    }
    const { messages } = await this.#services.oracle.run(this.context(), text, [], undefined, { signal });
    throwFirstError(messages);
    return rowsOf(messages)[0] ?? [];
  }

  async #runInOracle(
    text: string,
    binding: Binding,
    oids: readonly number[],
    signal: AbortSignal,
    changes: boolean,
    local: boolean,
  ): Promise<RowSource> {
    const context = this.context(changes, /pg_stat_activity/i.test(text));
    const answer = await this.#services.oracle.run(context, text, oids, binding.tail, { signal });
    return this.#oracleRows(answer, binding.formats, signal, local);
  }

  async #oracleRows(
    { messages, settings }: CatalogAnswer,
    formats: readonly Format[],
    signal: AbortSignal,
    local: boolean,
  ): Promise<RowSource> {
    throwFirstError(messages);
    if (settings !== undefined) this.changeSettings(settings, local);
    for (const { type, body, raw } of messages) {
      if (type !== 'N') continue;
      const fields = readErrorFields(body);
      if (fields.get('C') === CONTROL_NOTICE)
        await this.#services.sessions.control(this, fields.get('M') ?? '', signal);
      else this.sink.writer.bytes(raw);
    }
    return new OracleRows(messages, formats);
  }

  /** All settings as they were at the start, those of the engine included. */
  forgetSettings(): void {
    this.changeSettings(new Map());
    this.#engine.set('all', undefined);
  }

  /** @throws CausewayError 0A000 for settings under which values cannot be written; then nothing changes */
  changeSettings(settings: Settings, local = false): void {
    const output = outputSettings(settings);
    if (local) {
      if (this.transaction.status === 'I') return;
      this.transaction.setLocal(this.#settings, settings);
    }
    for (const name of new Set([...this.#settings.keys(), ...settings.keys()])) {
      const value = settings.get(name);
      if (value !== this.#settings.get(name)) this.#engine.set(name.toLowerCase(), value);
    }
    this.#output = output;
    this.#settings = settings;
    this.#limits = timeLimits(settings);
    this.#report();
  }

  /** Tells the client which of the settings it follows have changed. */
  #report(): void {
    for (const name of REPORTED) {
      const value = this.#settings.get(name) ?? this.#defaults.get(name);
      if (value === undefined || this.#reported.get(name) === value) continue;
      this.#reported.set(name, value);
      parameterStatus(this.sink.writer, name, value);
    }
  }

  notify(notice: Notice): void {
    noticeResponse(this.sink.writer, notice);
    // Progress is of use only while it happens.
    void this.sink.flush().catch(() => {});
  }

  warn(sqlstate: string, message: string): void {
    noticeResponse(this.sink.writer, { severity: 'WARNING', sqlstate, message });
  }

  /** Closes portals at the end of a transaction. */
  async closePortals(which: (portal: Portal) => boolean): Promise<void> {
    for (const [name, portal] of this.portals) {
      if (!which(portal)) continue;
      this.portals.delete(name);
      await portal.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#services.sessions.remove(this);
    this.cancel(new CausewayError(SQLSTATE.queryCanceled, 'the session ends'));
    await this.closePortals(() => true);
    await this.#engine[Symbol.asyncDispose]();
  }
}

const quote = (text: string): string => text.replaceAll("'", "''");

const timedOut = (): CausewayError =>
  new CausewayError(SQLSTATE.queryCanceled, 'canceling statement due to statement timeout');
