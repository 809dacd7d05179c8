/** What is spent of every table's budget of privacy, wherever the account is kept: here, or by the agent of its silo. */
import type { PrivacyBalance } from '../../../operators/aggregate/privacy/ledger.ts';
import type { Engine } from '../engine.ts';

/** A silo behind an agent, which keeps the accounts of its tables itself. */
export interface KeepsAccounts {
  /** A budget of null has no end: JSON has no infinity. */
  accounts(signal: AbortSignal): Promise<readonly AgentAccount[]>;
}

export type AgentAccount = Omit<PrivacyBalance, 'epsilon'> & { readonly epsilon: number | null };

const keepsAccounts = (silo: object): silo is KeepsAccounts => 'accounts' in silo;

/** One line of `causeway.privacy_ledger`; without an account where an agent did not tell its own. */
export interface Account {
  readonly keeper: 'coordinator' | 'agent' | 'agent, which does not answer';
  readonly silo: string;
  readonly account?: AgentAccount;
}

/** An agent that is away would keep a table's reader waiting. */
const PATIENCE_MS = 3000;

export async function privacyAccounts(
  { catalog, privacyLedger, silos }: Pick<Engine, 'catalog' | 'privacyLedger' | 'silos'>,
  signal: AbortSignal,
): Promise<Account[]> {
  const here = privacyLedger.list().map((account): Account => {
    const { epsilon, table } = account;
    const silo = table.slice(0, table.indexOf('.'));
    return { keeper: 'coordinator', silo, account: { ...account, epsilon: Number.isFinite(epsilon) ? epsilon : null } };
  });
  const ask = async (name: string): Promise<Account[]> => {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    const late = new Promise<never>((_, reject) => {
      patience.addEventListener('abort', () => reject(patience.reason), { once: true });
    });
    const told = async (): Promise<Account[]> => {
      const { silo } = await silos.open(name);
      if (!keepsAccounts(silo)) return [];
      return (await silo.accounts(patience)).map((account) => ({ keeper: 'agent', silo: name, account }));
    };
    return Promise.race([told(), late]).catch(() => [{ keeper: 'agent, which does not answer', silo: name }]);
  };
  const behindAgents = catalog.silos.list().filter(({ kind }) => kind === 'agent');
  const theirs = await Promise.all(behindAgents.map(({ name }) => ask(name)));
  signal.throwIfAborted();
  return [...here, ...theirs.flat()];
}
