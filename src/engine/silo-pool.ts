/** Open silos by name: one connection set per silo for the whole process, opened on first use, closed with the engine. */
import type { Connector, Silo, SiloOptions, TableInfo } from '../../connectors/connector.ts';
import type { SiloDefinition, SiloStore } from '../catalog/silos.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import { didYouMean } from '../plan/nearest.ts';

/** An open silo with the connector that opened it. */
export interface OpenSilo {
  readonly name: string;
  readonly connector: Connector;
  readonly silo: Silo;
}

export type LoadConnector = (kind: string) => Promise<Connector>;

/** Table lists older than this are read again: another program may have changed the silo. */
const METADATA_LIFETIME_MS = 60_000;

export class SiloPool implements AsyncDisposable {
  readonly #definitions: SiloStore;
  readonly #load: LoadConnector;
  readonly #open = new Map<string, Promise<OpenSilo>>();
  readonly #tables = new Map<string, { readonly at: number; readonly tables: Promise<readonly TableInfo[]> }>();
  readonly #closing = new AbortController();
  #version = 0;

  constructor(definitions: SiloStore, load: LoadConnector) {
    this.#definitions = definitions;
    this.#load = load;
  }

  /** Grows whenever a silo's tables may have changed. */
  get version(): number {
    return this.#version;
  }

  /** The definition of a silo. @throws CausewayError 42704 with the nearest name. */
  definition(name: string): SiloDefinition {
    const found = this.#definitions.get(name);
    if (found !== undefined) return found;
    const names = this.#definitions.list().map((silo) => silo.name);
    const hint = didYouMean(name, names) ?? 'Create one with CREATE SILO.';
    throw new CausewayError(SQLSTATE.undefinedObject, `there is no silo "${name}"`, { hint });
  }

  /** The silo, opened when it is not. A failed opening is not remembered: the next call tries again. */
  open(name: string): Promise<OpenSilo> {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const opening = this.connect(this.definition(name), this.#closing.signal);
    this.#open.set(name, opening);
    opening.catch(() => this.#open.delete(name));
    return opening;
  }

  /**
   * Opens a silo that need not be in the catalog yet (CREATE SILO proves its options this way). The caller owns it.
   * @throws CausewayError for an unknown kind or option, or whatever the silo answers
   */
  async connect({ name, kind, options }: SiloDefinition, signal: AbortSignal): Promise<OpenSilo> {
    const connector = await this.#load(kind);
    try {
      const silo = await connector.connect(resolveReferences(options), signal);
      return { name, connector: silo.behind ?? connector, silo };
    } catch (thrown) {
      throw inSilo(name, thrown);
    }
  }

  /** The silo's tables, from its own catalog; remembered for a minute. */
  tables(name: string, signal: AbortSignal): Promise<readonly TableInfo[]> {
    const known = this.#tables.get(name);
    if (known !== undefined && Date.now() - known.at < METADATA_LIFETIME_MS) return known.tables;
    const tables = this.open(name)
      .then(({ silo }) => silo.tables(signal))
      .catch((thrown) => {
        throw inSilo(name, thrown);
      });
    this.#version++;
    this.#tables.set(name, { at: Date.now(), tables });
    tables.catch(() => this.#tables.delete(name));
    return tables;
  }

  /** Forgets what is known of a silo's tables: after DDL, or an error that says they have changed. */
  forgetTables(name: string): void {
    this.#version++;
    this.#tables.delete(name);
  }

  async close(name: string): Promise<void> {
    const open = this.#open.get(name);
    this.#version++;
    this.#open.delete(name);
    this.#tables.delete(name);
    await open?.then(({ silo }) => silo[Symbol.asyncDispose]()).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#open.keys()].map((name) => this.close(name)));
  }
}

/** An error that a silo raised, with the silo's name in it. */
export function inSilo(name: string, thrown: unknown): CausewayError {
  if (thrown instanceof CausewayError) {
    if (thrown.silo !== undefined || thrown.sqlstate === SQLSTATE.queryCanceled) return thrown;
    const { detail, hint, position, cause } = thrown;
    return new CausewayError(thrown.sqlstate, `silo "${name}": ${thrown.message}`, {
      silo: name,
      cause: cause ?? thrown,
      ...(detail === undefined ? {} : { detail }),
      ...(hint === undefined ? {} : { hint }),
      ...(position === undefined ? {} : { position }),
    });
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new CausewayError(SQLSTATE.connectionFailure, `silo "${name}": ${message}`, { silo: name, cause: thrown });
}

/** `env:NAME` stands for the environment variable NAME, so that no secret need be in the catalog. */
function resolveReferences(options: SiloOptions): SiloOptions {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => {
      if (!value.startsWith('env:')) return [name, value];
      const variable = value.slice(4);
      const found = process.env[variable];
      if (found !== undefined) return [name, found];
      throw new CausewayError(
        SQLSTATE.invalidParameterValue,
        `option "${name}" names the environment variable ${variable}, which is not set`,
        { hint: `Set ${variable} before Causeway starts.` },
      );
    }),
  );
}
