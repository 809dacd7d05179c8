/**
 * The write-ahead journal of training rounds: OPEN → RESULT … → SEALED → AGGREGATED → PUBLISHED. Whatever is killed
 * whenever, the run goes on from the last record; results are counted once. Weights and updates are kept only as long
 * as a later record may need them.
 */
import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import type { ServerState } from '../strategy.ts';
import type { LocalResult } from './participant.ts';

export type RoundState = 'open' | 'sealed' | 'aggregated' | 'published';

/** Where a run stands: the round to work on, and everything it starts from. */
export interface Position {
  readonly round: number;
  readonly state: RoundState | 'new';
  /** Weights the round starts from. */
  readonly weights: Float32Array;
  readonly server: ServerState;
  /** Secret seed of the round's noise, drawn when it was opened. */
  readonly seed?: Uint8Array;
}

export interface Best {
  readonly round: number;
  readonly loss: number;
  readonly weights: Float32Array;
}

/** A silo's result in a round, and how many versions old the weights were that it started from. */
export interface JournalledResult extends LocalResult {
  readonly staleness: number;
}

/** What is known of a round once it is aggregated. */
export interface Outcome {
  /** Mean training loss by the silos' counts. */
  readonly loss: number;
  /** Silos whose update is in the new weights. */
  readonly silos: readonly string[];
  /** Silos that were left out, and why. */
  readonly missing: Readonly<Record<string, string>>;
  /** Longest time a silo spent training. */
  readonly trainingSeconds: number;
}

/** How a result was taken. `late`: its round is sealed already. */
export type Receipt = 'accepted' | 'duplicate' | 'late';

interface RoundRow {
  readonly round: number;
  readonly state: RoundState;
  readonly seed: Uint8Array | null;
  readonly sealed: string | null;
}

interface ResultRow {
  readonly staleness: number;
  readonly count: number;
  readonly loss: number;
  readonly seconds: number;
  readonly has_control: number;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS training_runs (
    run TEXT PRIMARY KEY, best_round INTEGER, best_loss REAL, best_weights BLOB
  ) STRICT;
  CREATE TABLE IF NOT EXISTS training_rounds (
    run TEXT NOT NULL, round INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'sealed', 'aggregated', 'published')),
    seed BLOB, sealed TEXT, digest TEXT, outcome TEXT, report TEXT, PRIMARY KEY (run, round)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS training_weights (
    run TEXT NOT NULL, round INTEGER NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (run, round, name)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS training_results (
    run TEXT NOT NULL, round INTEGER NOT NULL, silo TEXT NOT NULL, staleness INTEGER NOT NULL, digest TEXT NOT NULL,
    count REAL NOT NULL, loss REAL NOT NULL, seconds REAL NOT NULL, delta BLOB NOT NULL, control BLOB,
    PRIMARY KEY (run, round, silo)
  ) STRICT;`;

/** `weights` of round r are those it starts from; the other names of a round are the server's state vectors. */
const WEIGHTS = 'weights';

/**
 * The journal's file. Updates and weights are a megabyte each: large pages, and a log that is not copied back after
 * every few of them. A killed process loses nothing. A power cut may lose the last records, and they are made again: the
 * same, because training in a silo is repeatable; a round's noise is not, and is on disk before it is used.
 */
export function openJournal(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  db.exec('PRAGMA page_size = 65536; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 512');
  db.exec('PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000');
  return db;
}

export class RoundJournal {
  readonly #db: DatabaseSync;

  /** `db` from {@link openJournal}, or in memory. */
  constructor(db: DatabaseSync) {
    this.#db = db;
    db.exec(SCHEMA);
  }

  /** Starts a run, or finds where it stood. */
  position(run: string, initial: Float32Array): Position {
    this.#atomically(() => {
      const { changes } = this.#db
        .prepare('INSERT INTO training_runs VALUES (?, NULL, NULL, NULL) ON CONFLICT DO NOTHING')
        .run(run);
      if (changes > 0) this.#putVectors(run, 1, initial, {});
    });
    const last = this.#db
      .prepare('SELECT round, state, seed, sealed FROM training_rounds WHERE run = ? ORDER BY round DESC LIMIT 1')
      .get(run) as RoundRow | undefined;
    // Once aggregated, what comes next starts from the new weights; the round itself stays to be published.
    const done = last !== undefined && (last.state === 'aggregated' || last.state === 'published');
    const round = last === undefined ? 1 : last.state === 'published' ? last.round + 1 : last.round;
    const { weights, server } = this.#vectors(run, done ? last.round + 1 : round);
    const seed = last?.seed ?? undefined;
    const fresh = last === undefined || last.state === 'published';
    return {
      round,
      state: fresh ? 'new' : last.state,
      weights,
      server,
      ...(fresh || seed === undefined ? {} : { seed }),
    };
  }

  /** OPEN: the round begins; `seed` is the secret of its noise. */
  open(run: string, round: number, seed?: Uint8Array): void {
    if (seed !== undefined) this.#db.exec('PRAGMA synchronous = FULL');
    this.#db
      .prepare("INSERT INTO training_rounds VALUES (?, ?, 'open', ?, NULL, NULL, NULL, NULL)")
      .run(run, round, seed ?? null);
    if (seed !== undefined) this.#db.exec('PRAGMA synchronous = NORMAL');
  }

  /**
   * RESULT: takes a silo's update once, trained from the weights of `round - staleness`. The same one again is a
   * duplicate; one for a round that is not open is late; neither changes anything.
   * @throws CausewayError XX001 when a silo sends two different updates for one round.
   */
  result(run: string, round: number, silo: string, result: JournalledResult): Receipt {
    const { count, delta, control, loss, seconds, staleness } = result;
    const digest = digestOf(delta);
    const known = this.#db
      .prepare('SELECT digest FROM training_results WHERE run = ? AND round = ? AND silo = ?')
      .get(run, round, silo);
    if (known !== undefined) {
      if (known.digest === digest) return 'duplicate';
      throw new CausewayError(SQLSTATE.dataCorrupted, `silo ${silo} sent two different updates for round ${round}`, {
        silo,
        hint: 'Training in a silo is repeatable; its data changed during the round. Train from a fixed snapshot.',
      });
    }
    const row = this.#db.prepare('SELECT state FROM training_rounds WHERE run = ? AND round = ?').get(run, round);
    if (row?.state !== 'open') return 'late';
    this.#db
      .prepare('INSERT INTO training_results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
      .run(
        run,
        round,
        silo,
        staleness,
        digest,
        count,
        loss,
        seconds,
        bytesOf(delta),
        control ? bytesOf(control) : null,
      );
    return 'accepted';
  }

  /** Silos whose result is here. */
  answered(run: string, round: number): string[] {
    return this.#db
      .prepare('SELECT silo FROM training_results WHERE run = ? AND round = ?')
      .all(run, round)
      .map((row) => row.silo as string)
      .sort();
  }

  /**
   * The results of a round so far, in silo order. Their vectors are read when they are asked for, each time anew: those
   * of a whole round may be larger than memory.
   */
  results(run: string, round: number): Map<string, JournalledResult & { readonly silo: string }> {
    const key = 'WHERE run = ? AND round = ? AND silo = ?';
    const numbers = this.#db.prepare(
      `SELECT count, loss, seconds, staleness, control IS NOT NULL AS has_control FROM training_results ${key}`,
    );
    const vector = (name: 'delta' | 'control', silo: string): Float32Array =>
      float32Of(
        this.#db.prepare(`SELECT ${name} FROM training_results ${key}`).get(run, round, silo)![name] as Uint8Array,
      );
    return new Map(
      this.answered(run, round).map((silo) => {
        const { has_control, ...rest } = numbers.get(run, round, silo) as unknown as ResultRow;
        const result = {
          ...rest,
          silo,
          get delta() {
            return vector('delta', silo);
          },
        };
        if (has_control === 0) return [silo, result];
        const get = (): Float32Array => vector('control', silo);
        return [silo, Object.defineProperty(result, 'control', { get, enumerable: true })];
      }),
    );
  }

  /** SEALED: the set of results is final. */
  seal(run: string, round: number, silos: readonly string[]): void {
    this.#db
      .prepare("UPDATE training_rounds SET state = 'sealed', sealed = ? WHERE run = ? AND round = ? AND state = 'open'")
      .run(JSON.stringify([...silos].sort()), run, round);
  }

  /** OPEN again, without the results of these silos: they were refused, and the round cannot do without them. */
  reopen(run: string, round: number, refused: readonly string[]): void {
    this.#atomically(() => {
      const forget = this.#db.prepare('DELETE FROM training_results WHERE run = ? AND round = ? AND silo = ?');
      for (const silo of refused) forget.run(run, round, silo);
      this.#db
        .prepare(
          "UPDATE training_rounds SET state = 'open', sealed = NULL WHERE run = ? AND round = ? AND state = 'sealed'",
        )
        .run(run, round);
    });
  }

  /** AGGREGATED: the next round's weights and state. The round's updates are no longer needed. */
  aggregated(run: string, round: number, weights: Float32Array, server: ServerState, outcome: Outcome): void {
    this.#atomically(() => {
      this.#putVectors(run, round + 1, weights, server);
      this.#db
        .prepare("UPDATE training_rounds SET state = 'aggregated', digest = ?, outcome = ? WHERE run = ? AND round = ?")
        .run(digestOf(weights), JSON.stringify(outcome), run, round);
      this.#db.prepare('DELETE FROM training_results WHERE run = ? AND round <= ?').run(run, round);
    });
  }

  /** What AGGREGATED said of a round. */
  outcome(run: string, round: number): Outcome {
    const row = this.#db.prepare('SELECT outcome FROM training_rounds WHERE run = ? AND round = ?').get(run, round);
    return JSON.parse(row?.outcome as string) as Outcome;
  }

  /** PUBLISHED: everybody may know the new weights. `best` replaces the best weights so far. */
  publish(run: string, round: number, report: unknown, best?: Best): void {
    this.#atomically(() => {
      this.#db
        .prepare("UPDATE training_rounds SET state = 'published', report = ?, seed = NULL WHERE run = ? AND round = ?")
        .run(JSON.stringify(report), run, round);
      this.#db.prepare('DELETE FROM training_weights WHERE run = ? AND round <= ?').run(run, round);
      if (best === undefined) return;
      this.#db
        .prepare('UPDATE training_runs SET best_round = ?, best_loss = ?, best_weights = ? WHERE run = ?')
        .run(best.round, best.loss, bytesOf(best.weights), run);
    });
  }

  /** Reports of the published rounds, in order. */
  reports<Report>(run: string): Report[] {
    return this.#db
      .prepare("SELECT report FROM training_rounds WHERE run = ? AND state = 'published' ORDER BY round")
      .all(run)
      .map((row) => JSON.parse(row.report as string) as Report);
  }

  best(run: string): Best | undefined {
    const row = this.#db.prepare('SELECT * FROM training_runs WHERE run = ?').get(run);
    if (typeof row?.best_round !== 'number') return undefined;
    return {
      round: row.best_round,
      loss: row.best_loss as number,
      weights: float32Of(row.best_weights as Uint8Array),
    };
  }

  /** Forgets a run that has ended, and the runs below it (`run/…`): its weights are in the catalog now, or nobody wants them. */
  forget(run: string): void {
    this.#atomically(() => {
      for (const table of ['training_runs', 'training_rounds', 'training_weights', 'training_results']) {
        this.#db
          .prepare(`DELETE FROM ${table} WHERE run = ? OR substr(run, 1, ?) = ?`)
          .run(run, run.length + 1, `${run}/`);
      }
    });
  }

  #vectors(run: string, round: number): { weights: Float32Array; server: ServerState } {
    const rows = this.#db
      .prepare('SELECT name, data FROM training_weights WHERE run = ? AND round = ?')
      .all(run, round);
    const weights = rows.find((row) => row.name === WEIGHTS);
    if (weights === undefined) {
      throw new CausewayError(SQLSTATE.dataCorrupted, `the journal has no weights for round ${round} of run ${run}`);
    }
    const server = rows
      .filter((row) => row.name !== WEIGHTS)
      .map((row) => [row.name as string, float64Of(row.data as Uint8Array)] as const);
    return { weights: float32Of(weights.data as Uint8Array), server: Object.fromEntries(server) };
  }

  #putVectors(run: string, round: number, weights: Float32Array, server: ServerState): void {
    const put = this.#db.prepare('INSERT OR REPLACE INTO training_weights VALUES (?, ?, ?, ?)');
    put.run(run, round, WEIGHTS, bytesOf(weights));
    for (const [name, values] of Object.entries(server)) put.run(run, round, name, bytesOf(values));
  }

  #atomically(work: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#db.exec('COMMIT');
    } catch (thrown) {
      this.#db.exec('ROLLBACK');
      throw thrown;
    }
  }
}

const digestOf = (values: Float32Array): string => createHash('sha256').update(bytesOf(values)).digest('hex');

const bytesOf = (values: Float32Array | Float64Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

// Copies, because a blob's bytes need not be aligned.
const float32Of = (bytes: Uint8Array): Float32Array => new Float32Array(new Uint8Array(bytes).buffer);
const float64Of = (bytes: Uint8Array): Float64Array => new Float64Array(new Uint8Array(bytes).buffer);
