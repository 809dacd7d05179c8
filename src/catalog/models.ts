/**
 * Models and their versions. Weights stand beside the database as safetensors files; a version exists, and becomes
 * active, only once its file is complete on disk: a crash or a full disk leaves the old version active.
 */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { CausewayError, messageOf, SQLSTATE } from '../plan/errors.ts';

/** `signature` and `metrics` are JSON values of the engine's making; the catalog keeps them as they are. */
export interface ModelVersion<Signature, Metrics> {
  readonly model: string;
  readonly version: number;
  readonly active: boolean;
  /** The TRAIN statement as it was written. */
  readonly query: string;
  readonly signature: Signature;
  readonly metrics: Metrics;
  readonly weightsFile: string;
  readonly createdAt: string;
}

export interface NewVersion<Signature, Metrics> {
  readonly model: string;
  readonly query: string;
  readonly signature: Signature;
  readonly metrics: Metrics;
  /** A complete safetensors file. */
  readonly weights: Uint8Array;
  /** The training job that is done with it: both are written, or neither, so that a crash cannot make two versions. */
  readonly job?: number;
}

export interface ModelStore<Signature, Metrics> {
  /** Active versions, by name. */
  list(): ModelVersion<Signature, Metrics>[];
  versions(model: string): ModelVersion<Signature, Metrics>[];
  /** The active version, or the named one. */
  get(model: string, version?: number): ModelVersion<Signature, Metrics> | undefined;
  /** Writes the weights, then makes the new version the active one. */
  add(version: NewVersion<Signature, Metrics>): ModelVersion<Signature, Metrics>;
  activate(model: string, version: number): boolean;
  remove(model: string): boolean;
  /** @throws CausewayError XX001 when the file is missing or not the one that was saved. */
  weights(version: ModelVersion<Signature, Metrics>): Uint8Array;
}

interface Row {
  readonly model: string;
  readonly version: number;
  readonly active_version: number | null;
  readonly query: string;
  readonly signature: string;
  readonly metrics: string;
  readonly weights_file: string;
  readonly weights_sha256: string;
  readonly created_at: string;
}

const SELECT = `SELECT v.*, m.active_version FROM model_versions v JOIN models m ON m.name = v.model`;

export function modelStore<Signature, Metrics>(db: DatabaseSync, directory: string): ModelStore<Signature, Metrics> {
  const read = (row: unknown): ModelVersion<Signature, Metrics> => {
    const r = row as Row;
    return {
      model: r.model,
      version: r.version,
      active: r.version === r.active_version,
      query: r.query,
      signature: JSON.parse(r.signature) as Signature,
      metrics: JSON.parse(r.metrics) as Metrics,
      weightsFile: r.weights_file,
      createdAt: r.created_at,
    };
  };
  const get = (model: string, version?: number): ModelVersion<Signature, Metrics> | undefined => {
    const row =
      version === undefined
        ? db.prepare(`${SELECT} WHERE v.model = ? AND v.version = m.active_version`).get(model)
        : db.prepare(`${SELECT} WHERE v.model = ? AND v.version = ?`).get(model, version);
    return row === undefined ? undefined : read(row);
  };
  return {
    get,
    list: () => db.prepare(`${SELECT} WHERE v.version = m.active_version ORDER BY v.model`).all().map(read),
    versions: (model) => db.prepare(`${SELECT} WHERE v.model = ? ORDER BY v.version`).all(model).map(read),
    add({ job, model, query, signature, metrics, weights }) {
      const next = db.prepare('SELECT max(version) AS n FROM model_versions WHERE model = ?').get(model) as {
        n: number | null;
      };
      const version = (next.n ?? 0) + 1;
      // Names may hold any character; the file name is the name's digest, so no name can point outside the directory.
      const file = `${createHash('sha256').update(model).digest('hex').slice(0, 16)}-${version}.safetensors`;
      writeDurably(directory, file, weights, model);
      const sha256 = createHash('sha256').update(weights).digest('hex');
      db.exec('BEGIN IMMEDIATE');
      try {
        db.prepare('INSERT INTO models VALUES (?, NULL) ON CONFLICT DO NOTHING').run(model);
        db.prepare('INSERT INTO model_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?)').run(
          model,
          version,
          query,
          JSON.stringify(signature),
          JSON.stringify(metrics),
          file,
          sha256,
          new Date().toISOString(),
        );
        db.prepare('UPDATE models SET active_version = ? WHERE name = ?').run(version, model);
        if (job !== undefined) {
          db.prepare("UPDATE jobs SET state = 'done', ended_at = ? WHERE id = ?").run(new Date().toISOString(), job);
        }
        db.exec('COMMIT');
      } catch (thrown) {
        db.exec('ROLLBACK');
        rmSync(join(directory, file), { force: true });
        throw thrown;
      }
      return get(model, version)!;
    },
    activate(model, version) {
      if (get(model, version) === undefined) return false;
      db.prepare('UPDATE models SET active_version = ? WHERE name = ?').run(version, model);
      return true;
    },
    remove(model) {
      const files = db.prepare('SELECT weights_file FROM model_versions WHERE model = ?').all(model) as {
        weights_file: string;
      }[];
      const removed = db.prepare('DELETE FROM models WHERE name = ?').run(model).changes > 0;
      for (const { weights_file } of files) rmSync(join(directory, weights_file), { force: true });
      return removed;
    },
    weights({ model, version, weightsFile }) {
      const expected = db
        .prepare('SELECT weights_sha256 AS sha FROM model_versions WHERE model = ? AND version = ?')
        .get(model, version) as { sha: string } | undefined;
      try {
        const bytes = readFileSync(join(directory, weightsFile));
        if (createHash('sha256').update(bytes).digest('hex') !== expected?.sha) throw new Error('its digest differs');
        return bytes;
      } catch (cause) {
        throw new CausewayError(
          SQLSTATE.dataCorrupted,
          `the weights of model "${model}" version ${version} cannot be read: ${messageOf(cause)}`,
          {
            hint: `Restore ${weightsFile} from a backup, activate another version (ALTER MODEL ${model} ACTIVATE VERSION n), or train again.`,
            cause,
          },
        );
      }
    },
  };
}

/** Writes to a temporary name, flushes to disk, renames: the file is there whole or not at all. */
function writeDurably(directory: string, file: string, bytes: Uint8Array, model: string): void {
  const temporary = join(directory, `${file}.partial`);
  try {
    mkdirSync(directory, { recursive: true });
    const fd = openSync(temporary, 'w', 0o600);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, join(directory, file));
  } catch (cause) {
    try {
      rmSync(temporary, { force: true });
    } catch {
      // What kept the file from being written may keep it from being removed; the first error is the one to tell.
    }
    const full = (cause as NodeJS.ErrnoException).code === 'ENOSPC';
    throw new CausewayError(
      full ? SQLSTATE.diskFull : SQLSTATE.ioError,
      `the new version of model "${model}" could not be saved in ${directory}: ${messageOf(cause)}`,
      { hint: 'The version that was active stays active. Free space in that directory and train again.', cause },
    );
  }
}
