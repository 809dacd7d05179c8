/** `causeway audit verify`: does a ledger hold, do both ends agree, and did these bytes leave? */
import { existsSync, readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { openOffice } from '../../agent/coordinator.ts';
import { auditLedger, EgressLedger, type LedgerLine } from '../../agent/egress-ledger.ts';
import { loadIdentity } from '../../agent/identity.ts';
import { sha256 } from '../../agent/payload-store.ts';
import { agentState } from '../../agent/run-agent.ts';
import { openState } from '../../agent/state-file.ts';
import { describeError } from '../report-error.ts';

interface AuditOptions {
  readonly agent: string;
  readonly dir?: string;
  readonly file?: string;
}

const folder = (path: string): string => {
  if (existsSync(agentState(path))) return path;
  throw new InvalidArgumentError('It holds no agent’s ledger.');
};

export function auditCommand(program: Command): void {
  program
    .command('audit')
    .description('check what has left a silo')
    .command('verify')
    .description('check an agent’s egress ledger: its chain, its receipts, the coordinator’s copy')
    .requiredOption('--agent <dir>', 'the agent’s directory', folder)
    .option('--dir <dir>', 'the coordinator’s catalog directory, to compare both ledgers')
    .option('--file <file>', 'say whether exactly these bytes have left')
    .action(verify);
}

async function verify({ agent, dir, file }: AuditOptions): Promise<void> {
  try {
    const identity = loadIdentity(agent);
    const db = openState(agentState(agent));
    const lines = new EgressLedger(db).lines();
    db.close();
    const copy = dir === undefined || identity === undefined ? undefined : await coordinatorCopy(dir, identity.silo);
    const { acknowledged, bytes, faults, lines: count } = auditLedger(lines, identity?.signingKey, copy);
    process.stdout.write(`${count} lines, ${bytes} bytes, ${acknowledged} lines with a receipt of the coordinator\n`);
    if (copy !== undefined) process.stdout.write(`the coordinator's copy has ${copy.length} lines\n`);
    for (const fault of faults) process.stdout.write(`FAULT: ${fault}\n`);
    process.stdout.write(faults.length === 0 ? 'the ledger holds\n' : `${faults.length} faults\n`);
    if (faults.length > 0) process.exitCode = 1;
    if (file !== undefined) tellWhether(file, lines);
  } catch (thrown) {
    process.stderr.write(`${describeError(thrown)}\n`);
    process.exitCode = 1;
  }
}

async function coordinatorCopy(dir: string, silo: string): Promise<LedgerLine[]> {
  using office = await openOffice(dir);
  return office.ledger.lines(silo);
}

function tellWhether(file: string, lines: readonly LedgerLine[]): void {
  const digest = sha256(readFileSync(file));
  const found = lines.filter(({ digests }) => digests.includes(digest));
  if (found.length === 0) process.stdout.write(`${file} (SHA-256 ${digest}) has not left\n`);
  for (const { kind, purpose, sequence, time } of found) {
    process.stdout.write(
      `${file} left at ${new Date(time).toISOString()} as ${kind} for ${purpose} (line ${sequence})\n`,
    );
  }
}
