/** EXPLAIN TRAIN as text: where every silo's share is done, what it costs, and what was rejected. */
import type { TrainingSite } from '../cost/training.ts';
import { aligned, WIDTH } from './text.ts';
import type {
  EgressManifest,
  ExplainedShare,
  ExplainedSite,
  ExplainedSpeculation,
  ExplainedTraining,
  ExplainedTree,
} from './training.ts';
import { bytesText, countText, errorText, rateText, rowsText, timeText } from './units.ts';
import { filled, wrapped } from './wrap.ts';

/** Lines of at most 100 characters. */
export function trainText(plan: ExplainedTraining): readonly string[] {
  const { network, strategy, weightBy, rounds, epochs, here, personalize, speculation, tree } = plan;
  return [
    `TRAIN MODEL ${plan.model}: ${network.layers} × ${network.cell}, ${network.hidden} units, ${countText(network.weights)} weights`,
    `  windows of ${network.window} rows, ${network.horizon} ahead; ${(network.flopsPerWindow / 1e6).toFixed(2)} MFLOP each per epoch`,
    `  aggregate at mediator: ${strategy}, ${plural(rounds, 'round')} of ${plural(epochs, 'epoch')}, weighted by ${weightBy}`,
    ...(tree === undefined ? [] : [`  updates are added by a tree: ${treeText(plan.silos.length, tree)}`]),
    ...(personalize === undefined
      ? []
      : [`  afterwards each silo fine-tunes its own ${personalize}, which stays where the silo trains`]),
    `  by ${here.backend} on this machine, ${plural(here.threads, 'thread')} per silo, measured ${rateText(here.flopsPerSecond)}`,
    ...plan.silos.flatMap(siloLines),
    '',
    ...totals(plan),
    ...(speculation === undefined ? [] : filled(`Rounds    ${speculationText(speculation, rounds)}`, WIDTH)),
    ...variantLines(plan),
    '',
    ...filled(planningText(plan), WIDTH),
  ];
}

const treeText = (silos: number, { fanIn, levels }: ExplainedTree): string =>
  `${plural(silos, 'silo')}, ${fanIn} branches per node, ${plural(levels, 'level')}`;

const plural = (count: number, word: string): string => `${countText(count)} ${word}${count === 1 ? '' : 's'}`;

const WHERE: Readonly<Record<TrainingSite, (silo: string) => string>> = {
  agent: (silo) => `Train in ${silo}, behind its agent`,
  worker: (silo) => `Train in ${silo}, by its worker in this process`,
  engine: (silo) => `Train in ${silo}, inside its own engine`,
  mediator: (silo) => `Train at the mediator on rows of ${silo}`,
};

const ELSEWHERE: Readonly<Record<TrainingSite, string>> = {
  agent: 'behind its agent',
  worker: 'by its worker in this process',
  engine: 'inside its own engine',
  mediator: 'rows to the mediator',
};

function siloLines(share: ExplainedShare): readonly string[] {
  const { actual, manifest, prepareSeconds, rejected, roundSeconds, rows, site, silo, statements, windows } = share;
  return [
    '',
    aligned(WHERE[site](silo), siteText(share)),
    ...(actual === undefined
      ? []
      : [
          aligned(
            '',
            `actual ${timeText(actual.seconds)} · ${bytesText(actual.bytes)} of ${kindAt(actual.site)} out · ${rowsText(actual.rows)} · ${errorText(Math.max(actual.rows / rows, rows / actual.rows))}`,
          ),
          ...(actual.site === site ? [] : [`  while it ran it moved: ${ELSEWHERE[actual.site]}`]),
        ]),
    `  ${rowsText(rows)}, ${countText(windows)} windows · ${timeText(prepareSeconds)} to read, ${timeText(roundSeconds)} a round`,
    ...(manifest === undefined ? [] : [`  ${manifestText(manifest)}`]),
    ...statements.flatMap((statement) => wrapped(statement, WIDTH - 4)).map((line) => `    ${line}`),
    ...rejected.flatMap((other) => {
      const text = `rejected: ${ELSEWHERE[other.site]} · ${siteText(other)} · ${other.reason}`;
      return filled(text, WIDTH - 2).map((line) => `  ${line}`);
    }),
  ];
}

function manifestText({ keys, statistics, updates }: EgressManifest): string {
  const kinds = [`${bytesText(updates)} of updates`, `${bytesText(statistics)} of statistics`];
  if (keys !== undefined) kinds.push(`${bytesText(keys)} of keys`);
  return `its agent lets out at most ${kinds.join(', ')}`;
}

const kindAt = (site: TrainingSite): string => (site === 'mediator' ? 'rows' : 'updates');

const siteText = ({ seconds, bytes, bytesKind }: ExplainedSite): string =>
  `${timeText(seconds)} · ${bytesText(bytes)} of ${bytesKind} out`;

function totals({ estimated, actual, objective, rounds }: ExplainedTraining): readonly string[] {
  const { bytes, money, rowBytes, seconds, roundSeconds } = estimated;
  const updates = bytes - rowBytes;
  const what =
    rowBytes === 0
      ? `${bytesText(updates)} of updates over borders, no rows`
      : `${updates > 0 ? `${bytesText(updates)} of updates and ` : ''}${bytesText(rowBytes)} of rows over borders`;
  const price = money > 0 ? ` · price ${money.toPrecision(2)}` : '';
  return [
    ...filled(
      `Estimated ${timeText(seconds)} (${plural(rounds, 'round')} of ${timeText(roundSeconds)}) · ${what}${price} · optimized for ${objective}`,
      WIDTH,
    ),
    ...(actual === undefined
      ? []
      : [
          `Actual    ${timeText(actual.seconds)} (${plural(actual.rounds, 'round')}) · ${bytesText(actual.bytes)} over borders`,
        ]),
  ];
}

/** Other rounds make another model: they are shown, and taken when the statement says so. */
function variantLines({ estimated, variants }: ExplainedTraining): readonly string[] {
  if (variants.length === 0) return [];
  const widest = Math.max(...variants.map(({ name }) => name.length));
  const part = (value: number, of: number): string => (value / Math.max(of, Number.MIN_VALUE)).toFixed(2);
  return [
    '',
    'Not asked for',
    ...variants.map(({ name, seconds, bytes, caveat }) => {
      const gain = `${part(seconds, estimated.seconds)} × the time, ${part(bytes, estimated.bytes)} × the bytes`;
      return `  ${name.padEnd(widest)}  ${gain} · ${caveat}`;
    }),
  ];
}

function speculationText(speculation: ExplainedSpeculation, rounds: number): string {
  if ('reason' in speculation) return `not estimated: ${speculation.reason}`;
  const { curve, enough, losses, seconds, silo, tolerance, windows } = speculation;
  const verdict =
    enough <= rounds
      ? `${enough} of ${rounds} are enough`
      : `${enough > 100 * rounds ? `more than ${countText(100 * rounds)}` : countText(enough)} would be needed, ${rounds} are asked for`;
  const fit = `${curve.floor.toPrecision(2)} + ${curve.gain.toPrecision(2)} / i^${curve.power.toFixed(2)}`;
  return (
    `${verdict} for a loss within ${100 * tolerance} % of its limit: losses ${fit} ` +
    `after ${plural(losses.length, 'short round')} on ${countText(windows)} windows of ${silo} (${timeText(seconds)})`
  );
}

function planningText({ planning }: ExplainedTraining): string {
  const sum = planning.reduce((total, { milliseconds }) => total + milliseconds, 0);
  return `Planning ${sum.toFixed(1)} ms: ${planning.map(({ name, milliseconds }) => `${name} ${milliseconds.toFixed(1)}`).join(', ')}`;
}
