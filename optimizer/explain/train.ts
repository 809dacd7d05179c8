/** EXPLAIN TRAIN: what each way of training costs in every silo, before anything runs. */
import type { Train } from '../../src/plan/training.ts';
import type { SiteProfile } from '../cost/site.ts';
import { MEDIATOR } from '../cost/site.ts';
import { type SiloTraining, type TrainingPrice, trainingPrices } from '../cost/training.ts';
import { type PerUnit, secondsFor } from '../cost/work.ts';
import type { RelationEstimate } from '../statistics/estimate.ts';
import { rowWidth } from '../statistics/estimate.ts';
import { WIDTH } from './text.ts';
import { bytesText, rateText, rowsText, timeText } from './units.ts';
import { filled } from './wrap.ts';

/** What is known of one silo's share before it trains. */
export interface SiloShare {
  readonly silo: string;
  readonly estimate: RelationEstimate;
  /** Work of the silo's feature query. */
  readonly query: PerUnit;
  readonly profile: SiteProfile;
  readonly statement: readonly string[];
  /** Trains behind its agent, with a backend of the agent's choice. */
  readonly behindAgent: boolean;
  /** Why rows may not be brought to the mediator; absent where they may. */
  readonly rowsRefused?: string;
}

/** The size of the network, as the training operator counts it. */
export interface Network {
  readonly weights: number;
  readonly flopsPerWindow: number;
}

/** What trains in this process. */
export interface LocalBackend {
  readonly backend: string;
  readonly threads: number;
  /** Floating point operations per second, measured. */
  readonly flopsPerSecond: number;
}

export interface SiloTrainingPlan {
  readonly silo: string;
  readonly windows: number;
  readonly chosen: TrainingPrice;
  readonly rejected: readonly (TrainingPrice & { readonly reason: string })[];
}

/** Prices training in place against bringing the rows; rows stay where they are unless nothing else can train. */
export function priceTraining(
  plan: Train,
  network: Network,
  share: SiloShare,
  mediator: SiteProfile,
): SiloTrainingPlan {
  const { rows } = share.estimate;
  const entities = plan.entity === undefined ? 1 : (share.estimate.columns.get(plan.entity.id)?.distinct ?? 1);
  const { window, horizon, stride } = plan.sequence;
  // Too many entities for so few rows: their number is a guess, and every second row may begin a window.
  const windows = Math.max(rows / 2, rows - entities * (window + horizon - 1)) / stride;
  const training: SiloTraining = {
    silo: share.silo,
    windows,
    rows,
    rowBytes: rowWidth(share.estimate),
    flops: { agent: share.profile.flops, mediator: mediator.flops },
    secondsPerByte: share.profile.seconds.bytes,
    roundTrip: share.profile.seconds.startup,
    readSeconds: secondsFor(share.query, share.profile.seconds),
    moneyPerByte: share.profile.moneyPerByte,
  };
  const prices = trainingPrices(training, {
    ...network,
    rounds: plan.federation.rounds,
    epochs: plan.local.epochs,
    compression: 'none',
  });
  const chosen = prices.find(({ site }) => site === 'agent')!;
  const rejected = prices
    .filter((price) => price !== chosen)
    .map((price) => ({ ...price, reason: share.rowsRefused ?? reasonAgainst(price, chosen) }));
  return { silo: share.silo, windows, chosen, rejected };
}

function reasonAgainst(price: TrainingPrice, chosen: TrainingPrice): string {
  const factor = price.seconds / chosen.seconds;
  if (factor > 1.05) return `${factor.toFixed(1)} times the time`;
  return 'no slower, but rows would leave';
}

/** The statement as text, at most 100 columns wide. */
export function trainText(
  plan: Train,
  { weights, flopsPerWindow }: Network,
  strategy: string,
  local: LocalBackend,
  shares: readonly { readonly share: SiloShare; readonly plan: SiloTrainingPlan }[],
): readonly string[] {
  const { rounds, weightBy } = plan.federation;
  const seconds = Math.max(0, ...shares.map((each) => each.plan.chosen.seconds));
  const bytes = shares.reduce((sum, each) => sum + each.plan.chosen.bytes, 0);
  return [
    `TRAIN MODEL ${plan.model}: ${plan.spec.layers} × ${plan.spec.cell}, ${plan.spec.hidden} units, ${weights.toLocaleString('en-US')} weights`,
    `  windows of ${plan.sequence.window} rows, ${plan.sequence.horizon} ahead; ${(flopsPerWindow / 1e6).toFixed(2)} MFLOP each per epoch`,
    `  aggregate at ${MEDIATOR}: ${strategy}, ${rounds} rounds, weighted by ${weightBy}`,
    `  by ${local.backend} on this machine, ${threadsText(local.threads)} per silo, measured ${rateText(local.flopsPerSecond)}`,
    ...shares.flatMap(({ share, plan: own }) => siloLines(share, own)),
    '',
    `Estimated ${timeText(seconds)} · ${bytesText(bytes)} of updates over borders, no rows`,
  ];
}

const threadsText = (threads: number): string => `${threads} thread${threads === 1 ? '' : 's'}`;

function siloLines(
  { behindAgent, silo, estimate, statement }: SiloShare,
  { windows, chosen, rejected }: SiloTrainingPlan,
): readonly string[] {
  return [
    '',
    ...filled(
      `Train in ${silo}: ${rowsText(estimate.rows)}, ${Math.round(windows).toLocaleString('en-US')} windows · ${timeText(chosen.seconds)} · ${bytesText(chosen.bytes)} of ${chosen.bytesKind} out`,
      WIDTH,
    ),
    ...(behindAgent ? ['  behind its agent, with the backend found there'] : []),
    ...statement.map((line) => `    ${line}`),
    ...rejected.flatMap((price) => {
      const text = `rejected: rows to the ${price.site} · ${timeText(price.seconds)} · ${bytesText(price.bytes)} of rows out · ${price.reason}`;
      return filled(text, WIDTH - 2).map((line) => `  ${line}`);
    }),
  ];
}
