/**
 * A lake behind S3: bytes and requests of 12 queries over Parquet against the least that the format allows, scan speed
 * against DuckDB on the same files on the local disk, and the planning of a Delta table of many files.
 *
 *   node benchmarks/lake.ts [megabytes=1000] [files in the Delta table=10000]
 *
 * Least bytes: footers, and the chunks of the query's columns in row groups that its filters leave by their bounds.
 */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RelationResult, ScanFilter } from '../connectors/connector.ts';
import { connectDuckDB } from '../connectors/duckdb-engine/process.ts';
import { s3 } from '../connectors/lake/kinds.ts';
import type { LakeSilo } from '../connectors/lake/silo.ts';
import { startS3 } from '../test/servers/s3-server.ts';
import { s3Options, scanOf } from '../test/support/lake.ts';

const megabytes = Number(process.argv[2] ?? 1000);
const deltaFiles = Number(process.argv[3] ?? 10_000);
const signal = new AbortController().signal;
const folder = await mkdtemp(join(tmpdir(), 'causeway-bench-lake-'));
const duck = await connectDuckDB();
await using server = await startS3();

/** Rows that make about a megabyte of Parquet. */
const ROWS_PER_MEGABYTE = 29_000;
const FILES = 8;
const rows = megabytes * ROWS_PER_MEGABYTE;

const where = (column: string, operator: ScanFilter['operator'], ...values: ScanFilter['values']): ScanFilter => ({
  column,
  operator,
  values,
});

interface Query {
  readonly name: string;
  readonly columns: readonly string[];
  readonly filters: readonly ScanFilter[];
  /** Over the columns of the scan. */
  readonly select: string;
}

const last = `${new Date(Date.UTC(2020, 0, 1 + 899)).toISOString().slice(0, 10)}`;
const QUERIES: readonly Query[] = [
  { name: 'count(*)', columns: [], filters: [], select: 'count(*)' },
  { name: 'sum of one column', columns: ['price'], filters: [], select: 'sum(price)' },
  { name: 'group by', columns: ['kind', 'price'], filters: [], select: 'kind, count(*), sum(price)' },
  { name: 'one day', columns: ['day', 'price'], filters: [where('day', '=', '2021-03-04')], select: 'sum(price)' },
  {
    name: 'one month',
    columns: ['day', 'kind', 'price'],
    filters: [where('day', '>=', '2021-03-01'), where('day', '<', '2021-04-01')],
    select: 'sum(price)',
  },
  {
    name: 'half the time',
    columns: ['day', 'price'],
    filters: [where('day', '>=', '2021-03-26')],
    select: 'sum(price)',
  },
  { name: 'one id', columns: ['id', 'note'], filters: [where('id', '=', Math.floor(rows / 3))], select: 'max(note)' },
  {
    name: 'three ids',
    columns: ['id', 'price'],
    filters: [where('id', 'in', 5, Math.floor(rows / 2), rows - 5)],
    select: 'sum(price)',
  },
  {
    name: 'a value that is nowhere',
    columns: ['customer', 'price'],
    filters: [where('customer', '=', 'customer x')],
    select: 'sum(price)',
  },
  {
    name: 'one customer (bloom)',
    columns: ['customer', 'price'],
    filters: [where('customer', '=', 'customer 77')],
    select: 'sum(price)',
  },
  {
    name: 'the last day, all columns',
    columns: ['id', 'day', 'kind', 'customer', 'price', 'load', 'note'],
    filters: [where('day', '>=', last)],
    select: 'count(note)',
  },
  {
    name: 'everything',
    columns: ['id', 'day', 'kind', 'customer', 'price', 'load', 'note'],
    filters: [],
    select: 'sum(price), round(sum(load), 3), max(note), max(customer)',
  },
];

const group = (q: Query): string => (q.select.startsWith('kind') ? ' GROUP BY kind ORDER BY kind' : '');
const mb = (bytes: number): string => (bytes / 1e6).toFixed(2);
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

try {
  console.log(`writing ${FILES} files of ${megabytes / FILES} MB`);
  for (let i = 0; i < FILES; i++) {
    const per = Math.floor(rows / FILES);
    await duck.run(`COPY (SELECT i AS id, DATE '2020-01-01' + ((i * 900) // ${rows})::INTEGER AS day, (hash(i) % 12)::INTEGER AS kind,
      'customer ' || (hash(i + 1) % 20000) AS customer, ((hash(i + 2) % 1000000) / 100)::DECIMAL(12,2) AS price, random() AS load, md5(i::VARCHAR) || md5((i + 1)::VARCHAR) AS note
      FROM range(${i * per}, ${(i + 1) * per}) t(i)) TO '${folder}/part-${i}.parquet' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)`);
  }
  let total = 0;
  for (const name of (await readdir(folder)).sort()) {
    total += (await stat(join(folder, name))).size;
    server.put(`bench/t/${name}`, await readFile(join(folder, name)));
  }
  console.log(`${mb(total)} MB in ${FILES} files\n`);

  console.log('query                       least MB   fetched MB  ratio  requests  ours ms  local DuckDB ms');
  let worst = 0;
  for (const query of QUERIES) {
    await using silo = (await s3.connect(s3Options(server, 's3://bench'), signal)) as LakeSilo;
    await silo.run(scanOf('t', [], [where('id', '<', -1)]), signal); // footers are read: what follows are the chunks
    const footers = silo.traffic.bytes;
    const local = `read_parquet('${folder}/*.parquet')`;
    const condition =
      query.filters
        .map((f) => `${f.column} ${f.operator} ${f.operator === 'in' ? `(${f.values.join()})` : literal(f.values[0]!)}`)
        .join(' AND ') || 'true';
    const expected = JSON.stringify(
      (
        await duck.runAndReadAll(`SELECT ${query.select} FROM ${local} WHERE ${condition}${group(query)}`)
      ).getRowsJson(),
    );
    const ours: number[] = [];
    const peer: number[] = [];
    let first = { bytes: 0, requests: 0 };
    for (let repeat = 0; repeat < 3; repeat++) {
      await using fresh = (await s3.connect(s3Options(server, 's3://bench'), signal)) as LakeSilo;
      const start = performance.now();
      const result = (await fresh.run(scanOf('t', query.columns, query.filters), signal)) as RelationResult;
      const names = query.columns.map((c, i) => `v${i} AS ${c}`).join(', ') || 'v0';
      const found = JSON.stringify(
        (
          await duck.runAndReadAll(
            `SELECT ${query.select} FROM (SELECT ${names} FROM (${result.select}))${group(query)}`,
          )
        ).getRowsJson(),
      );
      ours.push(performance.now() - start);
      await result.release?.();
      if (found !== expected) throw new Error(`${query.name}: ${found} instead of ${expected}`);
      const between = performance.now();
      await duck.runAndReadAll(`SELECT ${query.select} FROM ${local} WHERE ${condition}${group(query)}`);
      peer.push(performance.now() - between);
      first = { bytes: fresh.traffic.bytes, requests: fresh.traffic.requests };
    }
    const least = (await leastBytes(query)) + (await footerBytes());
    const ratio = first.bytes / least;
    worst = Math.max(worst, ratio);
    console.log(
      `${query.name.padEnd(26)} ${mb(least).padStart(9)} ${mb(first.bytes).padStart(12)} ${ratio.toFixed(2).padStart(6)} ${String(first.requests).padStart(9)} ${median(ours).toFixed(0).padStart(8)} ${median(peer).toFixed(0).padStart(16)}`,
    );
    if (footers === 0) throw new Error('no footer was read');
  }
  console.log(`worst ratio of bytes ${worst.toFixed(2)} (to reach: 1.10)\n`);

  await using silo = (await s3.connect(s3Options(server, 's3://bench'), signal)) as LakeSilo;
  const everything = QUERIES.at(-1)!;
  const warm: number[] = [];
  const peer: number[] = [];
  for (let repeat = 0; repeat < 5; repeat++) {
    const names = everything.columns.map((c, i) => `v${i} AS ${c}`).join(', ');
    const start = performance.now();
    const result = (await silo.run(scanOf('t', everything.columns), signal)) as RelationResult;
    await duck.runAndReadAll(`SELECT ${everything.select} FROM (SELECT ${names} FROM (${result.select}))`);
    warm.push(performance.now() - start);
    await result.release?.();
    const between = performance.now();
    await duck.runAndReadAll(`SELECT ${everything.select} FROM read_parquet('${folder}/*.parquet')`);
    peer.push(performance.now() - between);
  }
  console.log(
    `full scan, cached: ours ${median(warm.slice(1)).toFixed(0)} ms, DuckDB on local files ${median(peer).toFixed(0)} ms, speed ratio ${(median(peer) / median(warm.slice(1))).toFixed(2)} (to reach: 0.80)`,
  );

  await planDelta();
} finally {
  duck.closeSync();
  await rm(folder, { recursive: true, force: true });
}

function literal(value: string | number | bigint | boolean): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}

async function leastBytes(query: Query): Promise<number> {
  const keep = query.filters
    .filter((f) => f.column === 'day' || f.column === 'id')
    .map((f) => {
      const type = f.column === 'day' ? 'DATE' : 'BIGINT';
      const test = (op: string, value: string) => {
        const [lo, hi] = [`stats_min_value::${type}`, `stats_max_value::${type}`];
        if (op === '=') return `(${lo} <= ${value} AND ${hi} >= ${value})`;
        return op.startsWith('<') ? `${lo} ${op} ${value}` : `${hi} ${op} ${value}`;
      };
      const any =
        f.operator === 'in'
          ? f.values.map((v) => test('=', literal(v))).join(' OR ')
          : test(f.operator, literal(f.values[0]!));
      return `(file_name, row_group_id) IN (SELECT (file_name, row_group_id) FROM m WHERE path_in_schema = '${f.column}' AND (${any}))`;
    });
  if (query.name === 'a value that is nowhere') return 0;
  const columns = query.columns.map((c) => `'${c}'`).join(', ') || "''";
  const sql = `WITH m AS (FROM parquet_metadata('${folder}/*.parquet')) SELECT coalesce(sum(total_compressed_size), 0)::DOUBLE FROM m
    WHERE path_in_schema IN (${columns}) ${keep.map((k) => `AND ${k}`).join(' ')}`;
  return (await duck.runAndReadAll(sql)).getRowsJson()[0]![0] as number;
}

async function footerBytes(): Promise<number> {
  return (
    await duck.runAndReadAll(`SELECT sum(footer_size)::DOUBLE FROM parquet_file_metadata('${folder}/*.parquet')`)
  ).getRowsJson()[0]![0] as number;
}

async function planDelta(): Promise<void> {
  const schemaString = JSON.stringify({
    type: 'struct',
    fields: [
      { name: 'id', type: 'long', nullable: true },
      { name: 'day', type: 'date', nullable: true },
    ],
  });
  const small = await readFile(join(folder, 'part-0.parquet'));
  const lines: string[] = [
    JSON.stringify({ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }),
    JSON.stringify({
      metaData: { id: 'bench', schemaString, partitionColumns: ['day'], format: { provider: 'parquet' } },
    }),
  ];
  for (let i = 0; i < deltaFiles; i++) {
    const stats = JSON.stringify({
      numRecords: 100,
      minValues: { id: i * 100 },
      maxValues: { id: i * 100 + 99 },
      nullCount: { id: 0 },
    });
    const day = new Date(Date.UTC(2020, 0, 1 + (i % 1000))).toISOString().slice(0, 10);
    lines.push(
      JSON.stringify({
        add: { path: `part-${i}.parquet`, partitionValues: { day }, size: small.length, dataChange: true, stats },
      }),
    );
  }
  server.put('bench/d/_delta_log/00000000000000000000.json', lines.join('\n'));
  await using silo = await s3.connect(
    s3Options(server, 's3://bench', { tables: 'd: {path: d, format: delta}' }),
    signal,
  );
  const plan = async (): Promise<number> => {
    const start = performance.now();
    await silo.run(scanOf('d', ['id'], [where('id', '<', -1)]), signal);
    return performance.now() - start;
  };
  const cold = await plan();
  const warm = [await plan(), await plan(), await plan()];
  console.log(
    `Delta table of ${deltaFiles} files planned in ${cold.toFixed(0)} ms cold, ${median(warm).toFixed(0)} ms warm (to reach: 1000 ms warm)`,
  );
}
