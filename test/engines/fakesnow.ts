/** fakesnow (PyPI, sqlglot over DuckDB): an emulator of Snowflake that others wrote, as a place for the connectors' test kit. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ProbeTable } from '../../connectors/conformance-probes.ts';
import { dialectIdentifier } from '../../connectors/quoting.ts';
import { snowflakeDialect } from '../../connectors/snowflake/capabilities.ts';
import { quoted } from '../../connectors/snowflake/spelling.ts';
import { writtenType } from '../../connectors/snowflake/types.ts';
import { freePort } from '../support/free-port.ts';

export interface FakeSnow extends AsyncDisposable {
  readonly url: string;
  /** A database of its own. */
  place(): Promise<FakeSnowPlace>;
}

export type FakeSnowPlace = Awaited<ReturnType<typeof placeAt>>;

/** @param python a Python with `fakesnow[server]` */
export async function startFakeSnow(python: string): Promise<FakeSnow> {
  const port = await freePort();
  const server = spawn(python, [join(import.meta.dirname, 'fakesnow-json.py'), String(port)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; ; i++) {
    const ready = await fetch(`${url}/ready`).catch(() => undefined);
    if (ready?.ok) break;
    if (i > 300 || server.exitCode !== null) throw new Error('fakesnow did not start');
    await new Promise((done) => setTimeout(done, 100));
  }
  let places = 0;
  return {
    url,
    place: () => placeAt(url, `PLACE_${places++}`),
    async [Symbol.asyncDispose]() {
      server.kill('SIGKILL');
      await once(server, 'exit');
    },
  };
}

async function placeAt(url: string, database: string) {
  const post = async (path: string, body: unknown, token = '') => {
    const headers = { authorization: `Snowflake Token="${token}"`, 'content-type': 'application/json' };
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    const answer = (await response.json()) as { success: boolean; message?: string; data: { token: string } };
    if (!answer.success) throw new Error(`${answer.message}: ${JSON.stringify(body).slice(0, 300)}`);
    return answer.data;
  };
  const login = `/session/v1/login-request?databaseName=${database}&schemaName=PUBLIC`;
  const { token } = await post(login, { data: { SESSION_PARAMETERS: {} } });
  const run = (sqlText: string) => post('/queries/v1/query-request', { sqlText }, token);
  return {
    options: { account: 'test', url, user: 'ann', password: 'secret', database },
    run,
    async load(tables: readonly ProbeTable[]) {
      const identifier = (name: string) => dialectIdentifier(name, snowflakeDialect);
      for (const { name, columns, rows } of tables) {
        const types = columns.map(({ type }) =>
          type.kind === 'numeric' && type.precision === undefined ? 'NUMBER(38, 10)' : writtenType(type),
        );
        const definitions = columns.map((column, i) => `${identifier(column.name)} ${types[i]}`);
        await run(`CREATE TABLE ${identifier(name)} (${definitions.join(', ')})`);
        // One literal of JSON: fakesnow parses long lists of VALUES slowly.
        for (let at = 0; at < rows.length; at += 20_000) {
          const items = types.map((type, i) => {
            const text = `f.VALUE[${i}]::VARCHAR`;
            if (type === 'BINARY') return `TO_BINARY(SUBSTR(${text}, 3), 'HEX')`;
            return type === 'VARIANT' ? `PARSE_JSON(${text})` : `CAST(${text} AS ${type})`;
          });
          const list = quoted(JSON.stringify(rows.slice(at, at + 20_000)));
          await run(
            `INSERT INTO ${identifier(name)} SELECT ${items.join(', ')} FROM TABLE(FLATTEN(INPUT => PARSE_JSON(${list}))) AS f`,
          );
        }
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
