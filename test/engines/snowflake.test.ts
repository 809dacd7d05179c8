/**
 * The snowflake connector against fakesnow, an independent emulator. FAKESNOW_PYTHON names a Python that has it
 * (test/engines/install.sh makes one).
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { conformance } from '../../connectors/conformance.ts';
import { pushdownConformance } from '../../connectors/conformance-pushdown.ts';
import { snowflake } from '../../connectors/snowflake/connector.ts';
import { planRunner } from '../pushdown/runner.ts';
import { exchangesOf } from '../servers/snowflake/exchanges.ts';
import { type FakeSnow, startFakeSnow } from './fakesnow.ts';

const python = process.env.FAKESNOW_PYTHON;
if (python === undefined)
  console.log('FAKESNOW_PYTHON is not set: the snowflake connector is not tested against fakesnow');

describe.skipIf(python === undefined)('snowflake, at fakesnow', () => {
  let server: FakeSnow;
  beforeAll(async () => {
    server = await startFakeSnow(python!);
  }, 120_000);
  afterAll(() => server?.[Symbol.asyncDispose]());

  conformance({
    connector: snowflake,
    open: () => server.place(),
    skip: {
      cancel: '(fakesnow runs a statement while it is asked for)',
      cut: '(one answer holds all rows there)',
    },
  });
  pushdownConformance({
    connector: snowflake,
    runner: planRunner,
    open: () => server.place(),
    known: {
      ...all('fakesnow sums whole numbers as floating point', [
        'sum(smallint)',
        'sum(integer)',
        'operation window frame',
      ]),
      ...all('fakesnow takes no decimal for a place, and its division by zero is NULL', [
        'substring(text, integer)',
        'substring(text, integer, integer)',
      ]),
    },
  });

  test('the exchanges that pin our own server to it', async () => {
    const text = JSON.stringify(await exchangesOf(server.url), null, 1);
    await expect(`${text}\n`).toMatchFileSnapshot('../fixtures/snowflake/exchanges.json');
  });
});

/** The same reason for several calls. */
function all(reason: string, titles: readonly string[]): Record<string, string> {
  return Object.fromEntries(titles.map((title) => [title, reason]));
}
