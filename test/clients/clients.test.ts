/** Unmodified clients of Debian against the engine: every program's output line by line. Needs test/clients/install.sh. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Berlin, READINGS, startBerlin } from '../endpoint/berlin.ts';
import { runProgram } from './run-program.ts';

const PROGRAMS = join(import.meta.dirname, 'programs');
const JDBC = '/usr/share/java/postgresql.jar';

let berlin: Berlin;
let directory: string;
beforeAll(async () => {
  berlin = await startBerlin();
  directory = mkdtempSync(join(tmpdir(), 'causeway-programs-'));
});
afterAll(async () => {
  await berlin?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

const dsn = () => `host=127.0.0.1 port=${berlin.port} user=eva dbname=causeway`;
const url = () => `postgresql://eva@127.0.0.1:${berlin.port}/causeway`;
const psql = (...commands: string[]) =>
  runProgram('psql', ['-X', '-w', '-v', 'ON_ERROR_STOP=1', dsn(), ...commands.flatMap((command) => ['-c', command])]);

/** As Python prints the first row of berlin.kinds. */
const KINDS =
  'kinds|1|True|-32768|9007199254740993|1.5|0.1|12345.67890|Grüße 🚗|00ff|2024-02-29|23:59:59.500000|2024-02-29 12:00:00.000001|2024-02-29 12:00:00+00:00|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11';

test.each([
  '\\d',
  '\\d berlin.meters',
  '\\d+ berlin.meters',
  '\\d berlin.*',
  '\\dt *.*',
  '\\dt+ berlin.*',
  '\\dv',
  '\\dm',
  '\\di berlin.*',
  '\\ds',
  '\\dE',
  '\\dn',
  '\\dn+',
  '\\df ml.*',
  '\\df+ ml.*',
  '\\da',
  '\\do',
  '\\dT',
  '\\dT+',
  '\\dC',
  '\\dD',
  '\\du',
  '\\du+',
  '\\dp berlin.*',
  '\\ddp',
  '\\dx',
  '\\dy',
  '\\dL',
  '\\db',
  '\\dc',
  '\\dd',
  '\\des',
  '\\det',
  '\\dew',
  '\\dF',
  '\\dFd',
  '\\dFp',
  '\\dFt',
  '\\dAc',
  '\\dAf',
  '\\drds',
  '\\dRp',
  '\\dRs',
  '\\conninfo',
  '\\encoding',
  '\\sf version',
  '\\z',
])('psql %s', async (command) => {
  const { status, stderr } = await psql(command);
  // psql says on its error output when a list is empty.
  expect({ status, stderr: stderr.replace(/^Did not find any \w+\.\n$/, '') }).toEqual({ status: 0, stderr: '' });
});

test('psql shows a table with its key', async () => {
  const { stdout } = await psql('\\d berlin.meters');
  expect(stdout).toContain('installed | date');
  expect(stdout).toContain('"meters_pkey" PRIMARY KEY, btree (id)');
});

test('psql completes names', async () => {
  // The statement behind the Tab key after "SELECT * FROM berlin.me".
  const { stdout } = await psql(
    "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c, pg_catalog.pg_namespace n WHERE n.oid = c.relnamespace AND c.relkind IN ('r', 'v') AND substring(pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), 1, 9) = 'berlin.me'",
  );
  expect(stdout).toContain('berlin.meters');
});

test('psql reads a large table, by pieces and whole', async () => {
  const text = 'SELECT count(*), sum(n) FROM (SELECT n FROM berlin.readings) r';
  expect((await psql(text)).stdout).toContain(String(READINGS));
  const rows = await runProgram('psql', [
    '-X',
    '-w',
    '-At',
    '-v',
    'FETCH_COUNT=1000',
    dsn(),
    '-c',
    'SELECT n, mw FROM berlin.readings',
  ]);
  expect(rows.stdout.trim().split('\n')).toHaveLength(READINGS);
});

test('psql shows where an error is', async () => {
  const { stderr } = await psql('SELECT id,\n  nosuch FROM berlin.meters');
  expect(stderr).toContain('ERROR:  column "nosuch" does not exist\nLINE 2:   nosuch FROM berlin.meters\n          ^');
});

test.each([
  ['as it comes', ''],
  ['binary from the first execution', 'binaryTransfer=true&prepareThreshold=-1'],
  ['simple protocol', 'preferQueryMode=simple'],
])('pgjdbc, %s', async (_, properties) => {
  const compiled = spawnSync('javac', ['-cp', JDBC, '-d', directory, join(PROGRAMS, 'Metadata.java')], {
    encoding: 'utf8',
  });
  expect(compiled.stderr).toBe('');
  const { stdout } = await runProgram('java', [
    '-cp',
    `${JDBC}:${directory}`,
    'Metadata',
    `jdbc:postgresql://127.0.0.1:${berlin.port}/causeway`,
    properties,
  ]);
  const facts = Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/: (.*)/)),
  );
  expect(facts).toMatchObject({
    product: 'PostgreSQL 18',
    tables: 'kinds_pkey/INDEX meters_pkey/INDEX kinds/TABLE meters/TABLE readings/TABLE',
    columns: 'id/int4/NO city/text/NO installed/date/YES',
    'primary keys': 'id/meters_pkey',
    indexes: 'meters_pkey/id',
    types: 'int4 and others',
    functions: 'evaluate explain forecast predict',
    catalogs: 'causeway',
    'fetch size 1000': `${READINGS} rows, sum ${(READINGS * (READINGS - 1)) / 2}`,
    'savepoint after an error': '42703, then 50',
    'query timeout': '57014',
    'copy out': 'id,city;1,city 1;2,city 2',
    'read only': '25006',
  });
  expect(facts.schemas).toMatch(/^berlin causeway information_schema ml pg_catalog public/);
  expect(facts['prepared, eight times']).toMatch(
    /^city 1@2020-01-02 city 2@2020-01-03 .*city 1@2020-01-09 text,date,int4$/,
  );
  expect(facts['every kind of value']).toMatch(
    /^1\|true\|-32768\|9007199254740993\|1.5\|0.1\|12345.67890\|Grüße 🚗\|00ff\|2024-02-29\|.* nullnull$/,
  );
});

const python = (program: string, ...argv: string[]) =>
  runProgram('/usr/bin/python3', [join(PROGRAMS, program), ...argv]);

test('psycopg2', async () => {
  const { stdout } = await python('psycopg2_client.py', dsn());
  expect(stdout.trim().split('\n')).toEqual([
    "rows [(1, 'city 1', datetime.date(2020, 1, 2)), (3, 'city 3', datetime.date(2020, 1, 4))]",
    "types ['INTEGER', 'STRING', 'DATE']",
    `named cursor ${READINGS}`,
    'copy 1\tcity 1;2\tcity 2;',
    "other session ('UTC',)",
    'in its zone 2024-01-01T09:00:00+09:00',
    'cancelled 57014',
    'error 42703 18',
  ]);
});

test('psycopg 3', async () => {
  const { stdout } = await python('psycopg3_client.py', dsn());
  const lines = stdout.trim().split('\n');
  expect([lines[0], lines[2]]).toEqual([KINDS, KINDS]);
  expect(lines.slice(4)).toEqual([
    'server cursor 5000',
    'binary copy [(1, datetime.date(2020, 1, 2)), (2, datetime.date(2020, 1, 3))]',
    "prepared ('city 1',)",
    'error 42703',
    'in failed transaction 25P02',
    'after rollback (1,)',
  ]);
});

test('SQLAlchemy and pandas', async () => {
  const { stdout } = await python('sqlalchemy_client.py', url());
  const lines = stdout.trim().split('\n');
  expect(lines[0]).toContain("'berlin', 'causeway', 'information_schema', 'ml', 'public'");
  expect(lines.slice(1)).toEqual([
    "tables ['kinds', 'meters', 'readings']",
    "columns [('id', 'INTEGER', False), ('city', 'TEXT', False), ('installed', 'DATE', True)]",
    "primary key ['id']",
    'foreign keys []',
    'indexes []',
    'views []',
    `int64 7 ${READINGS}`,
  ]);
});

test('asyncpg', async () => {
  const { stdout } = await python('asyncpg_client.py', url());
  expect(stdout.trim().split('\n')).toEqual([
    "rows [(1, 'city 1', datetime.date(2020, 1, 2)), (2, 'city 2', datetime.date(2020, 1, 3))]",
    KINDS,
    `cursor ${READINGS}`,
    'timeout, then 1',
    "arrays [1, None, 3] ['a', 'b']",
  ]);
});

test.each(['', 'UseDeclareFetch=1;Fetch=7'])('psqlODBC through isql %s', async (options) => {
  writeFileSync(
    join(directory, 'odbc.ini'),
    `[causeway]\nDriver=PostgreSQL Unicode\nServername=127.0.0.1\nPort=${berlin.port}\nUserName=eva\nDatabase=causeway\n${options.replace(';', '\n')}\n`,
  );
  const { stdout } = await runProgram('isql', ['-b', '-d,', 'causeway'], {
    env: { ODBCINI: join(directory, 'odbc.ini') },
    input:
      'SELECT id, city, installed FROM berlin.meters ORDER BY id LIMIT 20\nSELECT count(*) FROM berlin.readings\nhelp berlin.meters\n',
  });
  const lines = stdout.trim().split('\n');
  expect(lines[0]).toBe('1,city 1,2020-01-02');
  expect(lines[19]).toBe('20,city 6,2020-01-21');
  expect(lines).toContain(String(READINGS));
});

test('RPostgreSQL', async () => {
  const { stdout } = await runProgram('Rscript', [join(PROGRAMS, 'rpostgresql_client.R'), String(berlin.port)]);
  expect(stdout.trim().split('\n')).toEqual(['exists TRUE ', 'rows 3 integer Date city 3']);
});
