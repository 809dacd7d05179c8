import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

test('as many as there are places go at once, the next when one is done', async () => {
  const turns = new Turns(2, 60_000);
  const first = await turns.take();
  await turns.take();
  let third = false;
  const waiting = turns.take().then((turn) => {
    third = true;
    return turn;
  });
  await Promise.resolve();
  expect(third).toBe(false);
  first[Symbol.dispose]();
  await waiting;
  expect(third).toBe(true);
});

test('one who does not move holds nobody up for long, and gives no place back that was not his', async () => {
  const turns = new Turns(1, 1);
  const stalled = await turns.take();
  const ahead = await turns.take();
  ahead[Symbol.dispose]();
  stalled[Symbol.dispose]();
  const again = await turns.take();
  let early = false;
  const waiting = turns.take().then(() => (early = true));
  await Promise.resolve();
  expect(early).toBe(false);
  again[Symbol.dispose]();
  await waiting;
});
