/** Our Snowflake server answers as an independent emulator does: its answers were recorded (test/engines/snowflake.test.ts). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Exchange, exchangesOf } from './exchanges.ts';
import { startSnowflake } from './server.ts';

const RECORDED = join(import.meta.dirname, '../../fixtures/snowflake/exchanges.json');

test('recorded exchanges', async () => {
  await using server = await startSnowflake();
  const recorded = JSON.parse(readFileSync(RECORDED, 'utf8')) as readonly Exchange[];
  const ours = await exchangesOf(server.url);
  for (const [i, exchange] of recorded.entries()) expect(ours[i]).toEqual(exchange);
  expect(ours).toHaveLength(recorded.length);
});
