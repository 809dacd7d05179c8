/**
 * The write-ahead journal of training rounds: OPEN → RESULT … → SEALED → AGGREGATED → PUBLISHED. Whatever is killed
 * whenever, the run goes on from the last record; results are counted once. Weights and updates are kept only as long
 * as a later record may need them.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { CausewayError, SQLSTATE } from '../../../src/plan/errors.ts';
import type { ServerState } from '../strategy.ts';
import type { LocalResult } from './participant.ts';
import { type UpdateStore, updatesBeside } from './update-store.ts';
import { bytesOf, float32Of, float64Of, Scratch } from './vector-bytes.ts';

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

/** Runs under way whose vectors are kept in memory, too. */
const RUNS_AT_HAND = 16;

interface Vectors {
  readonly weights: Float32Array;
  readonly server: ServerState;
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
  readonly silo: string;
  readonly staleness: number;
  readonly count: number;
  readonly loss: number;
  readonly seconds: number;
  /** Where the update begins in the run's file, in bytes. */
  readonly start: number;
  /** Numbers in each of its vectors. */
  readonly length: number;
  readonly has_control: number;
  readonly checksum: number;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS training_runs (
    run TEXT PRIMARY KEY, best_round INTEGER, best_loss REAL, best_weights BLOB
  ) STRICT;
  CREATE TABLE IF NOT EXISTS training_rounds (
    run TEXT NOT NULL, round INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'sealed', 'aggregated', 'published')),
    seed BLOB, sealed TEXT, outcome TEXT, report TEXT, PRIMARY KEY (run, round)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS training_weights (
    run TEXT NOT NULL, round INTEGER NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (run, round, name)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS training_updates (
    run TEXT NOT NULL, round INTEGER NOT NULL, silo TEXT NOT NULL, staleness INTEGER NOT NULL,
    count REAL NOT NULL, loss REAL NOT NULL, seconds REAL NOT NULL,
    start INTEGER NOT NULL, length INTEGER NOT NULL, has_control INTEGER NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (run, round, silo)
  ) STRICT;`;

/** `weights` of round r are those it starts from; the other names of a round are the server's state vectors. */
const WEIGHTS = 'weights';

/**
 * The journal's file. Weights are a megabyte: large pages, and a log that is not copied back after every few of them.
 * A killed process loses nothing. A power cut may lose the last records, and they are made again: the same, because
 * training in a silo is repeatable; a round's noise is not, and is on disk before it is used.
 */
export function openJournal(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  db.exec('PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 2048');
  db.exec('PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000');
  return db;
}

export class RoundJournal {
  readonly #db: DatabaseSync;
  readonly #updates: UpdateStore;
  readonly #prepared = new Map<string, StatementSync>();
  /** Runs whose updates this journal has written or checked. */
  readonly #sound = new Set<string>();
  /** The vectors that each run's next round starts from, as they were written last. */
  readonly #latest = new Map<string, Vectors & { readonly round: number }>();

  /** What updates are read into. */
  readonly #scratch = { delta: new Scratch(), control: new Scratch() };

  /** `db` from {@link openJournal}, or in memory. */
  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#updates = updatesBeside(db);
    db.exec(SCHEMA);
  }

  /** Starts a run, or finds where it stood. */
  position(run: string, initial: Float32Array): Position {
    this.#atomically(() => {
      const { changes } = this.#sql(
        'INSERT INTO training_runs VALUES (?, NULL, NULL, NULL) ON CONFLICT DO NOTHING',
      ).run(run);
      if (changes > 0) this.#putVectors(run, 1, { weights: initial, server: {} });
    });
    this.#checkUpdates(run);
    const last = this.#sql(
      'SELECT round, state, seed, sealed FROM training_rounds WHERE run = ? ORDER BY round DESC LIMIT 1',
    ).get(run) as RoundRow | undefined;
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
    this.#sql("INSERT INTO training_rounds (run, round, state, seed) VALUES (?, ?, 'open', ?)").run(
      run,
      round,
      seed ?? null,
    );
    if (seed !== undefined) this.#db.exec('PRAGMA synchronous = NORMAL');
  }

  /**
   * RESULT: takes a silo's update once, trained from the weights of `round - staleness`. The same one again is a
   * duplicate; one for a round that is not open is late; neither changes anything.
   * @throws CausewayError XX001 when a silo sends two different updates for one round.
   */
  result(run: string, round: number, silo: string, result: JournalledResult): Receipt {
    const { count, delta, control, loss, seconds, staleness } = result;
    const known = this.#row(run, round, silo);
    if (known !== undefined) {
      if (Buffer.compare(bytesOf(this.#vector(run, known, 'delta')), bytesOf(delta)) === 0) return 'duplicate';
      throw new CausewayError(SQLSTATE.dataCorrupted, `silo ${silo} sent two different updates for round ${round}`, {
        silo,
        hint: 'Training in a silo is repeatable; its data changed during the round. Train from a fixed snapshot.',
      });
    }
    const row = this.#sql('SELECT state FROM training_rounds WHERE run = ? AND round = ?').get(run, round);
    if (row?.state !== 'open') return 'late';
    const { start } = this.#sql(
      'SELECT ifnull(max(start + 4 * length * (1 + has_control)), 0) AS start FROM training_updates WHERE run = ?',
    ).get(run) as { start: number };
    this.#updates.write(run, start, bytesOf(delta));
    if (control !== undefined) this.#updates.write(run, start + delta.byteLength, bytesOf(control));
    const checksum = crc32(control === undefined ? '' : bytesOf(control), crc32(bytesOf(delta)));
    this.#sql('INSERT INTO training_updates VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').run(
      run,
      round,
      silo,
      staleness,
      count,
      loss,
      seconds,
      start,
      delta.length,
      control === undefined ? 0 : 1,
      checksum,
    );
    return 'accepted';
  }

  /** Silos whose result is here. */
  answered(run: string, round: number): string[] {
    return this.#sql('SELECT silo FROM training_updates WHERE run = ? AND round = ?')
      .all(run, round)
      .map((row) => row.silo as string)
      .sort();
  }

  /**
   * The results of a round so far, in silo order. Their vectors are read when they are asked for, each time anew and
   * into the same memory, since those of a whole round may be larger than memory: one is good until the next is read.
   */
  results(run: string, round: number): Map<string, JournalledResult & { readonly silo: string }> {
    return new Map(
      this.answered(run, round).map((silo) => {
        const row = this.#row(run, round, silo)!;
        const { count, loss, seconds, staleness } = row;
        const read = (name: 'delta' | 'control') => ({ enumerable: true, get: () => this.#vector(run, row, name) });
        const result = Object.defineProperty({ silo, count, loss, seconds, staleness }, 'delta', read('delta'));
        if (row.has_control === 1) Object.defineProperty(result, 'control', read('control'));
        return [silo, result as JournalledResult & { readonly silo: string }];
      }),
    );
  }

  /** SEALED: the set of results is final. */
  seal(run: string, round: number, silos: readonly string[]): void {
    this.#sql(
      "UPDATE training_rounds SET state = 'sealed', sealed = ? WHERE run = ? AND round = ? AND state = 'open'",
    ).run(JSON.stringify([...silos].sort()), run, round);
  }

  /** OPEN again, without the results of these silos: they were refused or lost, and the round cannot do without them. */
  reopen(run: string, round: number, silos: readonly string[]): void {
    this.#atomically(() => {
      for (const silo of silos) {
        this.#sql('DELETE FROM training_updates WHERE run = ? AND round = ? AND silo = ?').run(run, round, silo);
      }
      this.#sql(
        "UPDATE training_rounds SET state = 'open', sealed = NULL WHERE run = ? AND round = ? AND state = 'sealed'",
      ).run(run, round);
    });
  }

  /** AGGREGATED: the next round's weights and state. The round's updates are no longer needed. */
  aggregated(run: string, round: number, weights: Float32Array, server: ServerState, outcome: Outcome): void {
    this.#atomically(() => {
      this.#putVectors(run, round + 1, { weights, server });
      this.#sql("UPDATE training_rounds SET state = 'aggregated', outcome = ? WHERE run = ? AND round = ?").run(
        JSON.stringify(outcome),
        run,
        round,
      );
      this.#sql('DELETE FROM training_updates WHERE run = ? AND round <= ?').run(run, round);
    });
  }

  /** What AGGREGATED said of a round. */
  outcome(run: string, round: number): Outcome {
    const row = this.#sql('SELECT outcome FROM training_rounds WHERE run = ? AND round = ?').get(run, round);
    return JSON.parse(row?.outcome as string) as Outcome;
  }

  /** PUBLISHED: everybody may know the new weights. `best`: they replace the best ones so far. */
  publish(run: string, round: number, report: unknown, best?: Best & { readonly weights: Float32Array }): void {
    this.#atomically(() => {
      this.#sql(
        "UPDATE training_rounds SET state = 'published', report = ?, seed = NULL WHERE run = ? AND round = ?",
      ).run(JSON.stringify(report), run, round);
      this.#sql('DELETE FROM training_weights WHERE run = ? AND round <= ?').run(run, round);
      if (best === undefined) return;
      this.#sql('UPDATE training_runs SET best_round = ?, best_loss = ?, best_weights = ? WHERE run = ?').run(
        best.round,
        best.loss,
        bytesOf(best.weights),
        run,
      );
    });
  }

  /** Reports of the published rounds, in order; the last `most` of them when it is given. */
  reports<Report>(run: string, most = -1): Report[] {
    return this.#sql(
      "SELECT report FROM training_rounds WHERE run = ? AND state = 'published' ORDER BY round DESC LIMIT ?",
    )
      .all(run, most)
      .map((row) => JSON.parse(row.report as string) as Report)
      .reverse();
  }

  best(run: string): Best | undefined {
    const row = this.#sql('SELECT best_round AS round, best_loss AS loss FROM training_runs WHERE run = ?').get(run);
    return typeof row?.round === 'number' ? { round: row.round, loss: row.loss as number } : undefined;
  }

  /** The weights of the best round. @throws CausewayError XX001 when no round was published as the best. */
  bestWeights(run: string): Float32Array {
    const row = this.#sql('SELECT best_weights FROM training_runs WHERE run = ?').get(run);
    if (row?.best_weights instanceof Uint8Array) return float32Of(row.best_weights);
    throw new CausewayError(SQLSTATE.dataCorrupted, `the journal has no best weights of run ${run}`);
  }

  /** Forgets a run that has ended, and the runs below it (`run/…`): its weights are in the catalog now, or nobody wants them. */
  forget(run: string): void {
    const itAndBelow = 'run = ? OR substr(run, 1, ?) = ?';
    const bounds = [run, run.length + 1, `${run}/`] as const;
    for (const row of this.#sql(`SELECT run FROM training_runs WHERE ${itAndBelow}`).all(...bounds)) {
      this.#updates.remove(row.run as string);
      this.#latest.delete(row.run as string);
      this.#sound.delete(row.run as string);
    }
    this.#atomically(() => {
      for (const table of ['training_runs', 'training_rounds', 'training_weights', 'training_updates']) {
        this.#sql(`DELETE FROM ${table} WHERE ${itAndBelow}`).run(...bounds);
      }
    });
  }

  #row(run: string, round: number, silo: string): ResultRow | undefined {
    const row = this.#sql('SELECT * FROM training_updates WHERE run = ? AND round = ? AND silo = ?').get(
      run,
      round,
      silo,
    );
    return row as unknown as ResultRow | undefined;
  }

  /** @throws CausewayError XX001 when the run's file has lost it while this process ran. */
  #vector(run: string, row: ResultRow, name: 'delta' | 'control'): Float32Array {
    const vector = this.#scratch[name].of(row.length);
    const start = row.start + (name === 'delta' ? 0 : vector.byteLength);
    if (this.#updates.read(run, start, bytesOf(vector))) return vector;
    throw new CausewayError(SQLSTATE.dataCorrupted, `the journal has lost the update of silo ${row.silo}`, {
      silo: row.silo,
      hint: 'RESUME TRAIN asks the silo for it again.',
    });
  }

  /**
   * After a power cut the file may have less than the database says: such updates are asked for again, also those of a
   * round that was sealed. Nobody has seen a sum of them.
   */
  #checkUpdates(run: string): void {
    if (this.#sound.has(run)) return;
    this.#sound.add(run);
    const rows = this.#sql('SELECT * FROM training_updates WHERE run = ?').all(run) as unknown as (ResultRow & {
      readonly round: number;
    })[];
    for (const { checksum, has_control, length, round, silo, start } of rows) {
      const bytes = new Uint8Array(4 * length * (1 + has_control));
      if (this.#updates.read(run, start, bytes) && crc32(bytes) === checksum) continue;
      this.reopen(run, round, [silo]);
    }
  }

  #vectors(run: string, round: number): Vectors {
    const latest = this.#latest.get(run);
    if (latest?.round === round) return latest;
    const rows = this.#sql('SELECT name, data FROM training_weights WHERE run = ? AND round = ?').all(run, round);
    const weights = rows.find((row) => row.name === WEIGHTS);
    if (weights === undefined) {
      throw new CausewayError(SQLSTATE.dataCorrupted, `the journal has no weights for round ${round} of run ${run}`);
    }
    const server = rows
      .filter((row) => row.name !== WEIGHTS)
      .map((row) => [row.name as string, float64Of(row.data as Uint8Array)] as const);
    return { weights: float32Of(weights.data as Uint8Array), server: Object.fromEntries(server) };
  }

  #putVectors(run: string, round: number, { server, weights }: Vectors): void {
    const put = this.#sql('INSERT OR REPLACE INTO training_weights VALUES (?, ?, ?, ?)');
    put.run(run, round, WEIGHTS, bytesOf(weights));
    for (const [name, values] of Object.entries(server)) put.run(run, round, name, bytesOf(values));
    this.#latest.delete(run);
    this.#latest.set(run, { round, server, weights });
    for (const oldest of this.#latest.keys()) if (this.#latest.size > RUNS_AT_HAND) this.#latest.delete(oldest);
  }

  #sql(text: string): StatementSync {
    const prepared = this.#prepared.get(text) ?? this.#db.prepare(text);
    this.#prepared.set(text, prepared);
    return prepared;
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
