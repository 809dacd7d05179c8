/** Ending what a DuckDB connection runs. */
import type { DuckDBConnection } from '@duckdb/node-api';

const AGAIN_MS = 10;

/**
 * Interrupts `connection` now and again until disposed of: an interrupt that comes before the query has begun, while it
 * waits for a thread, is forgotten by DuckDB.
 */
export function interrupting(connection: DuckDBConnection): Disposable {
  connection.interrupt();
  const timer = setInterval(() => connection.interrupt(), AGAIN_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Interrupts `connection` once `signal` aborts, until disposed of. */
export function interruptOn(signal: AbortSignal, connection: DuckDBConnection): Disposable {
  let running: Disposable | undefined;
  const start = () => {
    running ??= interrupting(connection);
  };
  if (signal.aborted) start();
  signal.addEventListener('abort', start);
  return {
    [Symbol.dispose]: () => {
      signal.removeEventListener('abort', start);
      running?.[Symbol.dispose]();
    },
  };
}
