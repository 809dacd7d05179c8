/**
 * The engine of one process: the catalog, the open silos, the mediator. Sessions run statements on it, many at once.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Connector } from '../../connectors/connector.ts';
import { connectorOf } from '../../connectors/registry.ts';
import { residualStore } from '../../operators/aggregate/compression/residuals.ts';
import { type PrivacyLedger, privacyLedger } from '../../operators/aggregate/privacy/ledger.ts';
import { noiseKey } from '../../operators/aggregate/privacy/noise-key.ts';
import { openJournal, RoundJournal } from '../../operators/aggregate/rounds/journal.ts';
import { type CohortLedger, cohortLedger } from '../../operators/aggregate/secure/cohort-ledger.ts';
import { Mediator } from '../../operators/mediator/mediator.ts';
import { Catalog } from '../catalog/catalog.ts';
import type { ModelVersion } from '../catalog/models.ts';
import { Admission } from './execution/admission.ts';
import { PlanCache } from './planning/plan-cache.ts';
import { Planner } from './planning/planner.ts';
import { ScriptCache } from './planning/script-cache.ts';
import { Session } from './session.ts';
import { type LoadConnector, SiloPool } from './silo-pool.ts';
import { engineEvents } from './telemetry.ts';
import type { ModelMetrics } from './training/metrics.ts';
import type { Kept } from './training/open-trainers.ts';
import { RunningJobs } from './training/running-jobs.ts';
import type { ModelSignature } from './training/signature.ts';
import { SiloTurns } from './training/silo-turns.ts';

export interface EngineOptions {
  /** The catalog directory; made when it is not there. */
  readonly directory: string;
  /** Memory of the mediator, all statements together: `2GB`. */
  readonly memoryLimit?: string;
  /** Training jobs that one silo works for at a time; others wait for their turn. */
  readonly jobsPerSilo?: number;
  /** What agents' ledgers say has left their silos, for `causeway.egress_ledger`. */
  readonly egressLedger?: () => readonly LedgerEntry[];
  /** Kinds of silos beside the built-in ones, by name: `agent`, when agents are awaited. */
  readonly connectors?: Readonly<Record<string, Connector>>;
}

/** One line of an agent's egress ledger, as the coordinator acknowledged it. */
export interface LedgerEntry {
  readonly silo: string;
  readonly sequence: number;
  /** Milliseconds since 1970, by the agent's clock. */
  readonly time: number;
  /** The job or statement that asked for it. */
  readonly purpose: string;
  readonly kind: string;
  readonly bytes: number;
  /** SHA-256 of each part, hexadecimal. */
  readonly digests: readonly string[];
  readonly hash: string;
}

const MEDIATOR_STATEMENTS = 8;

/** Training takes a core of a silo, or the one that its rows are trained on here. */
const JOBS_PER_SILO = 2;

export type StoredModel = ModelVersion<ModelSignature, ModelMetrics>;

/** Signal 0 asks whether a process is there; one of another user's is, too. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export class Engine implements AsyncDisposable {
  readonly catalog: Catalog<ModelSignature, ModelMetrics>;
  readonly silos: SiloPool;
  readonly loadConnector: LoadConnector;
  /** Statements at work at the mediator at once: more would only take each other's memory. */
  readonly admission = new Admission(MEDIATOR_STATEMENTS);
  /** The rounds of running jobs, written ahead of every step. */
  readonly journal: RoundJournal;
  /** Under which cohort each update of a silo in this process was masked. */
  readonly cohorts: CohortLedger;
  /** What silos in this process keep from round to round: the key of their noise, and what compression has not sent. */
  readonly kept: Required<Kept>;
  /** What trainings have cost the tables of silos in this process. */
  readonly privacyLedger: PrivacyLedger;
  /** Statistics, speeds and policies that plans are made with. */
  readonly planner: Planner;
  /** Statements that come again, parsed. */
  readonly scripts = new ScriptCache();
  readonly events = engineEvents();
  /** Plans of statements that come again. */
  readonly plans: PlanCache;
  readonly #journalFile: DatabaseSync;
  readonly #cohortFile: DatabaseSync;
  readonly #options: EngineOptions;
  readonly #sessions = new Set<Session>();
  /** The training jobs that run in this process. */
  readonly training = new RunningJobs();
  /** Whose turn it is in a silo that many jobs train in. */
  readonly siloTurns: SiloTurns;
  #mediator: Promise<Mediator> | undefined;
  #version = 0;
  #closed = false;

  private constructor(catalog: Catalog<ModelSignature, ModelMetrics>, options: EngineOptions) {
    this.catalog = catalog;
    this.#options = options;
    this.siloTurns = new SiloTurns(options.jobsPerSilo ?? JOBS_PER_SILO);
    this.#journalFile = openJournal(join(catalog.directory, 'rounds.db'));
    this.journal = new RoundJournal(this.#journalFile);
    // A cohort that is forgotten would reveal an update: these lines survive a power cut.
    this.#cohortFile = new DatabaseSync(join(catalog.directory, 'rounds.db'));
    this.#cohortFile.exec('PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000');
    this.cohorts = cohortLedger(this.#cohortFile);
    this.kept = { noiseKey: noiseKey(this.#cohortFile), residuals: residualStore(this.#cohortFile) };
    this.privacyLedger = privacyLedger(this.#cohortFile);
    const { connectors = {} } = options;
    this.loadConnector = async (kind) => (Object.hasOwn(connectors, kind) ? connectors[kind]! : connectorOf(kind));
    this.silos = new SiloPool(catalog.silos, this.loadConnector);
    this.planner = new Planner(this.silos, catalog);
    this.plans = new PlanCache(() => `${catalog.version} ${this.silos.version} ${this.planner.statistics.version}`);
  }

  static async open(options: EngineOptions): Promise<Engine> {
    const engine = new Engine(Catalog.open(options.directory), options);
    engine.catalog.jobs.endOrphans(isAlive);
    return engine;
  }

  egressLedger(): readonly LedgerEntry[] {
    return this.#options.egressLedger?.() ?? [];
  }

  /** @param user whose privileges hold; undefined: the owner of the catalog directory, who may do everything */
  openSession(user?: string): Session {
    const session = new Session(this, user, () => this.#sessions.delete(session));
    this.#sessions.add(session);
    return session;
  }

  /** Started on first use: statements that one silo answers alone never need it. */
  mediator(): Promise<Mediator> {
    const { memoryLimit } = this.#options;
    this.#mediator ??= Mediator.open(memoryLimit === undefined ? {} : { memoryLimit });
    return this.#mediator;
  }

  /** Grows with every change of the catalog, so that mirrors of it know when to look again. */
  get version(): number {
    return this.#version;
  }

  changed(): void {
    this.#version++;
  }

  /** Cancels what runs, and closes everything. Closing again does nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.training[Symbol.asyncDispose]();
    await Promise.all([...this.#sessions].map((session) => session[Symbol.asyncDispose]()));
    await this.silos[Symbol.asyncDispose]();
    const mediator = await this.#mediator?.catch(() => undefined);
    await mediator?.[Symbol.asyncDispose]();
    this.#cohortFile.close();
    this.#journalFile.close();
    this.planner[Symbol.dispose]();
    this.catalog[Symbol.dispose]();
  }
}
