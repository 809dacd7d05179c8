/** One user's session: its settings, and the statements it runs, one after another. Sessions share nothing but the engine. */

import type { Privilege } from '../catalog/roles.ts';
import { canceled, type Position, throwIfAborted } from '../plan/errors.ts';
import { positionAt } from '../sql/lexer.ts';
import { parseStatement } from '../sql/statements/parse.ts';
import type { Statement } from '../sql/statements/statement.ts';
import { Access } from './access.ts';
import type { Clock } from './clock.ts';
import type { Engine } from './engine.ts';
import type { ExecuteOptions, Notice, StatementResult } from './result.ts';
import { columnsOf, done, rowsResult } from './rows.ts';
import { Settings } from './settings.ts';
import { cancelJob } from './statements/cancel-job.ts';
import { type Description, describeStatement } from './statements/describe-statement.ts';
import { describeTable } from './statements/describe-table.ts';
import { explain } from './statements/explain.ts';
import { exportQuery } from './statements/export-query.ts';
import { createFederatedTable, dropFederatedTable } from './statements/federated-tables.ts';
import { analyze, calibrate } from './statements/measure.ts';
import { exportModelTo, importModelFrom } from './statements/model-files.ts';
import { activateVersion, describeModel, dropModel, showModels } from './statements/models.ts';
import { createPolicy, createRestriction, dropPolicy } from './statements/policies.ts';
import { alterSilo } from './statements/prices.ts';
import { changeMembership, changePrivileges, changeRole, dropRole } from './statements/roles.ts';
import { runSelect } from './statements/select.ts';
import { createSilo, dropSilo, showSilos } from './statements/silos.ts';
import { showTables } from './statements/tables.ts';
import { resumeJob, resumeTrain, trainModel } from './statements/train.ts';
import { createView, dropView } from './statements/views.ts';
import { createTableAs, insertInto } from './statements/write.ts';

/** What a statement's handler gets to work with. */
export interface StatementContext {
  readonly engine: Engine;
  /** What its user may do. */
  readonly access: Access;
  /** What tables are read for; `select` when absent. */
  readonly privilege?: Privilege;
  /** True for the feature query that a model was trained on. */
  readonly feature?: true;
  readonly settings: Settings;
  readonly signal: AbortSignal;
  readonly parameters: readonly (string | null)[];
  readonly clock: Clock;
  readonly onNotice: (notice: Notice) => void;
  /** Where the statement begins in the script. */
  readonly base: Position;
  /** The statement as it was written. */
  readonly text: string;
  /** The place in the script of an offset of the statement. */
  readonly locate: (offset: number) => Position;
}

export class Session implements AsyncDisposable {
  readonly settings = new Settings();
  readonly #engine: Engine;
  readonly #access: Access;
  readonly #onClose: () => void;
  readonly #closing = new AbortController();
  #running = 0;
  #idle: (() => void) | undefined;

  constructor(engine: Engine, user: string | undefined, onClose: () => void) {
    this.#engine = engine;
    this.#access = new Access(engine.catalog.roles, user);
    this.#onClose = onClose;
  }

  /**
   * Runs the statements of a script one after another, one result each. A result's batches must be read before the next
   * statement is asked for. The first error ends the script.
   * @throws CausewayError with a position in `text` where there is one
   */
  async *execute(text: string, options: ExecuteOptions = {}): AsyncGenerator<StatementResult> {
    const signal = AbortSignal.any([this.#closing.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    this.#running++;
    try {
      for (const { text: statement, position, parsed } of this.#engine.scripts.statements(text)) {
        throwIfAborted(signal);
        yield await run(parsed, this.#context(statement, position, options, signal));
      }
    } finally {
      this.#running--;
      if (this.#running === 0) this.#idle?.();
    }
  }

  /** Goes on with a job of this user that was interrupted, to its end. @throws CausewayError as the job's TRAIN would */
  async resume(job: number): Promise<void> {
    this.#running++;
    try {
      const { signal } = this.#closing;
      await resumeJob(job, this.#context('', positionAt('', 0), { signal }, signal), true);
    } finally {
      this.#running--;
      if (this.#running === 0) this.#idle?.();
    }
  }

  #context(text: string, base: Position, options: ExecuteOptions, signal: AbortSignal): StatementContext {
    const statement = new Date();
    return {
      clock: { statement, transaction: options.transactionBegan ?? statement },
      engine: this.#engine,
      access: this.#access,
      settings: this.settings,
      signal,
      parameters: options.parameters ?? [],
      onNotice: options.onNotice ?? (() => undefined),
      base,
      text,
      locate: (offset) => positionAt(text, offset, base),
    };
  }

  /**
   * Columns and parameters of one statement, without running it; `unknown` parameters may take text.
   * @throws CausewayError as running it would for what is wrong with its text
   */
  async describe(text: string, signal: AbortSignal = this.#closing.signal): Promise<Description> {
    const context = this.#context(text, positionAt(text, 0), { signal }, signal);
    return describeStatement(parseStatement(text), context);
  }

  /** Cancels what is running, and waits until it has let go of the silos. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(canceled());
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    this.#onClose();
  }
}

/** Statements whose privileges follow from what they read. */
const READS: ReadonlySet<Statement['kind']> = new Set(['query', 'train-model', 'explain', 'show', 'describe', 'set']);

async function run(statement: Statement, context: StatementContext): Promise<StatementResult> {
  const { engine, settings, signal } = context;
  if (!READS.has(statement.kind)) context.access.requireSuperuser();
  switch (statement.kind) {
    case 'query':
      return runSelect(statement.query, context);
    case 'train-model':
      return trainModel(statement, context);
    case 'explain':
      return explain(statement, context);
    case 'create-silo':
      return createSilo(engine, statement, signal);
    case 'create-federated-table':
      return createFederatedTable(engine, statement, signal);
    case 'create-view':
      return createView(statement, context);
    case 'create-table-as':
      return createTableAs(statement, context);
    case 'insert':
      return insertInto(statement, context);
    case 'export-model':
      return exportModelTo(statement, context);
    case 'export-query':
      return exportQuery(statement, context);
    case 'import-model':
      return importModelFrom(statement, context);
    case 'resume-train':
      return resumeTrain(statement, context);
    case 'cancel-job':
      return cancelJob(statement, context);
    case 'alter-model':
      return activateVersion(engine, statement.name.value, statement.activate.value);
    case 'drop':
      return drop(engine, statement.object, statement.name.value, statement.ifExists);
    case 'show':
      if (statement.what === 'silos') return showSilos(engine);
      if (statement.what === 'models') return showModels(context);
      if (statement.what === 'tables') return showTables(context);
      return rowsResult('SHOW', columnsOf({ [statement.name!]: 'text' }), [[settings.show(statement.name!)]]);
    case 'describe':
      if (statement.object === 'model') return describeModel(context, statement.name[0]!.value);
      return describeTable(statement.name, context);
    case 'change-role':
      return changeRole(engine, statement);
    case 'change-privileges':
      return changePrivileges(engine, statement);
    case 'change-membership':
      return changeMembership(engine, statement);
    case 'create-policy':
      return createPolicy(engine, statement, signal);
    case 'create-restriction':
      return createRestriction(engine, statement, signal);
    case 'analyze':
      return analyze(statement, context);
    case 'calibrate':
      return calibrate(statement, context);
    case 'alter-silo':
      return alterSilo(statement, context);
    case 'set':
      settings.set(statement.name.value, statement.value);
      return done(statement.value === undefined ? 'RESET' : 'SET');
  }
}

function drop(
  engine: Engine,
  object: 'role' | 'silo' | 'federated-table' | 'model' | 'view' | 'policy',
  name: string,
  ifExists: boolean,
): Promise<StatementResult> | StatementResult {
  switch (object) {
    case 'role':
      return dropRole(engine, name, ifExists);
    case 'silo':
      return dropSilo(engine, name, ifExists);
    case 'federated-table':
      return dropFederatedTable(engine, name, ifExists);
    case 'model':
      return dropModel(engine, name, ifExists);
    case 'view':
      return dropView(engine, name, ifExists);
    case 'policy':
      return dropPolicy(engine, name, ifExists);
  }
}
