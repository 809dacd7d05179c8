/** EXPLAIN's text: a tree of fragments, at most 100 columns wide. */
import type { StatementEstimate } from '../../connectors/connector.ts';
import type { Amounts, Explained, ExplainedFragment } from './explained.ts';
import { bytesText, errorText, rowsText, timeText } from './units.ts';
import { filled, wrapped } from './wrap.ts';

export const WIDTH = 100;

export function explainText(plan: Explained): readonly string[] {
  return [
    ...tree(plan),
    '',
    ...total(plan),
    ...section('Planned anew while it ran', replannedLines(plan)),
    ...section('Rejected', rejectedLines(plan)),
    ...section(
      'Notices',
      plan.notices.flatMap((notice) => hanging(notice, '')),
    ),
    '',
    ...hanging(planningLine(plan), ''),
  ];
}

/** The result at the top, below each fragment those it reads from. A fragment that several read stands below the first. */
function tree(plan: Explained): readonly string[] {
  const byId = new Map(plan.fragments.map((fragment) => [fragment.id, fragment]));
  const shown = new Set<number>();
  const visit = (id: number, first: string, rest: string, reader?: ExplainedFragment): string[] => {
    const fragment = byId.get(id)!;
    shown.add(id);
    const kind = reader?.inputs.find(({ from }) => from === id)?.kind;
    const rows = fragment.inputs.filter((input) => input.kind === 'rows' && !shown.has(input.from));
    const bar = rows.length > 0 ? '│' : ' ';
    const title =
      reader === undefined
        ? `Result at ${fragment.site}`
        : `${kind === 'keys' ? 'Keys' : 'Rows'} of ${fragment.site} (${id})`;
    const keys = fragment.inputs.filter((input) => input.kind === 'keys').map(({ from }) => from);
    const lines = [
      aligned(`${first}${title}`, amountsText(fragment.estimated, fragment.site)),
      ...(fragment.actual === undefined ? [] : [aligned(`${rest}${bar}`, actualText(fragment))]),
      ...(fragment.price === undefined ? [] : [`${rest}${bar}   ${priceText(fragment.price)}`]),
      ...(keys.length === 0 ? [] : [`${rest}${bar}   only rows with a key of (${keys.join(', ')})`]),
      ...(fragment.transfer === undefined
        ? []
        : filled(fragment.transfer, WIDTH - rest.length - 4).map((line) => `${rest}${bar}   ${line}`)),
      ...wrapped(fragment.statement, WIDTH - rest.length - 4).map((line) => `${rest}${bar}   ${line}`),
    ];
    rows.forEach(({ from }, i) => {
      if (shown.has(from)) return;
      const last = rows.slice(i + 1).every((later) => shown.has(later.from));
      lines.push(...visit(from, `${rest}${last ? '└─ ' : '├─ '}`, `${rest}${last ? '   ' : '│  '}`, fragment));
    });
    return lines;
  };
  return visit(plan.root, '', '');
}

const amountsText = ({ rows, seconds, bytes }: Amounts, site: string): string =>
  [rowsText(rows), timeText(seconds), ...(site === 'mediator' ? [] : [`${bytesText(bytes)} out`])].join(' · ');

const priceText = ({ basis, money }: StatementEstimate): string => `${basis} · price ${money.toPrecision(2)}`;

function actualText({ actual, qError, site }: ExplainedFragment): string {
  const keys = actual!.keys === undefined ? [] : [`${actual!.keys} keys sent`];
  return ['actual', amountsText(actual!, site), ...keys, errorText(qError!)]
    .join(' · ')
    .replace('actual · ', 'actual ');
}

/** Left text and right text on one line, on two when they do not fit. */
export function aligned(left: string, right: string): string {
  const gap = WIDTH - left.length - right.length;
  return gap >= 2 ? left + ' '.repeat(gap) + right : `${left}  ${right}`;
}

function total({ estimated, actual, objective, fragments }: Explained): readonly string[] {
  const silos = new Map<string, number>();
  for (const { site, estimated: own } of fragments) {
    if (site !== 'mediator') silos.set(site, (silos.get(site) ?? 0) + own.bytes);
  }
  const perSilo = [...silos].map(([silo, bytes]) => `${silo} ${bytesText(bytes)}`).join(', ');
  const money = estimated.money > 0 ? ` · price ${estimated.money.toPrecision(2)}` : '';
  return [
    `Estimated ${timeText(estimated.seconds)} · ${bytesText(estimated.bytes)} over borders${perSilo === '' ? '' : ` (${perSilo})`}${money} · optimized for ${objective}`,
    ...(actual === undefined
      ? []
      : [`Actual    ${timeText(actual.seconds)} · ${bytesText(actual.bytes)} over borders`]),
  ].flatMap((line) => hanging(line, ''));
}

function replannedLines({ replanned }: Explained): readonly string[] {
  if (replanned === undefined) return [];
  const { steps, wastedBytes } = replanned;
  const wasted = wastedBytes === 0 ? [] : [`what was stopped had sent ${bytesText(wastedBytes)}`];
  return [
    ...steps.map(({ reason, milliseconds }) => `after ${timeText(milliseconds / 1000)}: ${reason}`),
    ...wasted,
  ].flatMap((line) => hanging(line, ''));
}

function rejectedLines({ rejected }: Explained): readonly string[] {
  const widest = Math.max(0, ...rejected.map(({ name }) => name.length));
  return rejected.flatMap(({ name, reason, seconds, bytes }) => {
    const cost = seconds === undefined || bytes === undefined ? '' : `${timeText(seconds)} · ${bytesText(bytes)} · `;
    return hanging(`${name.padEnd(widest)}  ${cost}${reason}`, ' '.repeat(widest + 2));
  });
}

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];

/** A line in as many as it needs, the later ones indented. */
function hanging(line: string, indent: string): readonly string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > WIDTH - 2) {
    const cut = rest.lastIndexOf(' ', WIDTH - 2);
    if (cut <= indent.length) break;
    lines.push(rest.slice(0, cut));
    rest = `${indent || '  '}${rest.slice(cut + 1)}`;
  }
  return [...lines, rest];
}

function planningLine({ planning, search }: Explained): string {
  const sum = planning.reduce((total, { milliseconds }) => total + milliseconds, 0);
  const phases = planning.map(({ name, milliseconds }) => {
    const detail =
      name === 'search' && search.joins > 0
        ? ` (${search.joins} join${search.joins === 1 ? '' : 's'}${search.exact ? '' : ', not all'})`
        : '';
    return `${name} ${milliseconds.toFixed(1)}${detail}`;
  });
  return `Planning ${sum.toFixed(1)} ms: ${phases.join(', ')}`;
}
