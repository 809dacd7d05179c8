/** Many sessions at once, each with a query of its own. */
import { placed, QUERIES, spread } from './queries.ts';
import { ms, type Run } from './setup.ts';
import { rowsOf } from './silos.ts';
import { printTable, quantile, timed } from './table.ts';

const ROUNDS = 2;

export async function crowd({ silos: { engine }, sessions }: Run): Promise<void> {
  let highest = process.memoryUsage().rss;
  const before = highest;
  const watching = setInterval(() => {
    highest = Math.max(highest, process.memoryUsage().rss);
  }, 20);
  const errors: unknown[] = [];
  const started = performance.now();
  const times = await Promise.all(
    Array.from({ length: sessions }, async (_, i) => {
      const session = engine.openSession();
      const own: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const { text } = QUERIES[(i + round) % QUERIES.length]!;
        own.push(await timed(() => rowsOf(session, placed(text, spread)).catch((thrown) => errors.push(thrown))));
      }
      await session[Symbol.asyncDispose]();
      return own;
    }),
  );
  clearInterval(watching);
  const all = times.flat();
  printTable(
    `${sessions} sessions at once, ${ROUNDS} queries each`,
    ['p50 ms', 'p95 ms', 'all ms', 'errors', 'RSS MB before', 'RSS MB at most'],
    [
      [
        ms(quantile(all, 0.5)),
        ms(quantile(all, 0.95)),
        ms(performance.now() - started),
        String(errors.length),
        String(Math.round(before / 1e6)),
        String(Math.round(highest / 1e6)),
      ],
    ],
  );
  if (errors.length > 0) throw errors[0];
}
