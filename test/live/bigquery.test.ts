/**
 * The bigquery connector against the service. Needs BIGQUERY_PROJECT, credentials (GOOGLE_APPLICATION_CREDENTIALS, or
 * BIGQUERY_KEY_FILE), perhaps BIGQUERY_LOCATION (US when absent) and BIGQUERY_BILLING_PROJECT; they must be allowed to create a dataset. It reads
 * some megabytes: less than a cent.
 */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { bigquery } from '../../connectors/bigquery/connector.ts';
import { signIn } from '../../connectors/bigquery/login.ts';
import { conformance } from '../../connectors/conformance.ts';
import type { ProbeTable } from '../../connectors/conformance-probes.ts';
import { pushdownConformance } from '../../connectors/conformance-pushdown.ts';
import { rowBatches } from '../../connectors/row-batches.ts';
import { planRunner } from '../pushdown/runner.ts';

const { BIGQUERY_PROJECT: project, BIGQUERY_LOCATION: location = 'US', BIGQUERY_KEY_FILE: key } = process.env;
const { BIGQUERY_BILLING_PROJECT: payer } = process.env;
if (project === undefined)
  console.log('BIGQUERY_PROJECT is not set: the bigquery connector is not run against the service');

const signal = new AbortController().signal;

/** A dataset of its own, dropped at the end. */
async function place() {
  const dataset = `causeway_test_${randomUUID().slice(0, 8)}`;
  const options = {
    ...{ project: project!, dataset, max_bytes_billed: String(2 ** 30) },
    ...(key === undefined ? {} : { key_file: key }),
    ...(payer === undefined ? {} : { billing_project: payer }),
  };
  const tokens = await signIn(options);
  const call = async (method: string, path: string, body?: unknown) => {
    const headers = { authorization: `Bearer ${await tokens.token(signal)}`, 'content-type': 'application/json' };
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const answer = await fetch(`${tokens.endpoint}/bigquery/v2/projects/${project}/datasets${path}`, init);
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
  };
  await call('POST', '', { datasetReference: { projectId: project, datasetId: dataset }, location });
  return {
    options,
    async load(tables: readonly ProbeTable[]) {
      await using silo = await bigquery.connect(options, signal);
      for (const { name, columns, rows } of tables) {
        const batches = rowBatches(columns, rows);
        await silo.write!({ table: { table: name }, columns, batches, mode: 'create' }, signal);
      }
    },
    [Symbol.asyncDispose]: () => call('DELETE', `/${dataset}?deleteContents=true`),
  };
}

describe.skipIf(project === undefined)('bigquery, the service', () => {
  conformance({
    connector: bigquery,
    open: place,
    skip: {
      cut: '(there is no proxy between)',
      names: '(a quote, or a snowman, is no part of a name there)',
      cancel: '(no statement is slow enough at a price that is right)',
    },
  });
  pushdownConformance({ connector: bigquery, runner: planRunner, open: place });

  test('an estimate by a dry run', async () => {
    await using opened = await place();
    await using silo = await bigquery.connect(opened.options, signal);
    expect(await silo.estimate!('SELECT 1', signal)).toMatchObject({
      money: 0,
      basis: expect.stringContaining('dry run'),
    });
  });
});
