/** One silo's statement through us, and sent to that silo directly over the same connector. */
import { postgres } from '../../connectors/postgres/connector.ts';
import { placed, QUERIES } from './queries.ts';
import { medians, ms, type Run, ratio, sum } from './setup.ts';
import { rowsOf } from './silos.ts';
import { printTable, timed } from './table.ts';

const signal = new AbortController().signal;

export async function oneSilo({ silos: { session, postgresUrl }, repeats, patienceMs }: Run): Promise<void> {
  await using silo = await postgres.connect({ url: postgresUrl }, signal);
  const rows: { name: string; first: number; causeway: number; direct: number; cut: boolean }[] = [];
  for (const { name, text } of QUERIES) {
    const ours = placed(text, () => 'pg');
    const columns = await silo.describe!(text, signal);
    let cut = false;
    const direct = async (): Promise<void> => {
      const patience = AbortSignal.timeout(patienceMs);
      try {
        const result = await silo.run({ kind: 'sql', text, columns }, patience);
        if (result.kind === 'batches') for await (const batch of result.batches) void batch.numRows;
      } catch (thrown) {
        if (!patience.aborted) throw thrown;
        cut = true;
      }
    };
    // What PostgreSQL gives up on need not be waited for in every round.
    const once = await timed(direct);
    const first = await timed(() => rowsOf(session, ours));
    const times = cut
      ? { ...(await medians({ causeway: () => rowsOf(session, ours) }, repeats)), direct: once }
      : await medians({ causeway: () => rowsOf(session, ours), direct }, repeats);
    rows.push({ name, first, cut, ...times });
  }
  const counted = rows.filter(({ cut }) => !cut);
  const [causeway, direct] = [sum(counted.map((row) => row.causeway)), sum(counted.map((row) => row.direct))];
  printTable(
    'One silo: through Causeway, planned anew and when it comes again, and sent to PostgreSQL directly (ms; aim: ≤ 1.05)',
    ['query', 'first', 'again', 'direct', 'again / direct'],
    [
      ...rows.map((row) => [
        row.name,
        ms(row.first),
        ms(row.causeway),
        row.cut ? `> ${row.direct.toFixed(0)}` : ms(row.direct),
        ratio(row.causeway, row.direct),
      ]),
      ['sum of those PostgreSQL answers', '', ms(causeway), ms(direct), ratio(causeway, direct)],
    ],
  );
}
