/** `SET causeway.max_money`: a statement that would cost more at the silos that bill is refused before it runs. */
import type { Fragment } from '../../optimizer/physical.ts';
import { MEDIATOR } from '../../optimizer/physical.ts';
import type { PlannedStatement } from '../../optimizer/plan-statement.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import type { Engine } from './engine.ts';
import type { Settings } from './settings.ts';

interface BudgetContext {
  readonly engine: Engine;
  readonly settings: Settings;
  readonly signal: AbortSignal;
}

/** The estimated price of one silo's part, and where it is from. */
interface SiloPrice {
  readonly silo: string;
  readonly money: number;
  readonly from: string;
}

/**
 * Sums up what the fragments would cost: by the silo's own estimate (a dry run) where it gives one, else by its price and the
 * seconds and bytes of the cost model. Without a budget nothing is asked.
 * @throws CausewayError 53400 with the estimate when it is above the budget; 22023 for a silo that bills and has no price
 */
export async function requireBudget({ physical, cost }: PlannedStatement, context: BudgetContext): Promise<void> {
  const limit = budgetOf(context.settings);
  if (limit === undefined) return;
  const prices = await Promise.all(
    physical.fragments
      .filter(({ site }) => site !== MEDIATOR)
      .map((fragment) => {
        const expected = cost.fragments.find((each) => each.fragment === fragment.id);
        return fragmentPrice(fragment, expected?.money ?? 0, expected?.seconds ?? 0, context);
      }),
  );
  requireWithin(limit, prices);
}

/**
 * The same for a sum that was estimated elsewhere: a training.
 * @throws CausewayError as {@link requireBudget}
 */
export async function requireTrainingBudget(
  silos: readonly { readonly silo: string; readonly money: number }[],
  context: BudgetContext,
): Promise<void> {
  const limit = budgetOf(context.settings);
  if (limit === undefined) return;
  for (const { silo } of silos) await requirePrice(silo, context.engine);
  requireWithin(
    limit,
    silos.map((each) => ({ ...each, from: 'reading and training' })),
  );
}

export const budgetOf = (settings: Settings): number | undefined => {
  const value = settings.own('causeway.max_money');
  return value === 'off' ? undefined : Number(value);
};

async function fragmentPrice(
  { site, request }: Fragment,
  money: number,
  seconds: number,
  { engine, signal }: BudgetContext,
): Promise<SiloPrice> {
  const { silo } = await engine.silos.open(site);
  const dryRun = request.kind === 'sql' ? await silo.estimate?.(request.text, signal) : undefined;
  if (dryRun !== undefined) return { silo: site, money: dryRun.money, from: dryRun.basis };
  await requirePrice(site, engine);
  return { silo: site, money, from: `about ${seconds.toPrecision(2)} s by the cost model` };
}

async function requirePrice(name: string, engine: Engine): Promise<void> {
  const { connector } = await engine.silos.open(name);
  const { moneyPerByte, moneyPerSecond } = engine.planner.model.profile(name);
  if (connector.capabilities.bills !== true || moneyPerByte + moneyPerSecond > 0) return;
  throw new CausewayError(
    SQLSTATE.invalidParameterValue,
    `causeway.max_money cannot be kept: the silo "${name}" bills, and nobody said what it costs`,
    { silo: name, hint: `ALTER SILO ${name} SET (price_per_hour => …), or SET causeway.max_money = off.` },
  );
}

function requireWithin(limit: number, prices: readonly SiloPrice[]): void {
  const total = prices.reduce((sum, { money }) => sum + money, 0);
  if (total <= limit) return;
  const parts = prices
    .filter(({ money }) => money > 0)
    .map(({ silo, money, from }) => `${silo}: ${amount(money)} (${from})`);
  throw new CausewayError(
    SQLSTATE.configurationLimitExceeded,
    `the statement would cost about ${amount(total)}, and causeway.max_money allows ${amount(limit)}`,
    {
      detail: parts.join('; '),
      hint: 'Read less of the dear tables (EXPLAIN shows which), or raise causeway.max_money.',
    },
  );
}

const amount = (money: number): string => (money >= 100 ? money.toFixed(0) : money.toPrecision(2));
