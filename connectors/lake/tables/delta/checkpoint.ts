/**
 * Delta's checkpoints: classic (one Parquet file), multi-part, and V2 (Parquet or JSON, with the files in sidecars).
 */
import { CausewayError, SQLSTATE } from '../../../../src/plan/errors.ts';
import { quoteLiteral } from '../../../duckdb-engine/conform.ts';
import type { CachedObject } from '../../cache/object.ts';
import type { ScanContext } from '../../context.ts';
import { duckColumns, duckRows } from '../../duck.ts';
import { type ObjectInfo, type ObjectStore, safeKey } from '../../stores/store.ts';
import type { Action, AddFile } from './actions.ts';

export interface Checkpoint {
  readonly version: number;
  /** All its parts. */
  readonly files: readonly ObjectInfo[];
}

export interface CheckpointReader {
  /** Protocol, metadata and live files. */
  actions(checkpoint: Checkpoint, signal: AbortSignal): AsyncIterable<Action>;
}

export function checkpointReader(base: string, store: ObjectStore, { cache }: ScanContext): CheckpointReader {
  async function* readJson(object: ObjectInfo, signal: AbortSignal): AsyncIterable<Action> {
    const { body } = await store.read(object, { start: 0, end: object.size }, signal);
    for (const line of Buffer.from(body).toString().split('\n'))
      if (line.trim() !== '') yield JSON.parse(line) as Action;
  }

  async function* readParquet(object: ObjectInfo, signal: AbortSignal): AsyncIterable<Action> {
    const entry = cache.pin(object);
    try {
      await entry.fetch([{ start: 0, end: object.size }], signal);
      yield* actionsOf(entry, signal);
    } finally {
      await cache.release([entry]);
    }
  }

  const read = (object: ObjectInfo, signal: AbortSignal): AsyncIterable<Action> =>
    object.key.endsWith('.json') ? readJson(object, signal) : readParquet(object, signal);

  return {
    async *actions(checkpoint, signal) {
      for (const file of checkpoint.files) {
        for await (const action of read(file, signal)) {
          if (!action.sidecar) yield action;
          else {
            const { path, sizeInBytes } = action.sidecar;
            const key = safeKey(`${base}_delta_log/_sidecars/${path}`);
            yield* read({ key, size: Number(sizeInBytes), etag: '' }, signal);
          }
        }
      }
    },
  };
}

/** The columns of a checkpoint that matter; nested ones come as JSON. */
const WANTED = ['protocol', 'metaData', 'add', 'sidecar'] as const;

async function* actionsOf(object: CachedObject, signal: AbortSignal): AsyncIterable<Action> {
  const source = `read_parquet(${quoteLiteral(object.path)})`;
  const present = await duckColumns(`SELECT * FROM ${source}`, object.info.key);
  const columns = WANTED.filter((name) => present.some((column) => column.name === name));
  if (columns.length === 0) {
    throw new CausewayError(SQLSTATE.dataCorrupted, `${object.info.key} is no Delta checkpoint: it holds no actions`);
  }
  const rows = await duckRows(
    `SELECT ${columns.map((name) => `to_json(${name})::VARCHAR AS ${name}`).join(', ')} FROM ${source}
     WHERE ${columns.map((name) => `${name} IS NOT NULL`).join(' OR ')}`,
    object.info.key,
    signal,
  );
  for (const row of rows) {
    const action: Record<string, unknown> = {};
    for (const name of columns) if (typeof row[name] === 'string') action[name] = JSON.parse(row[name]);
    if (action.add !== undefined) action.add = plainAdd(action.add as AddFile & { stats_parsed?: unknown });
    if (action.metaData !== undefined) action.metaData = defined(action.metaData as object);
    if (action.protocol !== undefined) action.protocol = defined(action.protocol as object);
    yield action as Action;
  }
}

/** A checkpoint may hold statistics as a struct only. */
function plainAdd({ stats_parsed: parsed, ...add }: AddFile & { stats_parsed?: unknown }): AddFile {
  const { stats, ...rest } = defined(add) as AddFile;
  const text = stats ?? (parsed === undefined || parsed === null ? undefined : JSON.stringify(parsed));
  return text === undefined ? rest : { ...rest, stats: text };
}

/** Parquet writes NULL where JSON leaves out. */
const defined = (object: object): object =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
