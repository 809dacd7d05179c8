/**
 * The bigquery connector against bigquery-emulator, an independent emulator. BIGQUERY_EMULATOR names its binary
 * (test/engines/install.sh builds one).
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { bigquery } from '../../connectors/bigquery/connector.ts';
import { conformance } from '../../connectors/conformance.ts';
import { pushdownConformance } from '../../connectors/conformance-pushdown.ts';
import { planRunner } from '../pushdown/runner.ts';
import { type BigQueryEmulator, startBigQueryEmulator } from './bigquery-emulator.ts';

const program = process.env.BIGQUERY_EMULATOR;
if (program === undefined)
  console.log('BIGQUERY_EMULATOR is not set: the bigquery connector is not tested against bigquery-emulator');

describe.skipIf(program === undefined)('bigquery, at bigquery-emulator', () => {
  let server: BigQueryEmulator;
  beforeAll(async () => {
    server = await startBigQueryEmulator(program!);
  }, 60_000);
  afterAll(() => server?.[Symbol.asyncDispose]());

  conformance({
    connector: bigquery,
    open: () => server.place(),
  });
  pushdownConformance({ connector: bigquery, runner: planRunner, open: () => server.place() });
});
