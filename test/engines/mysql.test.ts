/** The mysql connector against a real MariaDB (Debian: apt-get install mariadb-server). */
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { conformance } from '../../connectors/conformance.ts';
import type { ProbeTable } from '../../connectors/conformance-probes.ts';
import { pushdownConformance } from '../../connectors/conformance-pushdown.ts';
import { declarationOf } from '../../connectors/declared-types.ts';
import { mysql, mysqlDeclarations } from '../../connectors/mysql/connector.ts';
import { planRunner } from '../pushdown/runner.ts';
import { cuttingProxy } from '../servers/cutting-proxy.ts';
import { type MariadbServer, mariadbIsInstalled, startMariadb } from '../servers/mariadb.ts';

const installed = mariadbIsInstalled();
if (!installed) console.log('mariadbd is not installed: the mysql connector is not tested');

let login: MariadbServer;

let databases = 0;

async function place() {
  const database = `place_${databases++}`;
  const { host, port, user, password } = login;
  const client = await createConnection({ host, port, user, password, timezone: 'Z' });
  await client.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
  await client.query(`USE ${database}`);
  const options = { host, user, password, database };
  return {
    options: { ...options, port: String(login.port) },
    async load(tables: readonly ProbeTable[]) {
      for (const { name, columns, rows } of tables) {
        const quoted = (text: string) => `\`${text.replaceAll('`', '``')}\``;
        // MySQL has no number without a scale.
        const definitions = columns.map(({ name, type }) => {
          const unbounded = type.kind === 'numeric' && type.precision === undefined;
          return `${quoted(name)} ${unbounded ? 'decimal(38, 10)' : declarationOf(mysqlDeclarations, type)}`;
        });
        await client.query(`CREATE TABLE ${quoted(name)} (${definitions.join(', ')})`);
        for (let at = 0; at < rows.length; at += 2000) {
          const values = rows.slice(at, at + 2000).map((row) =>
            row.map((text, i) => {
              const kind = columns[i]!.type.kind;
              if (text !== null && kind === 'bytea') return Buffer.from(text.slice(2), 'hex');
              return text !== null && kind === 'boolean' ? text === 't' : text;
            }),
          );
          await client.query(`INSERT INTO ${quoted(name)} VALUES ?`, [values]);
        }
      }
    },
    slow: 'SELECT sleep(100)',
    async busy() {
      const [rows] = await client.query(
        `SELECT count(*) AS n FROM information_schema.processlist WHERE info LIKE 'SELECT sleep%'`,
      );
      return Number((rows as { n: number }[])[0]!.n);
    },
    async cutAfter(bytes: number) {
      const proxy = await cuttingProxy(login.host, login.port, bytes);
      return {
        options: { ...options, port: String(proxy.port) },
        [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
      };
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

describe.skipIf(!installed)('mysql', () => {
  beforeAll(async () => {
    login = await startMariadb();
  }, 60_000);
  afterAll(() => login?.[Symbol.asyncDispose]());

  conformance({ connector: mysql, open: place });
  pushdownConformance({ connector: mysql, open: place, runner: planRunner });

  test('a wrong password is 28P01', async () => {
    const attempt = mysql.connect(
      { host: login.host, port: String(login.port), user: login.user, password: 'wrong', database: 'place_0' },
      new AbortController().signal,
    );
    await expect(attempt).rejects.toMatchObject({ sqlstate: '28P01' });
  });
});
