/**
 * Lakes over real servers: versitygw (S3), Hadoop's name node and data node (HDFS); and Delta tables that we write, read
 * by delta-rs. `test/engines/lake/install.sh` brings them and prints the variables that name them.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { folder as lake, s3 } from '../../connectors/lake/kinds.ts';
import { RETRY } from '../../connectors/lake/stores/retry.ts';
import { s3Store } from '../../connectors/lake/stores/s3.ts';
import { webHdfsStore } from '../../connectors/lake/stores/webhdfs.ts';
import { rowBatches } from '../../connectors/row-batches.ts';
import { freePort } from '../support/free-port.ts';
import { rowsOf, scanOf, testDuck } from '../support/lake.ts';
import { sampleBatches, sampleColumns } from '../support/sample-rows.ts';
import { describeStore } from '../support/store-contract.ts';

const { VERSITYGW, HDFS_JARS, DELTA_PYTHON } = process.env;
const signal = new AbortController().signal;
const scratch = mkdtempSync(join(tmpdir(), 'causeway-engines-'));
const children: ChildProcess[] = [];
afterAll(async () => {
  for (const child of children) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill()) await gone;
  }
  rmSync(scratch, { recursive: true, force: true });
});

function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr!.on('data', (text) => {
    errors = (errors + text).slice(-2000);
  });
  child.once('exit', (code) => {
    if (code !== null && code !== 0 && code !== 143) console.log(`${command} ended with ${code}: ${errors}`);
  });
  children.push(child);
  return child;
}

async function answers(what: string, ask: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 240; tries++) {
    if (await ask().catch(() => false)) return;
    await sleep(500);
  }
  throw new Error(`${what} did not start within two minutes`);
}

if (VERSITYGW === undefined) console.log('skipped: VERSITYGW does not name the versitygw program');
describe.skipIf(VERSITYGW === undefined)('versitygw', () => {
  let endpoint = '';
  async function gateway(): Promise<string> {
    if (endpoint !== '') return endpoint;
    const root = join(scratch, 's3');
    mkdirSync(join(root, 'bucket'), { recursive: true });
    const port = await freePort();
    start(VERSITYGW!, ['--port', `127.0.0.1:${port}`, 'posix', root], {
      ROOT_ACCESS_KEY: 'key',
      ROOT_SECRET_KEY: 'secret',
    });
    endpoint = `http://127.0.0.1:${port}`;
    await answers('versitygw', () => fetch(endpoint).then(() => true));
    return endpoint;
  }
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
  describeStore('s3 on versitygw', async () =>
    s3Store({
      scheme: 's3',
      bucket: 'bucket',
      prefix: 'root/',
      region: 'us-east-1',
      endpoint: await gateway(),
      pathStyle: true,
      credentials,
      requesterPays: false,
      checksums: 'WHEN_SUPPORTED',
      retry: RETRY,
    }),
  );

  test('holds tables that are written and read', async () => {
    const options = {
      url: 's3://bucket/tables',
      endpoint: await gateway(),
      access_key: 'key',
      secret_key: 'secret',
      write_format: 'delta',
    };
    await using silo = await s3.connect(options, signal);
    await silo.write!(
      { table: { table: 't' }, columns: sampleColumns, batches: sampleBatches(0, 50), mode: 'create' },
      signal,
    );
    await silo.write!(
      { table: { table: 't' }, columns: sampleColumns, batches: sampleBatches(50, 60), mode: 'append' },
      signal,
    );
    const rows = await rowsOf(
      silo,
      scanOf('t', ['id'], [{ column: 'id', operator: '>=', values: [48] }]),
      await testDuck(),
    );
    expect(rows.map(([id]) => Number(id))).toEqual([48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59]);
    await expect(s3.connect({ ...options, secret_key: 'guess' }, signal)).rejects.toMatchObject({ sqlstate: '42501' });
  });
});

const LOG_ERRORS = `log4j.rootLogger=ERROR,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.SimpleLayout
`;

if (HDFS_JARS === undefined) console.log("skipped: HDFS_JARS does not name the folder with Hadoop's jars");
describe.skipIf(HDFS_JARS === undefined)('HDFS', () => {
  describeStore('webhdfs on a real name node', async () => {
    const conf = join(scratch, 'hdfs-conf');
    // The jars lack the web pages that the daemons insist on.
    for (const page of ['hdfs', 'datanode', 'static']) mkdirSync(join(conf, 'webapps', page), { recursive: true });
    writeFileSync(join(conf, 'log4j.properties'), LOG_ERRORS);
    const [rpc, http, data, ipc, dataHttp] = await Promise.all(Array.from({ length: 5 }, freePort));
    const properties = (values: Record<string, string>): string =>
      `<configuration>${Object.entries(values)
        .map(([name, value]) => `<property><name>${name}</name><value>${value}</value></property>`)
        .join('')}</configuration>`;
    writeFileSync(join(conf, 'core-site.xml'), properties({ 'fs.defaultFS': `hdfs://127.0.0.1:${rpc}` }));
    writeFileSync(
      join(conf, 'hdfs-site.xml'),
      properties({
        'dfs.replication': '1',
        'dfs.permissions.enabled': 'false',
        'dfs.namenode.http-address': `127.0.0.1:${http}`,
        'dfs.namenode.name.dir': join(scratch, 'hdfs-name'),
        'dfs.datanode.data.dir': join(scratch, 'hdfs-data'),
        'dfs.datanode.address': `127.0.0.1:${data}`,
        'dfs.datanode.ipc.address': `127.0.0.1:${ipc}`,
        'dfs.datanode.http.address': `127.0.0.1:${dataHttp}`,
        'dfs.datanode.hostname': '127.0.0.1',
        'dfs.ls.limit': '3',
      }),
    );
    const java = ['-Xmx256m', '--add-opens', 'java.base/java.lang=ALL-UNNAMED', '-cp', `${conf}:${HDFS_JARS}/*`];
    const nameNode = 'org.apache.hadoop.hdfs.server.namenode.NameNode';
    await promisify(execFile)('java', [...java, nameNode, '-format', '-nonInteractive']);
    start('java', [...java, nameNode]);
    start('java', [...java, 'org.apache.hadoop.hdfs.server.datanode.DataNode']);
    const endpoint = `http://127.0.0.1:${http}`;
    const made = () =>
      fetch(`${endpoint}/webhdfs/v1/a%20root?op=MKDIRS&user.name=hdfs`, { method: 'PUT' }).then((r) => r.ok);
    await answers('the name node', made);
    const create = `${endpoint}/webhdfs/v1/a%20root/probe?op=CREATE&user.name=hdfs`;
    const takesFiles = () => fetch(create, { method: 'PUT', redirect: 'manual' }).then(({ status }) => status === 307);
    await answers('the data node', takesFiles);
    return webHdfsStore({
      endpoint,
      root: '/a root/',
      user: 'hdfs',
      dataNodes: ['127.0.0.1', 'localhost'],
      retry: RETRY,
    });
  });
});

if (DELTA_PYTHON === undefined) console.log('skipped: DELTA_PYTHON does not name a Python with deltalake');
test.skipIf(DELTA_PYTHON === undefined)(
  'delta-rs reads the tables that we write, and we read on after it wrote',
  async () => {
    const path = join(scratch, 'delta');
    mkdirSync(path);
    await using silo = await lake.connect({ path, write_format: 'delta' }, signal);
    await silo.write!(
      { table: { table: 't' }, columns: sampleColumns, batches: sampleBatches(0, 10), mode: 'create' },
      signal,
    );
    await silo.write!(
      { table: { table: 't' }, columns: sampleColumns, batches: sampleBatches(10, 20), mode: 'append' },
      signal,
    );
    const program = `
import sys
from deltalake import DeltaTable, write_deltalake
table = DeltaTable(sys.argv[1])
rows = table.to_pyarrow_table()
print(table.version(), rows.num_rows, sum(rows["id"].to_pylist()), str(sum(rows["price"].to_pylist())), rows["note"].null_count)
print(DeltaTable(sys.argv[1]).to_pyarrow_dataset().to_table(filter=__import__("pyarrow.compute").compute.field("id") >= 18).num_rows)
write_deltalake(sys.argv[1], rows.slice(0, 3), mode="append")
`;
    const { stdout } = await promisify(execFile)(DELTA_PYTHON!, ['-c', program, join(path, 't')]);
    expect(stdout.trim().split('\n')).toEqual(['1 20 190 47.50 1', '2']);
    await silo.write!(
      { table: { table: 't' }, columns: sampleColumns, batches: sampleBatches(20, 22), mode: 'append' },
      signal,
    );
    expect(await rowsOf(silo, scanOf('t', ['id']), await testDuck())).toHaveLength(25);
  },
);

test.skipIf(DELTA_PYTHON === undefined)('delta-rs reads what we append to its partitioned table', async () => {
  const path = join(scratch, 'parted');
  mkdirSync(path);
  const program = (body: string) =>
    promisify(execFile)(DELTA_PYTHON!, [
      '-c',
      `import os, sys, pyarrow as pa, datetime as d\nfrom deltalake import DeltaTable, write_deltalake\n${body}`,
      join(path, 't'),
    ]);
  await program(`
rows = pa.table({"id": pa.array([1], pa.int64()), "day": pa.array([d.date(2024, 1, 1)]), "region": ["eu/west"]})
write_deltalake(sys.argv[1], rows, partition_by=["day", "region"])`);
  await using silo = await lake.connect({ path }, signal);
  const columns = (await silo.tables(signal))[0]!.columns.map(({ name, type }) => ({ name, type }));
  const rows = [
    ['2', '2024-01-01', 'eu/west'],
    ['3', '2024-01-02', null],
    ['4', null, 'a=b'],
  ];
  await silo.write!({ table: { table: 't' }, columns, batches: rowBatches(columns, rows), mode: 'append' }, signal);
  const { stdout } = await program(`
table = DeltaTable(sys.argv[1])
print(sorted(map(str, table.to_pyarrow_table().to_pylist())))
print(table.to_pyarrow_table(filters=[("day", "=", d.date(2024, 1, 1))])["id"].to_pylist())
# Its threads may outlive the interpreter, which then aborts.
sys.stdout.flush()
os._exit(0)`);
  expect(stdout.trim().split('\n')).toEqual([
    `["{'id': 1, 'day': datetime.date(2024, 1, 1), 'region': 'eu/west'}", "{'id': 2, 'day': datetime.date(2024, 1, 1), 'region': 'eu/west'}", "{'id': 3, 'day': datetime.date(2024, 1, 2), 'region': None}", "{'id': 4, 'day': None, 'region': 'a=b'}"]`,
    expect.stringMatching(/^\[(1, 2|2, 1)\]$/),
  ]);
});
