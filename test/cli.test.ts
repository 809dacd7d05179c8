/** The `causeway` command as a user runs it: its own process, its own directory. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type TestDatabase, testDatabase } from './servers/postgres.ts';

let database: TestDatabase;
let directory: string;
beforeAll(async () => {
  database = await testDatabase(inject('postgres'));
  await database.client.query(
    `CREATE TABLE people AS SELECT * FROM (VALUES (1, 'Ada', 1.50), (2, NULL, -2)) AS p(id, name, n)`,
  );
  directory = mkdtempSync(join(tmpdir(), 'causeway-cli-'));
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await database[Symbol.asyncDispose]();
});

interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function causeway(args: readonly string[], input = ''): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['src/cli/main.ts', ...args], { stdio: 'pipe' });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += String(chunk)));
    child.stderr.on('data', (chunk) => (err += String(chunk)));
    child.stdin.end(input);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

const sql = (...args: readonly string[]): Promise<Finished> =>
  causeway(['sql', '--dir', join(directory, 'catalog'), ...args]);

describe('causeway sql', () => {
  test('creates a silo, which the next process still knows', async () => {
    const created = await sql('-c', `CREATE SILO hr USING postgres OPTIONS (url '${database.url}')`);
    expect(created).toMatchObject({ code: 0, out: 'CREATE SILO\n', err: '' });
    const silos = await sql('-c', 'SHOW SILOS');
    expect(silos.out).toContain('hr');
    expect(silos.out).not.toContain(database.server.password);
  });

  test('prints a table', async () => {
    const { out, code } = await sql('-c', 'SELECT * FROM hr.people ORDER BY id');
    expect(code).toBe(0);
    const lines = ['id │ name │    n', '───┼──────┼─────', ' 1 │ Ada  │ 1.50', ' 2 │      │   -2', '(2 rows)', '', ''];
    expect(out).toBe(lines.join('\n'));
  });

  test('prints JSON and CSV', async () => {
    const json = await sql('--format', 'json', '-c', 'SELECT * FROM hr.people ORDER BY id');
    expect(JSON.parse(json.out)).toEqual([
      { id: 1, name: 'Ada', n: 1.5 },
      { id: 2, name: null, n: -2 },
    ]);
    const csv = await sql('--format', 'csv', '-c', `SELECT id, name, 'a,"b"' AS q, '' AS e FROM hr.people ORDER BY id`);
    expect(csv.out).toBe('id,name,q,e\n1,Ada,"a,""b""",""\n2,,"a,""b""",""\n');
  });

  test('runs a file and a pipe', async () => {
    const file = join(directory, 'script.sql');
    writeFileSync(file, "-- two statements\nSELECT 1 AS a;\nSELECT 'x;y' AS b;");
    expect((await sql('--format', 'csv', '-f', file)).out).toBe('a\n1\nb\nx;y\n');
    const piped = await causeway(['sql', '--dir', join(directory, 'catalog'), '--format', 'csv'], 'SELECT 2 AS c');
    expect(piped.out).toBe('c\n2\n');
  });

  test('a failed statement ends the script: exit code 1, the error with its place on stderr, nothing after it', async () => {
    const { code, out, err } = await sql(
      '--format',
      'csv',
      '-c',
      'SELECT 1 AS a;\nSELECT nmae FROM hr.people; SELECT 3 AS c',
    );
    expect({ code, out }).toEqual({ code: 1, out: 'a\n1\n' });
    expect(err).toBe(
      'ERROR 42703: column "nmae" does not exist\nLINE 2:8: SELECT nmae FROM hr.people; SELECT 3 AS c\n                 ^\nHINT: Did you mean "name"?\n',
    );
  });

  test.each([
    ['a wrong password', () => database.url.replace(database.server.password, 'wrong'), '28P01'],
    ['a server that is down', () => 'postgres://u:p@127.0.0.1:1/d', '08001'],
  ])('%s is told when the silo is created, which is then not there', async (_, url, sqlstate) => {
    const { code, err } = await sql('-c', `CREATE SILO broken USING postgres OPTIONS (url '${url()}')`);
    expect(code).toBe(1);
    expect(err).toContain(sqlstate);
    expect(err).toContain('HINT');
    expect((await sql('-c', 'SHOW SILOS')).out).not.toContain('broken');
  });

  test('an unknown subcommand suggests the nearest', async () => {
    const { code, err } = await causeway(['slq']);
    expect(code).not.toBe(0);
    expect(err).toContain('sql');
  });
});
