/** The strategies `FEDERATE` can name. */
import { CausewayError, SQLSTATE } from '../../src/plan/errors.ts';
import { didYouMean } from '../../src/plan/nearest.ts';
import { bulyan } from './strategies/bulyan.ts';
import { fedadagrad } from './strategies/fedadagrad.ts';
import { fedadam } from './strategies/fedadam.ts';
import { fedavg } from './strategies/fedavg.ts';
import { fedavgm } from './strategies/fedavgm.ts';
import { fedbuff } from './strategies/fedbuff.ts';
import { fedprox } from './strategies/fedprox.ts';
import { fedyogi } from './strategies/fedyogi.ts';
import { krum } from './strategies/krum.ts';
import { median } from './strategies/median.ts';
import { multiKrum } from './strategies/multi-krum.ts';
import { qfedavg } from './strategies/qfedavg.ts';
import { scaffold } from './strategies/scaffold.ts';
import { trimmedMean } from './strategies/trimmed-mean.ts';
import type { Strategy } from './strategy.ts';

export const STRATEGIES: readonly Strategy[] = Object.freeze([
  fedavg,
  fedavgm,
  fedprox,
  fedadam,
  fedyogi,
  fedadagrad,
  scaffold,
  qfedavg,
  median,
  trimmedMean,
  krum,
  multiKrum,
  bulyan,
  fedbuff,
]);

/** The strategy of that name (case aside). @throws CausewayError 42704 naming the nearest known one. */
export function strategyNamed(name: string): Strategy {
  const wanted = name.toLowerCase();
  const found = STRATEGIES.find((strategy) => strategy.name === wanted);
  if (found !== undefined) return found;
  const names = STRATEGIES.map((strategy) => strategy.name);
  const hint = didYouMean(wanted, names);
  throw new CausewayError(
    SQLSTATE.undefinedObject,
    `there is no aggregation strategy "${name}"`,
    hint === undefined ? {} : { hint },
  );
}
