/**
 * A training job as an agent gets it: declarative, signed by the coordinator, bound to one silo, good for one run. No
 * code is in it: a plan over the silo's own tables, a model's shape, and numbers.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { verified } from '../../operators/aggregate/secure/keys.ts';
import type { LocalTrainerSpec } from '../../operators/lstm/local-trainer.ts';
import { manifestOf } from '../engine/training/manifest.ts';
import type { TrainingRun } from '../engine/training/silo-trainer.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import type { RelationalNode } from '../plan/nodes.ts';
import type { Manifest } from './egress-gate.ts';
import { fromJson, toJson } from './json.ts';

export interface Job {
  /** Unique; the purpose under which everything that leaves is logged. */
  readonly id: string;
  readonly silo: string;
  readonly spec: LocalTrainerSpec;
  /** Time, entity, features, sorted. */
  readonly query: RelationalNode;
  readonly run: TrainingRun;
  /** What may leave for this job, in bytes. */
  readonly manifest: Manifest;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** A job's text and the coordinator's signature under exactly these bytes. */
export interface SignedJob {
  readonly text: string;
  /** Ed25519, base64. */
  readonly signature: string;
}

const LIFETIME_MS = 7 * 24 * 3600 * 1000;

export function newJob(silo: string, spec: LocalTrainerSpec, query: RelationalNode, run: TrainingRun): Job {
  const manifest = manifestOf(spec, run);
  return { id: `train-${randomUUID()}`, silo, spec, query, run, manifest, expires: Date.now() + LIFETIME_MS };
}

const signedBytes = (text: string): Uint8Array => Buffer.from(`causeway job\n${text}`);

export function signJob(job: Job, sign: (message: Uint8Array) => Uint8Array): SignedJob {
  const text = toJson(job);
  return { text, signature: Buffer.from(sign(signedBytes(text))).toString('base64') };
}

/**
 * The job, when it may run here.
 * @throws CausewayError 42501 when it is not signed by the coordinator, for another silo, expired, or asks for more
 * than its kind needs.
 */
export function verifyJob({ text, signature }: SignedJob, silo: string, signingKey: Uint8Array): Job {
  if (!verified(signingKey, signedBytes(text), Buffer.from(signature, 'base64'))) {
    throw refused(silo, 'is not signed by the coordinator', 'Somebody changed it on its way.');
  }
  const job = fromJson(text) as Job;
  if (job.silo !== silo) throw refused(silo, `is for silo ${job.silo}`, 'Jobs are bound to one silo.');
  if (job.expires < Date.now()) throw refused(silo, 'has expired', 'Start the training again.');
  if (toJson(job.manifest) !== toJson(manifestOf(job.spec, job.run))) {
    throw refused(silo, 'asks for more egress than it needs', 'Run the same version of causeway at both ends.');
  }
  return job;
}

/** What an owner approves: everything but the job's id and its time. */
function planHash({ expires: _, id: __, run: { id: ___, ...run }, ...plan }: Job): string {
  return createHash('sha256')
    .update(toJson({ ...plan, run }))
    .digest('hex');
}

/** One training run, also when it goes on as another job after the coordinator was restarted: what it has spent, it has. */
export const lineageOf = (job: Job): string => `${job.run.id} ${planHash(job)}`;

const refused = (silo: string, what: string, hint: string): CausewayError =>
  new CausewayError(SQLSTATE.insufficientPrivilege, `silo ${silo} refuses the job: it ${what}`, { silo, hint });

export interface Approval {
  readonly hash: string;
  readonly statement: string;
  readonly state: 'asked' | 'approved' | 'denied';
  readonly at: string;
}

/** Jobs this agent has seen: what its owner approved, and which ones are over and may not come back. */
export class JobBook {
  readonly #db: DatabaseSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    db.exec(`CREATE TABLE IF NOT EXISTS approvals (
      hash TEXT PRIMARY KEY, statement TEXT NOT NULL, state TEXT NOT NULL, at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS ended_jobs (id TEXT PRIMARY KEY, at TEXT NOT NULL) STRICT`);
  }

  /** @throws CausewayError 42501 when the job is over, or its owner has not approved its plan. */
  admit(job: Job, needsApproval: boolean): void {
    if (this.#db.prepare('SELECT 1 FROM ended_jobs WHERE id = ?').get(job.id) !== undefined) {
      throw refused(job.silo, 'is over and was sent again', 'Start a new training.');
    }
    if (!needsApproval) return;
    const hash = planHash(job);
    this.#db
      .prepare("INSERT INTO approvals VALUES (?, ?, 'asked', ?) ON CONFLICT DO NOTHING")
      .run(hash, job.run.statement, new Date().toISOString());
    const state = this.#db.prepare('SELECT state FROM approvals WHERE hash = ?').get(hash)?.state;
    if (state === 'approved') return;
    const what = state === 'denied' ? 'was denied by the owner' : 'waits for the owner’s approval';
    throw refused(job.silo, `${what} (plan ${hash.slice(0, 12)})`, 'At the agent: causeway agent approvals.');
  }

  end(id: string): void {
    this.#db.prepare('INSERT INTO ended_jobs VALUES (?, ?) ON CONFLICT DO NOTHING').run(id, new Date().toISOString());
  }

  approvals(): Approval[] {
    return this.#db.prepare('SELECT * FROM approvals ORDER BY at').all() as unknown as Approval[];
  }

  /** Decides about the plan whose hash begins so; returns whether there is exactly one. */
  decide(prefix: string, state: 'approved' | 'denied'): boolean {
    const found = this.approvals().filter(({ hash }) => hash.startsWith(prefix));
    if (found.length !== 1) return false;
    this.#db.prepare('UPDATE approvals SET state = ? WHERE hash = ?').run(state, found[0]!.hash);
    return true;
  }
}
