/** A folder on this machine as an object store. Writes are atomic: a temporary file, then `link` or `rename`. */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { throwIfAborted } from '../../../src/plan/errors.ts';
import { changed, type ObjectInfo, type ObjectStore, StoreError, safeKey } from './store.ts';

/** Opens the folder `root`. @throws StoreError `missing` when it is not a folder. */
export async function localStore(root: string): Promise<ObjectStore> {
  const base = resolve(root);
  const found = await stat(base).catch(() => undefined);
  if (!found?.isDirectory()) throw new StoreError('missing', `there is no folder "${root}"`);

  const location = pathToFileURL(base).href;
  const pathOf = (key: string): string => join(base, safeKey(key));
  const info = async (key: string): Promise<ObjectInfo | undefined> => {
    const s = await stat(pathOf(key), { bigint: true }).catch(notFound);
    return s?.isFile() ? { key, size: Number(s.size), etag: `${s.mtimeNs}-${s.size}-${s.ino}` } : undefined;
  };

  async function* walk(folder: string, prefix: string, signal: AbortSignal): AsyncIterable<ObjectInfo> {
    throwIfAborted(signal);
    const entries = await readdir(pathOf(folder), { withFileTypes: true }).catch(notFound);
    const names = (entries ?? []).map((e) => folder + e.name + (e.isDirectory() ? '/' : '')).sort();
    for (const name of names) {
      if (!name.startsWith(prefix) && !prefix.startsWith(name)) continue;
      if (name.endsWith('/')) yield* walk(name, prefix, signal);
      else if (name.startsWith(prefix)) {
        const object = await info(name);
        if (object !== undefined) yield object;
      }
    }
  }

  return {
    location,
    async *list(prefix, signal, after = '') {
      const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
      for await (const object of walk(folder, prefix, signal)) if (object.key > after) yield object;
    },
    async children(folder) {
      const entries = await readdir(pathOf(folder), { withFileTypes: true }).catch(notFound);
      const folders: string[] = [];
      const objects: ObjectInfo[] = [];
      for (const entry of entries ?? []) {
        if (entry.isDirectory()) folders.push(`${folder}${entry.name}/`);
        else {
          const object = await info(folder + entry.name);
          if (object !== undefined) objects.push(object);
        }
      }
      return { folders: folders.sort(), objects };
    },
    stat: (key) => info(key),
    async read(object, range) {
      const file = await open(pathOf(object.key)).catch(() => {
        throw changed(location, object);
      });
      try {
        const body = new Uint8Array(range.end - range.start);
        const { bytesRead } = await file.read(body, 0, body.length, range.start);
        const now = await info(object.key);
        if (now === undefined || (object.etag !== '' && now.etag !== object.etag) || bytesRead !== body.length)
          throw changed(location, object);
        return { body, etag: now.etag };
      } finally {
        await file.close();
      }
    },
    async write(key, body, condition) {
      const path = pathOf(key);
      await mkdir(dirname(path), { recursive: true });
      const temporary = `${path}.${randomUUID()}.tmp`;
      await writeFile(temporary, body);
      try {
        if (condition === 'absent') await link(temporary, path);
        else {
          if (condition !== 'any' && (await info(key))?.etag !== condition.etag) throw conflict(key);
          await rename(temporary, path);
        }
      } catch (error) {
        throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? conflict(key) : error;
      } finally {
        await rm(temporary, { force: true });
      }
      return (await info(key))!;
    },
    remove: (key) => rm(pathOf(key), { force: true }),
    keyOf(uri) {
      const path = uri.startsWith('file:') ? fileURLToPath(uri.replace(/^file:\/*/, 'file:///')) : uri;
      const inside = relative(base, path);
      return !path.startsWith(sep) || inside.startsWith('..') || inside === ''
        ? undefined
        : inside.split(sep).join('/');
    },
    uriOf: (key) => pathToFileURL(pathOf(key)).href,
    localPath: pathOf,
    async [Symbol.asyncDispose]() {},
  };
}

const conflict = (key: string): StoreError => new StoreError('conflict', `"${key}" was written by somebody else`);

function notFound(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
  throw new StoreError(error.code === 'EACCES' ? 'denied' : 'fatal', error.message, { cause: error });
}
