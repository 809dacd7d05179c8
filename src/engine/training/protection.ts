/** What stood between a model and its silos' rows when it was trained: policies, noise, and what is spent of budgets of privacy. */
import { privacyCost } from '../../../operators/aggregate/privacy/accountant.ts';
import type { PrivacyBalance } from '../../../operators/aggregate/privacy/ledger.ts';
import type { Mechanism } from '../../../operators/aggregate/privacy/rdp.ts';
import { siloPlans } from '../../../optimizer/fragments/silo-plans.ts';
import { type PolicyBook, TO_MEDIATOR } from '../../../optimizer/policy/book.ts';
import { messageOf, throwIfAborted } from '../../plan/errors.ts';
import type { RelationalNode } from '../../plan/nodes.ts';
import { policyText } from '../../plan/policy.ts';
import type { PrivacySpec, Train } from '../../plan/training.ts';
import { nodesOf } from '../../plan/traverse.ts';
import type { Engine } from '../engine.ts';
import type { Notice } from '../result.ts';
import { LEDGER_DELTA, mechanismOf } from './charge-privacy.ts';
import type { Trainers } from './open-trainers.ts';
import type { SiloTrainer } from './silo-trainer.ts';

export interface Protection {
  /** The statement's PRIVACY clause. */
  readonly privacy?: PrivacySpec;
  readonly silos: readonly SiloProtection[];
}

export interface SiloProtection {
  readonly silo: string;
  /** In force on its tables, here and at its agent, as the statements that make them; none where everything may leave. */
  readonly policies: readonly string[];
  /** What this training cost whom the PRIVACY clause protects: q of the rows in each of `steps` steps, with noise z × the clip. */
  readonly spent?: { readonly epsilon: number; readonly delta: number; readonly mechanism: Mechanism };
  /** Its tables' accounts after this training; a budget of null has no end. */
  readonly ledger: readonly SiloAccount[];
}

interface SiloAccount extends Pick<PrivacyBalance, 'delta' | 'spent' | 'table' | 'unit'> {
  readonly budget: number | null;
}

/** An agent that does not answer any more leaves its part out, with a notice: the model is trained. */
export async function protectionOf(
  { privacyLedger }: Pick<Engine, 'privacyLedger'>,
  train: Train,
  { all, silos }: Trainers<SiloTrainer>,
  book: PolicyBook,
  signal: AbortSignal,
  onNotice: (notice: Notice) => void,
): Promise<Protection> {
  const plans = siloPlans(train.source);
  const { privacy } = train;
  const found = await Promise.all(
    all.map(async (trainer, i): Promise<SiloProtection> => {
      const silo = silos[i]!;
      const plan = plans.get(silo);
      const terms = await trainer.terms?.(signal).catch((thrown: unknown) => {
        throwIfAborted(signal);
        const message = `the model's card will not tell the policies of silo "${silo}": ${messageOf(thrown)}`;
        onNotice({ severity: 'WARNING', message });
        return undefined;
      });
      const mechanism = mechanismOf(train, trainer);
      const tables = plan === undefined ? new Set<string>() : tablesOf(plan);
      const own = privacyLedger.list().filter(({ table, unit }) => tables.has(table) && unit === privacy?.unit);
      return {
        silo,
        policies: [...new Set([...(plan === undefined ? [] : policiesAbout(plan, book)), ...(terms?.policies ?? [])])],
        ...(mechanism === undefined ? {} : { spent: costOf(mechanism, privacy?.delta) }),
        ledger: [...own, ...(terms?.ledger ?? [])].map(accountOf),
      };
    }),
  );
  return { ...(privacy === undefined ? {} : { privacy }), silos: found };
}

/** The policies that let something of the plan's tables leave for the mediator, as the statements that make them. */
export function policiesAbout(plan: RelationalNode, book: PolicyBook): string[] {
  const scans = [...nodesOf(plan)].filter((each) => each.kind === 'scan');
  return [...new Set(scans.flatMap((scan) => book.on(scan, TO_MEDIATOR).map(policyText)))];
}

/** Tables of a plan, as the privacy ledger names them. */
export const tablesOf = (plan: RelationalNode): ReadonlySet<string> =>
  new Set([...nodesOf(plan)].flatMap((each) => (each.kind === 'scan' ? [`${each.silo}.${each.table}`] : [])));

const costOf = (mechanism: Mechanism, delta = LEDGER_DELTA) => ({
  epsilon: privacyCost([mechanism], delta).epsilon,
  delta,
  mechanism,
});

const accountOf = ({ delta, epsilon, spent, table, unit }: PrivacyBalance): SiloAccount => ({
  ...{ table, unit, delta, spent },
  // JSON has no infinity: it comes from an agent as null.
  budget: Number.isFinite(epsilon) ? epsilon : null,
});
