/**
 * The thread in which PGlite lives. It answers one exchange after another and keeps nothing of a session: each brings
 * its user and settings with it.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { quoteIdentifier, quoteLiteral } from '../../sql/lexer.ts';
import { BOOTSTRAP, DATABASE, DEFAULT_SEARCH_PATH } from './bootstrap.ts';
import type { OracleAnswer, OracleRequest, OracleStart, SessionContext } from './thread.ts';

const port = parentPort!;
const start = workerData as OracleStart;
const CONFIGURATION = ['shared_buffers = 1MB', "timezone = 'UTC'"];

// PGlite starts with another search path, on its command line, which no configuration overrides.
const BASE = ['search_path', DEFAULT_SEARCH_PATH] as const;
const READ_ONLY = ['default_transaction_read_only', 'on'] as const;

const database = await open();
for (const text of start.schema) await database.exec(text);
port.postMessage({ id: 0 } satisfies OracleAnswer);

/** Whose user and settings hold: undefined is the superuser's. */
let current: string | undefined;

port.on('message', async (request: OracleRequest) => {
  try {
    port.postMessage({ id: request.id, ...(await answer(request)) } satisfies OracleAnswer);
  } catch (error) {
    port.postMessage({ id: request.id, error: String((error as Error).message) } satisfies OracleAnswer);
  }
});

async function open(): Promise<PGlite> {
  if (start.dump !== undefined) {
    return PGlite.create({
      loadDataDir: new Blob([start.dump]),
      database: DATABASE,
      postgresqlconf: CONFIGURATION,
    });
  }
  const fresh = await PGlite.create({ postgresqlconf: CONFIGURATION });
  await fresh.exec(BOOTSTRAP);
  return fresh;
}

async function answer(request: OracleRequest): Promise<Omit<OracleAnswer, 'id'>> {
  switch (request.kind) {
    case 'schema':
      await asSuperuser();
      await database.exec(request.text);
      return {};
    case 'dump': {
      await asSuperuser();
      const file = await database.dumpDataDir('gzip');
      return { bytes: new Uint8Array(await file.arrayBuffer()) };
    }
    case 'exchange': {
      await become(request.session);
      const bytes = await database.execProtocolRaw(request.bytes, { syncToFs: false });
      // PGlite's own memory must not be given away.
      return { bytes: Uint8Array.from(bytes) };
    }
  }
}

async function asSuperuser(): Promise<void> {
  if (current === undefined) return;
  current = undefined;
  await database.exec('ROLLBACK; SET SESSION AUTHORIZATION postgres; RESET ALL');
}

/** Switches user and settings when the last exchange was another session's, or changed them. */
async function become(session: SessionContext): Promise<void> {
  const key = JSON.stringify(session);
  if (current === key) return;
  current = 'switching';
  const settings = [BASE, ...session.settings, READ_ONLY]
    .map(([name, value]) => `set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, false)`)
    .join(', ');
  await database.exec(
    `ROLLBACK; SET SESSION AUTHORIZATION postgres; RESET ALL; SELECT ${settings};
     SET SESSION AUTHORIZATION ${quoteIdentifier(session.role)}`,
  );
  // Settings that an exchange changes belong to nobody until the next switch.
  current = session.changes ? 'changed' : key;
}
