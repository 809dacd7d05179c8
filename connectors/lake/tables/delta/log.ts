/**
 * Delta's log: which checkpoint to start from, which commits to replay after it, and the state they add up to.
 *
 * The listing is the truth; `_last_checkpoint` is only a hint and is not needed once the log was listed.
 */
import { CausewayError, SQLSTATE } from '../../../../src/plan/errors.ts';
import type { ObjectInfo, ObjectStore } from '../../stores/store.ts';
import { type Action, type AddFile, assertReadable, fileId, type Metadata, type Protocol } from './actions.ts';
import type { Checkpoint, CheckpointReader } from './checkpoint.ts';

/** One version of a table. */
export interface DeltaState {
  readonly version: number;
  readonly protocol: Protocol;
  readonly metadata: Metadata;
  /** Live files by identity. */
  readonly files: ReadonlyMap<string, AddFile>;
}

export interface LogListing {
  /** Commits by version. */
  readonly commits: ReadonlyMap<number, ObjectInfo>;
  /** Complete checkpoints, oldest first. */
  readonly checkpoints: readonly Checkpoint[];
  readonly latest: number;
}

const LOG = '_delta_log/';
const COMMIT = /^(\d{20})\.json$/;
const CHECKPOINT = /^(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10})|\.([0-9a-f-]{36}))?\.(parquet|json)$/;

/** What stands in the log of the table in the folder `base`. @throws CausewayError when there is no log. */
export async function listLog(base: string, store: ObjectStore, signal: AbortSignal): Promise<LogListing> {
  const folder = `${base}${LOG}`;
  const { objects } = await store.children(folder, signal);
  const commits = new Map<number, ObjectInfo>();
  const parts = new Map<string, { version: number; of: number; files: ObjectInfo[] }>();
  for (const object of objects) {
    const name = object.key.slice(folder.length);
    const commit = COMMIT.exec(name);
    if (commit !== null) commits.set(Number(commit[1]), object);
    const checkpoint = CHECKPOINT.exec(name);
    if (checkpoint === null) continue;
    const [, version, , of, uuid] = checkpoint;
    const id = `${version} ${of ?? ''} ${uuid ?? ''}`;
    const entry = parts.get(id) ?? { version: Number(version), of: Number(of ?? 1), files: [] };
    entry.files.push(object);
    parts.set(id, entry);
  }
  const checkpoints = [...parts.values()]
    .filter(({ of, files }) => files.length === of)
    .sort((a, b) => a.version - b.version)
    .map(({ version, files }) => ({ version, files }));
  const latest = Math.max(-1, ...commits.keys(), ...checkpoints.map(({ version }) => version));
  if (latest < 0) {
    throw new CausewayError(SQLSTATE.undefinedFile, `there is no Delta table at ${store.location}/${base}`, {
      hint: 'A Delta table is a folder with a _delta_log that holds at least one commit.',
    });
  }
  return { commits, checkpoints, latest };
}

/** Commits that are fetched at a time. */
const PARALLEL = 16;

/**
 * The state at `version`, from `known` (an earlier state) when that is nearer than any checkpoint.
 * @throws CausewayError when a commit between is missing, or the table needs an unknown feature.
 */
export async function replay(
  table: string,
  listing: LogListing,
  version: number,
  known: DeltaState | undefined,
  checkpoints: CheckpointReader,
  store: ObjectStore,
  signal: AbortSignal,
): Promise<DeltaState> {
  if (version < 0 || version > listing.latest) {
    throw new CausewayError(SQLSTATE.invalidParameterValue, `the Delta table "${table}" has no version ${version}`, {
      hint: `Its newest version is ${listing.latest}.`,
    });
  }
  const checkpoint = listing.checkpoints.findLast((c) => c.version <= version);
  const builder = new StateBuilder();
  let next = 0;
  if (known !== undefined && known.version <= version && known.version >= (checkpoint?.version ?? -1)) {
    builder.start(known);
    next = known.version + 1;
  } else if (checkpoint !== undefined) {
    for await (const action of checkpoints.actions(checkpoint, signal)) builder.apply(action);
    next = checkpoint.version + 1;
  }
  for (let from = next; from <= version; from += PARALLEL) {
    const versions = Array.from({ length: Math.min(PARALLEL, version - from + 1) }, (_, i) => from + i);
    const commits = await Promise.all(versions.map((v) => readCommit(table, listing, v, store, signal)));
    for (const actions of commits) for (const action of actions) builder.apply(action);
  }
  return builder.state(table, version);
}

async function readCommit(
  table: string,
  listing: LogListing,
  version: number,
  store: ObjectStore,
  signal: AbortSignal,
): Promise<Action[]> {
  const object = listing.commits.get(version);
  if (object === undefined) {
    const oldest = listing.checkpoints[0]?.version;
    throw new CausewayError(SQLSTATE.dataCorrupted, `the log of the Delta table "${table}" has no version ${version}`, {
      hint:
        oldest !== undefined && version < oldest
          ? `Versions before ${oldest} were cleaned up.`
          : 'The commit was deleted; restore it from a backup of _delta_log.',
    });
  }
  const { body } = await store.read(object, { start: 0, end: object.size }, signal);
  return Buffer.from(body)
    .toString()
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      try {
        return JSON.parse(line) as Action;
      } catch (error) {
        throw new CausewayError(SQLSTATE.dataCorrupted, `${object.key} is not a list of JSON actions`, {
          cause: error,
        });
      }
    });
}

/**
 * The newest version that was committed at or before `time` (milliseconds since 1970).
 * @throws CausewayError when the oldest commit in the log is younger.
 */
export async function versionAt(
  table: string,
  time: number,
  listing: LogListing,
  store: ObjectStore,
  signal: AbortSignal,
): Promise<number> {
  let found: number | undefined;
  for (const version of [...listing.commits.keys()].sort((a, b) => a - b)) {
    const actions = await readCommit(table, listing, version, store, signal);
    const info = actions.find((action) => action.commitInfo !== undefined)?.commitInfo;
    const at = info?.inCommitTimestamp ?? info?.timestamp;
    if (at === undefined) continue;
    if (at > time) break;
    found = version;
  }
  if (found !== undefined) return found;
  throw new CausewayError(
    SQLSTATE.invalidParameterValue,
    `the log of the Delta table "${table}" knows no version as old as ${new Date(time).toISOString()}`,
  );
}

class StateBuilder {
  #protocol: Protocol | undefined;
  #metadata: Metadata | undefined;
  #files = new Map<string, AddFile>();

  start(state: DeltaState): void {
    this.#protocol = state.protocol;
    this.#metadata = state.metadata;
    this.#files = new Map(state.files);
  }

  apply(action: Action): void {
    if (action.protocol) this.#protocol = action.protocol;
    if (action.metaData) this.#metadata = action.metaData;
    if (action.add) this.#files.set(fileId(action.add), action.add);
    if (action.remove) this.#files.delete(fileId(action.remove));
  }

  state(table: string, version: number): DeltaState {
    const [protocol, metadata] = [this.#protocol, this.#metadata];
    if (protocol === undefined || metadata === undefined) {
      throw new CausewayError(
        SQLSTATE.dataCorrupted,
        `the log of the Delta table "${table}" has no protocol or no schema`,
      );
    }
    assertReadable(protocol, table);
    return { version, protocol, metadata, files: this.#files };
  }
}
