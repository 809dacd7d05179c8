/** `SET causeway.max_money`: a statement that would cost more at the silos that bill is refused before it runs. */
import type { StatementEstimate } from '../../connectors/connector.ts';
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
 * The same for one statement of a silo's own.
 * @param modelled what the cost model says
 * @returns its price, where that is known
 * @throws CausewayError as {@link requireBudget}
 */
export async function requireStatementBudget(
  silo: string,
  text: string,
  modelled: { readonly money: number; readonly seconds: number },
  context: BudgetContext,
): Promise<{ readonly money: number; readonly from: string }> {
  const own = await dryRun(silo, text, context);
  const price =
    own === undefined
      ? { money: modelled.money, from: `about ${modelled.seconds.toPrecision(2)} s by the cost model` }
      : { money: own.money, from: own.basis };
  const limit = budgetOf(context.settings);
  if (limit === undefined) return price;
  if (own === undefined) await requirePrice(silo, context.engine);
  requireWithin(limit, [{ silo, ...price }]);
  return price;
}

/** A silo's share of a training: what it would cost by the cost model, and the statements that read its rows. */
interface TrainingShare {
  readonly silo: string;
  readonly money: number;
  readonly statements: readonly string[];
}

/**
 * The same for a training: what its silos' own estimates of reading say, or the sum of the cost model.
 * @throws CausewayError as {@link requireBudget}
 */
export async function requireTrainingBudget(shares: readonly TrainingShare[], context: BudgetContext): Promise<void> {
  const limit = budgetOf(context.settings);
  if (limit === undefined) return;
  const prices = await Promise.all(
    shares.map(async ({ silo, money, statements }): Promise<SiloPrice> => {
      const runs = await Promise.all(statements.map((text) => dryRun(silo, text, context)));
      const known = runs.filter((run) => run !== undefined);
      if (known.length === 0 || known.length < runs.length) {
        await requirePrice(silo, context.engine);
        return { silo, money, from: 'reading and training' };
      }
      const read = known.reduce((sum, run) => sum + run.money, 0);
      return { silo, money: money + read, from: known.map(({ basis }) => basis).join(', ') };
    }),
  );
  requireWithin(limit, prices);
}

/** What the silos say themselves of the statements they would be asked, by fragment: EXPLAIN shows it. */
export async function dryRuns(
  { fragments }: PlannedStatement['physical'],
  context: Pick<BudgetContext, 'engine' | 'signal'>,
): Promise<ReadonlyMap<number, StatementEstimate>> {
  const found = await Promise.all(
    fragments.map(async ({ id, site, request }) => {
      if (site === MEDIATOR || request.kind !== 'sql') return [];
      const estimate = await dryRun(site, request.text, context);
      return estimate === undefined ? [] : [[id, estimate] as const];
    }),
  );
  return new Map(found.flat());
}

async function dryRun(
  name: string,
  text: string,
  { engine, signal }: Pick<BudgetContext, 'engine' | 'signal'>,
): Promise<StatementEstimate | undefined> {
  return (await engine.silos.open(name)).silo.estimate?.(text, signal);
}

export const budgetOf = (settings: Settings): number | undefined => {
  const value = settings.own('causeway.max_money');
  return value === 'off' ? undefined : Number(value);
};

async function fragmentPrice(
  { site, request }: Fragment,
  money: number,
  seconds: number,
  context: BudgetContext,
): Promise<SiloPrice> {
  const own = request.kind === 'sql' ? await dryRun(site, request.text, context) : undefined;
  // What the owner asks for seconds and bytes (ALTER SILO) comes on top.
  if (own !== undefined) return { silo: site, money: own.money + money, from: own.basis };
  await requirePrice(site, context.engine);
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

export const amount = (money: number): string => (money >= 100 ? money.toFixed(0) : money.toPrecision(2));
