/** What is asked of the oracle: what a statement reads, what its columns are, and the answers of catalog statements. */
import { quoteIdentifier } from '../../sql/lexer.ts';
import type { CatalogSnapshot, CatalogView } from '../backend.ts';
import type { FieldDescription } from '../wire/backend.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import { DEFAULT_SEARCH_PATH, READER_ROLE } from './bootstrap.ts';
import {
  type BackendMessage,
  OracleError,
  readDataRow,
  readErrorFields,
  readParameterDescription,
  readRowDescription,
} from './messages.ts';
import { mirrorChanges } from './mirror.ts';
import type { ExchangeOptions, Oracle } from './oracle.ts';
import type { SessionContext } from './thread.ts';

/** Below stand PostgreSQL's own objects. */
const FIRST_USER_OID = 16_384;

export interface StatementFacts {
  readonly parameterOids: readonly number[];
  /** Undefined for a statement without rows. */
  readonly fields: readonly FieldDescription[] | undefined;
  /** It reads a silo's table or a view, directly or through views. */
  readonly readsUserRelations: boolean;
  readonly readsCatalog: boolean;
}

export interface CatalogAnswer {
  /** Without ParseComplete, BindComplete and ReadyForQuery. */
  readonly messages: readonly BackendMessage[];
  /** The session's own settings after a statement that may change them. */
  readonly settings?: ReadonlyMap<string, string>;
}

export class CatalogOracle {
  readonly #oracle: Oracle;
  readonly #catalog: CatalogView;
  readonly #roles = new Set<string>(['postgres', READER_ROLE]);
  #mirrored: CatalogSnapshot | undefined;
  #version: number | undefined;
  #refreshing: Promise<void> | undefined;

  constructor(oracle: Oracle, catalog: CatalogView) {
    this.#oracle = oracle;
    this.#catalog = catalog;
  }

  /** Changes with every change of the mirrored schema. */
  get version(): number {
    return this.#version ?? -1;
  }

  /** Brings the mirror up to date, when the catalog has changed. */
  async refresh(): Promise<void> {
    while (this.#version !== this.#catalog.version) {
      this.#refreshing ??= this.#mirror().finally(() => {
        this.#refreshing = undefined;
      });
      await this.#refreshing;
    }
  }

  async #mirror(): Promise<void> {
    const { version } = this.#catalog;
    const snapshot = await this.#catalog.snapshot();
    const changes = mirrorChanges(this.#mirrored, snapshot);
    if (changes !== '') await this.#oracle.schema(changes);
    this.#mirrored = snapshot;
    this.#version = version;
  }

  /** Makes a user known; while the catalog has no users, it may read the whole mirror. */
  async addUser(name: string): Promise<void> {
    // Roles of the catalog come with it, and with what they may see.
    if (this.#roles.has(name) || this.#mirrored?.roles.some((role) => role.name === name)) return;
    this.#roles.add(name);
    await this.#oracle.schema(`CREATE ROLE ${quoteIdentifier(name)} LOGIN IN ROLE ${READER_ROLE};`);
  }

  /**
   * Columns, parameters and relations of one statement. Parsing it locks every relation it reads, views expanded:
   * PostgreSQL's own lock table says which.
   * @throws OracleError when PostgreSQL refuses the statement
   */
  async facts(
    session: SessionContext,
    text: string,
    oids: readonly number[],
    options: ExchangeOptions,
  ): Promise<StatementFacts> {
    const writer = new MessageWriter();
    simpleQuery(writer, 'BEGIN');
    parse(writer, text, oids);
    writer.begin('D').byte(0x53).cstring('').end();
    writer.begin('S').end();
    simpleQuery(
      writer,
      "SELECT relation FROM pg_catalog.pg_locks WHERE locktype = 'relation' AND relation <> 'pg_catalog.pg_locks'::pg_catalog.regclass",
    );
    simpleQuery(writer, 'ROLLBACK');
    const messages = await this.#oracle.exchange(session, writer.take(), options);
    throwFirstError(messages);
    const parameters = messages.find(({ type }) => type === 't');
    const parsed = messages.findIndex(({ type }) => type === 't');
    const description = messages[parsed + 1];
    const relations = rowsOf(messages).map(([oid]) => Number(oid));
    return {
      parameterOids: parameters === undefined ? [] : readParameterDescription(parameters.body),
      fields: description?.type === 'T' ? readRowDescription(description.body) : undefined,
      readsUserRelations: relations.some((oid) => oid >= FIRST_USER_OID),
      readsCatalog: relations.some((oid) => oid < FIRST_USER_OID),
    };
  }

  /**
   * Runs one statement. `bindTail` is the body of a Bind message after its names; without it there are no parameters
   * and all results are text. An error is among the messages.
   */
  async run(
    session: SessionContext,
    text: string,
    oids: readonly number[],
    bindTail: Uint8Array | undefined,
    options: ExchangeOptions,
  ): Promise<CatalogAnswer> {
    const writer = new MessageWriter();
    parse(writer, text, oids);
    writer
      .begin('B')
      .cstring('')
      .cstring('')
      .bytes(bindTail ?? NO_PARAMETERS)
      .end();
    writer.begin('D').byte(0x50).cstring('').end();
    writer.begin('E').cstring('').int32(0).end();
    writer.begin('S').end();
    return this.#answer(session, writer, options);
  }

  /** Runs statements as a simple query: COPY … TO STDOUT answers only there. */
  async runSimple(session: SessionContext, text: string, options: ExchangeOptions): Promise<CatalogAnswer> {
    const writer = new MessageWriter();
    simpleQuery(writer, text);
    return this.#answer(session, writer, options);
  }

  async #answer(session: SessionContext, writer: MessageWriter, options: ExchangeOptions): Promise<CatalogAnswer> {
    if (session.changes) simpleQuery(writer, SETTINGS);
    const messages = await this.#oracle.exchange(session, writer.take(), options);
    const end = messages.findIndex(({ type }) => type === 'Z');
    const answer = messages.slice(0, end).filter(({ type }) => !'12'.includes(type));
    if (!session.changes) return { messages: answer };
    const settings = new Map(rowsOf(messages.slice(end)) as [string, string][]);
    if (settings.get('search_path') === DEFAULT_SEARCH_PATH) settings.delete('search_path');
    return { messages: answer, settings };
  }
}

/** The rows of an answer in text format. */
export const rowsOf = (messages: readonly BackendMessage[]): (string | null)[][] =>
  messages.filter(({ type }) => type === 'D').map(({ body }) => readDataRow(body));

/** What the session has set; the two that the endpoint sets itself aside. */
const SETTINGS = `SELECT name, setting FROM pg_catalog.pg_settings
  WHERE source = 'session' AND name NOT IN ('default_transaction_read_only', 'session_authorization', 'role')
    AND name NOT LIKE 'causeway.%' AND name NOT LIKE 'transaction_%'`;

const NO_PARAMETERS = Buffer.alloc(6);

const simpleQuery = (writer: MessageWriter, text: string) => writer.begin('Q').cstring(text).end();

function parse(writer: MessageWriter, text: string, oids: readonly number[]): void {
  writer.begin('P').cstring('').cstring(text).int16(oids.length);
  for (const oid of oids) writer.int32(oid);
  writer.end();
}

/** @throws OracleError for the first ErrorResponse among `messages` */
export function throwFirstError(messages: readonly BackendMessage[]): void {
  const error = messages.find(({ type }) => type === 'E');
  if (error !== undefined) throw new OracleError(readErrorFields(error.body));
}
