/** EXPLAIN (FORMAT dot): fragments as boxes inside their sites, exchanges as arrows; for Graphviz. */
import type { Explained } from './explained.ts';
import { bytesText, rowsText, timeText } from './units.ts';
import { wrapped } from './wrap.ts';

export function explainDot({ fragments, root }: Explained): readonly string[] {
  const sites = [...new Set(fragments.map(({ site }) => site))];
  const lines = ['digraph plan {', '  rankdir = BT', '  node [shape = box, fontname = "monospace", fontsize = 10]'];
  sites.forEach((site, i) => {
    lines.push(`  subgraph cluster_${i} {`, `    label = ${quoted(site)}`);
    for (const fragment of fragments.filter((each) => each.site === site)) {
      const label = [
        fragment.id === root ? 'result' : `(${fragment.id})`,
        ...wrapped(fragment.statement, 60),
        `${rowsText(fragment.estimated.rows)} · ${timeText(fragment.estimated.seconds)}`,
      ];
      lines.push(`    f${fragment.id} [label = ${quoted(`${label.join('\n')}\n`)}]`);
    }
    lines.push('  }');
  });
  for (const fragment of fragments) {
    for (const { from, kind } of fragment.inputs) {
      const source = fragments.find(({ id }) => id === from)!;
      const label =
        kind === 'keys' ? 'keys' : `${rowsText(source.estimated.rows)}, ${bytesText(source.estimated.bytes)}`;
      lines.push(
        `  f${from} -> f${fragment.id} [label = ${quoted(label)}${kind === 'keys' ? ', style = dashed' : ''}]`,
      );
    }
  }
  return [...lines, '}'];
}

/** A quoted string; line ends are left-justified line breaks. */
export const quoted = (text: string): string =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\l')}"`;
