/**
 * The catalog: one directory that holds everything Causeway must remember — `catalog.db` (SQLite, WAL) and the
 * models' weights. A restart keeps everything.
 */
import { chmodSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { CausewayError, messageOf, SQLSTATE } from '../plan/errors.ts';
import { type AuditStore, auditStore } from './audit.ts';
import { type EgressStore, egressStore } from './egress.ts';
import { type FederatedTableStore, federatedTableStore } from './federated-tables.ts';
import { type JobStore, jobStore } from './jobs.ts';
import { type LearnedStore, learnedStore } from './learned.ts';
import { type ModelStore, modelStore } from './models.ts';
import { type PolicyStore, policyStore } from './policies.ts';
import { type RoleStore, roleStore } from './roles.ts';
import { migrate } from './schema.ts';
import { type SiloStore, siloStore } from './silos.ts';
import { type ViewStore, viewStore } from './views.ts';

export class Catalog<Signature = unknown, Metrics = unknown> implements Disposable {
  readonly directory: string;
  readonly silos: SiloStore;
  readonly federatedTables: FederatedTableStore;
  readonly views: ViewStore;
  readonly models: ModelStore<Signature, Metrics>;
  readonly jobs: JobStore;
  readonly egress: EgressStore;
  readonly audit: AuditStore;
  readonly roles: RoleStore;
  readonly policies: PolicyStore;
  readonly #db: DatabaseSync;
  /**
   * For what every statement adds (egress, learned statistics): written at once, but without waiting for the disk. It
   * outlives the process, though the last moments before a power failure may be missing.
   */
  readonly #observations: DatabaseSync;
  readonly #version: StatementSync;

  private constructor(directory: string, db: DatabaseSync, observations: DatabaseSync) {
    this.directory = directory;
    this.#db = db;
    this.#observations = observations;
    this.#version = observations.prepare('PRAGMA data_version');
    this.silos = siloStore(db);
    this.federatedTables = federatedTableStore(db);
    this.views = viewStore(db);
    this.models = modelStore(db, join(directory, 'models'));
    this.jobs = jobStore(db);
    this.egress = egressStore(observations);
    this.audit = auditStore(observations);
    this.roles = roleStore(db);
    this.policies = policyStore(db);
  }

  /**
   * Opens the catalog in `directory`, making it when it is not there. Readable by its owner only: options may hold
   * passwords.
   * @throws CausewayError 58030 when the directory cannot be written, 55000 when a newer Causeway wrote it.
   */
  static open<Signature, Metrics>(directory: string): Catalog<Signature, Metrics> {
    const path = resolve(directory);
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      const file = join(path, 'catalog.db');
      const db = new DatabaseSync(file);
      db.exec(
        'PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; PRAGMA synchronous = FULL',
      );
      migrate(db, file);
      chmodSync(file, 0o600);
      const observations = new DatabaseSync(file);
      observations.exec('PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL');
      return new Catalog(path, db, observations);
    } catch (cause) {
      if (cause instanceof CausewayError) throw cause;
      throw new CausewayError(SQLSTATE.ioError, `the catalog directory ${path} cannot be opened: ${messageOf(cause)}`, {
        hint: 'Name a directory that can be written with --dir.',
        cause,
      });
    }
  }

  /**
   * Another number after every change of the catalog, by this process or another one. What statements of this process
   * record does not count: SQLite's data_version is about other connections than the one that asks.
   */
  get version(): number {
    return (this.#version.get() as { readonly data_version: number }).data_version;
  }

  /** What is known of a topic until it is learned anew; a layer above says what a value looks like. */
  learned<T>(topic: 'statistics' | 'speed'): LearnedStore<T> {
    return learnedStore<T>(this.#observations, topic);
  }

  [Symbol.dispose](): void {
    this.egress.flush();
    this.audit.flush();
    this.#observations.close();
    this.#db.close();
  }
}
