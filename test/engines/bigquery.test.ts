/**
 * The bigquery connector against bigquery-emulator, an independent emulator. BIGQUERY_EMULATOR names its binary
 * (test/engines/install.sh builds one). Every suite has an emulator of its own: it grows slow with the jobs that it has seen.
 */
import { describe, expect, test } from 'vitest';
import { bigquery } from '../../connectors/bigquery/connector.ts';
import { conformance } from '../../connectors/conformance.ts';
import { pushdownConformance } from '../../connectors/conformance-pushdown.ts';
import { planRunner } from '../pushdown/runner.ts';
import { exchangesOf } from '../servers/bigquery/exchanges.ts';
import { startBigQueryEmulator } from './bigquery-emulator.ts';

const program = process.env.BIGQUERY_EMULATOR;
if (program === undefined)
  console.log('BIGQUERY_EMULATOR is not set: the bigquery connector is not tested against bigquery-emulator');

describe.skipIf(program === undefined)('bigquery, at bigquery-emulator', () => {
  const open = async () => {
    const emulator = await startBigQueryEmulator(program!);
    return { ...(await emulator.place()), [Symbol.asyncDispose]: () => emulator[Symbol.asyncDispose]() };
  };

  conformance({
    connector: bigquery,
    open,
    skip: {
      cancel: '(it runs a statement while it is asked for)',
      cut: '(there is no proxy between)',
      write: '(its load jobs take base64 for the bytes themselves)',
    },
  });
  pushdownConformance({
    connector: bigquery,
    runner: planRunner,
    open,
    declaredOnly: true,
    known: {
      ...all('it has no unary minus', ['negate(bigint)', 'negate(numeric)', 'negate(double precision)']),
      ...all('it counts bytes, not characters', ['substring(text, integer)', 'strpos(text, text)']),
      'replace(text, text, text)': 'it replaces nothing by something; GoogleSQL makes no replacement then',
    },
  });

  test('the exchanges that pin our own server to it', async () => {
    await using place = await open();
    const { endpoint, project, dataset } = place.options;
    const text = JSON.stringify(await exchangesOf(endpoint, project, dataset), null, 1);
    await expect(`${text}\n`).toMatchFileSnapshot('../fixtures/bigquery/exchanges.json');
  });
});

/** The same reason for several calls. */
function all(reason: string, titles: readonly string[]): Record<string, string> {
  return Object.fromEntries(titles.map((title) => [title, reason]));
}
