/**
 * Our BigQuery server answers as an independent emulator does, whose answers were recorded (test/engines/bigquery.test.ts), and
 * as Google's own client library expects.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BigQuery } from '@google-cloud/bigquery';
import { expect, test } from 'vitest';
import { DATASET } from './dialect.ts';
import { type Exchange, exchangesOf } from './exchanges.ts';
import { LOCATION, PROJECT, startBigQuery } from './server.ts';

// Nobody is asked for credentials.
process.env.METADATA_SERVER_DETECTION = 'none';

const RECORDED = join(import.meta.dirname, '../../fixtures/bigquery/exchanges.json');

test('recorded exchanges', async () => {
  await using server = await startBigQuery();
  const recorded = JSON.parse(readFileSync(RECORDED, 'utf8')) as readonly Exchange[];
  const ours = await exchangesOf(server.url, PROJECT, DATASET, LOCATION);
  for (const [i, exchange] of recorded.entries()) expect(ours[i]).toEqual(exchange);
  expect(ours).toHaveLength(recorded.length);
});

test('Google’s own client library', async () => {
  await using server = await startBigQuery({ pageRows: 100 });
  await server.sql.run("CREATE TABLE readings AS SELECT range AS id, DATE '2024-01-01' AS day FROM range(250)");
  const client = new BigQuery({ projectId: PROJECT, apiEndpoint: server.url, location: LOCATION });
  const [tables] = await client.dataset(DATASET).getTables();
  expect(tables.map(({ id }) => id)).toEqual(['readings']);
  const [metadata] = await client.dataset(DATASET).table('readings').getMetadata();
  expect(metadata).toMatchObject({
    numRows: '250',
    schema: { fields: [{ name: 'id', type: 'INTEGER' }, { type: 'DATE' }] },
  });
  const [job] = await client.createQueryJob({ query: 'SELECT id FROM readings ORDER BY id' });
  const [rows] = await job.getQueryResults();
  expect(rows.map(({ id }: { id: number }) => id)).toEqual(Array.from({ length: 250 }, (_, i) => i));
  const query = "SELECT NUMERIC '1.50' AS n, TIMESTAMP('2024-02-29 12:00:00', 'UTC') AS t";
  const [[row]] = await client.query({ query, location: LOCATION });
  expect([String(row.n), row.t.value]).toEqual(['1.5', '2024-02-29T12:00:00.000Z']);
  await expect(client.query({ query: 'SELECT nothing', location: LOCATION })).rejects.toMatchObject({ code: 400 });
});
