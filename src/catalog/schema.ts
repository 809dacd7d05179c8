/** The catalog's tables. A newer file than this program knows is refused, an older one is brought forward. */
import type { DatabaseSync } from 'node:sqlite';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';

/** Step `i` brings a file from version `i` to `i + 1`. Steps are never edited once released. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE silos (
     name TEXT PRIMARY KEY,
     kind TEXT NOT NULL,
     options TEXT NOT NULL,
     created_at TEXT NOT NULL
   ) STRICT;
   CREATE TABLE federated_tables (
     name TEXT PRIMARY KEY,
     members TEXT NOT NULL,
     created_at TEXT NOT NULL
   ) STRICT;
   CREATE TABLE views (
     name TEXT PRIMARY KEY,
     query TEXT NOT NULL,
     created_at TEXT NOT NULL
   ) STRICT;
   CREATE TABLE models (
     name TEXT PRIMARY KEY,
     active_version INTEGER
   ) STRICT;
   CREATE TABLE model_versions (
     model TEXT NOT NULL REFERENCES models (name) ON DELETE CASCADE,
     version INTEGER NOT NULL,
     query TEXT NOT NULL,
     signature TEXT NOT NULL,
     metrics TEXT NOT NULL,
     weights_file TEXT NOT NULL,
     weights_sha256 TEXT NOT NULL,
     created_at TEXT NOT NULL,
     PRIMARY KEY (model, version)
   ) STRICT;
   CREATE TABLE jobs (
     id INTEGER PRIMARY KEY,
     model TEXT NOT NULL,
     query TEXT NOT NULL,
     state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'cancelled')),
     message TEXT,
     started_at TEXT NOT NULL,
     ended_at TEXT
   ) STRICT;
   CREATE TABLE rounds (
     job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
     round INTEGER NOT NULL,
     loss REAL NOT NULL,
     validation_loss REAL,
     seconds REAL NOT NULL,
     PRIMARY KEY (job, round)
   ) STRICT;
   CREATE TABLE egress (
     id INTEGER PRIMARY KEY,
     silo TEXT NOT NULL,
     statement TEXT NOT NULL,
     kind TEXT NOT NULL CHECK (kind IN ('rows', 'keys', 'updates', 'statistics')),
     bytes INTEGER NOT NULL,
     at TEXT NOT NULL
   ) STRICT;
   CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;`,
  `CREATE TABLE policies (
     name TEXT PRIMARY KEY,
     body TEXT NOT NULL,
     created_at TEXT NOT NULL
   ) STRICT;
   CREATE TABLE learned (
     topic TEXT NOT NULL,
     key TEXT NOT NULL,
     value TEXT NOT NULL,
     PRIMARY KEY (topic, key)
   ) STRICT;`,
  `CREATE TABLE roles (
     name TEXT PRIMARY KEY,
     login INTEGER NOT NULL,
     superuser INTEGER NOT NULL,
     verifier TEXT
   ) STRICT;
   CREATE TABLE grants (
     role TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
     privilege TEXT NOT NULL CHECK (privilege IN ('select', 'train', 'predict')),
     kind TEXT NOT NULL CHECK (kind IN ('table', 'model')),
     object TEXT NOT NULL,
     PRIMARY KEY (role, privilege, kind, object)
   ) STRICT;
   CREATE TABLE memberships (
     role TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
     member TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
     PRIMARY KEY (role, member)
   ) STRICT;`,
  // The process that runs a job: a job whose process is gone was interrupted.
  `ALTER TABLE jobs ADD COLUMN pid INTEGER`,
  // What it takes to go on with a job after a restart: on whose behalf, with which settings, and whether to.
  `ALTER TABLE jobs ADD COLUMN role TEXT;
   ALTER TABLE jobs ADD COLUMN settings TEXT;
   ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE jobs ADD COLUMN interrupted INTEGER NOT NULL DEFAULT 0`,
  `CREATE TABLE audit (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     at TEXT NOT NULL,
     role TEXT NOT NULL,
     session INTEGER NOT NULL,
     statement TEXT NOT NULL,
     outcome TEXT NOT NULL,
     rows INTEGER NOT NULL,
     milliseconds REAL NOT NULL
   ) STRICT`,
];

/** Brings `db` to this program's version, in one transaction. */
export function migrate(db: DatabaseSync, path: string): void {
  const row = db.prepare('PRAGMA user_version').get() as { user_version: number };
  if (row.user_version > MIGRATIONS.length) {
    throw new CausewayError(
      SQLSTATE.objectNotInPrerequisiteState,
      `the catalog ${path} was written by a newer Causeway (format ${row.user_version}, this one knows ${MIGRATIONS.length})`,
      { hint: 'Update Causeway, or name another directory with --dir.' },
    );
  }
  if (row.user_version === MIGRATIONS.length) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    for (const step of MIGRATIONS.slice(row.user_version)) db.exec(step);
    db.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
    db.exec('COMMIT');
  } catch (thrown) {
    db.exec('ROLLBACK');
    throw thrown;
  }
}
