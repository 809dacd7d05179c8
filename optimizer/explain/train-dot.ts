/** EXPLAIN (FORMAT dot) TRAIN: a box per silo inside its site, what crosses the border on the arrows; for Graphviz. */
import { quoted } from './dot.ts';
import type { ExplainedTraining } from './training.ts';
import { bytesText, countText, rowsText, timeText } from './units.ts';
import { wrapped } from './wrap.ts';

export function trainDot({ estimated, model, rounds, silos, strategy }: ExplainedTraining): readonly string[] {
  const lines = ['digraph train {', '  rankdir = BT', '  node [shape = box, fontname = "monospace", fontsize = 10]'];
  const box = (name: string, ...label: readonly string[]): string =>
    `    ${name} [label = ${quoted(`${label.join('\n')}\n`)}]`;
  silos.forEach(({ silo, site, rows, windows, roundSeconds, statements }, i) => {
    const read = statements.flatMap((statement) => wrapped(statement, 60));
    const work = `${countText(windows)} windows · ${timeText(roundSeconds)} a round`;
    lines.push(`  subgraph cluster_${i} {`, `    label = ${quoted(silo)}`);
    lines.push(
      site === 'mediator' ? box(`s${i}`, rowsText(rows), ...read) : box(`s${i}`, `train: ${work}`, ...read),
      '  }',
    );
  });
  lines.push('  subgraph cluster_mediator {', '    label = "mediator"');
  silos.forEach(({ site, windows, roundSeconds }, i) => {
    if (site !== 'mediator') return;
    lines.push(box(`m${i}`, `train: ${countText(windows)} windows · ${timeText(roundSeconds)} a round`));
  });
  lines.push(box('result', model, `${strategy}, ${rounds} rounds`, timeText(estimated.seconds)), '  }');
  silos.forEach(({ site, bytes }, i) => {
    if (site === 'mediator') {
      lines.push(`  s${i} -> m${i} [label = ${quoted(`rows, ${bytesText(bytes)}`)}]`, `  m${i} -> result`);
    } else {
      lines.push(`  s${i} -> result [label = ${quoted(`updates, ${bytesText(bytes)}`)}, style = dashed]`);
    }
  });
  return [...lines, '}'];
}
