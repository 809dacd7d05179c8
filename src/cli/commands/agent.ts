/** `causeway agent`: the process beside a silo. `causeway agent approvals`: what its owner is asked to approve. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import pino from 'pino';
import { readConfig } from '../../agent/config.ts';
import { JobBook } from '../../agent/job.ts';
import { agentManifest, PLATFORMS } from '../../agent/manifests/platforms.ts';
import { agentState, runAgent } from '../../agent/run-agent.ts';
import { openState } from '../../agent/state-file.ts';
import { interruptSignal } from '../interrupt.ts';
import { describeError } from '../report-error.ts';

interface AgentOptions {
  readonly config: string;
  readonly code?: string;
  readonly codeFile?: string;
}

interface ApprovalOptions {
  readonly approve?: string;
  readonly deny?: string;
}

export function agentCommand(program: Command): void {
  const agent = program
    .command('agent')
    .description('stand beside a silo: dial out to the coordinator, run its jobs under the owner’s policy')
    .option('--config <file>', 'the agent’s configuration', 'agent.yaml')
    .option('--code <code>', 'the one-time code of causeway silo enroll, at the first start')
    .option('--code-file <file>', 'a file with that code: a secret that a container is given')
    .action(run);
  agent
    .command('manifest')
    .description('print what a platform needs to run this agent inside its border, with the least rights')
    .requiredOption('--for <platform>', `one of ${PLATFORMS.join(', ')}`)
    .option('--image <image>', 'the container image with the causeway command', 'REGISTRY/causeway:VERSION')
    .action((options: ManifestOptions) => manifest(agent.opts<AgentOptions>(), options));
  agent
    .command('approvals')
    .description('list the plans that were asked for; approve or deny one by the beginning of its hash')
    .option('--approve <hash>', 'let jobs of this plan run')
    .option('--deny <hash>', 'refuse jobs of this plan')
    .action((options: ApprovalOptions) => approvals(agent.opts<AgentOptions>(), options));
}

interface ManifestOptions {
  readonly for: string;
  readonly image: string;
}

async function manifest({ config }: AgentOptions, { for: platform, image }: ManifestOptions): Promise<void> {
  try {
    process.stdout.write(await agentManifest(platform, readConfig(config), image));
  } catch (thrown) {
    process.stderr.write(`${describeError(thrown)}\n`);
    process.exitCode = 1;
  }
}

async function run({ codeFile, config, ...given }: AgentOptions, command: Command): Promise<void> {
  const log = pino({ name: 'causeway agent' });
  try {
    const code = given.code ?? (codeFile === undefined ? undefined : readFileSync(codeFile, 'utf8').trim());
    const { signal } = interruptSignal();
    const version = command.parent?.version() ?? '';
    await runAgent(
      readConfig(config),
      { version, log: (event, details) => log.info(details ?? {}, event), ...(code === undefined ? {} : { code }) },
      signal,
    );
  } catch (thrown) {
    process.stderr.write(`${describeError(thrown)}\n`);
    process.exitCode = 1;
  }
}

function approvals({ config }: AgentOptions, { approve, deny }: ApprovalOptions): void {
  try {
    const db = openState(agentState(readConfig(config).directory));
    const jobs = new JobBook(db);
    for (const [hash, state] of [[approve, 'approved'] as const, [deny, 'denied'] as const]) {
      if (hash === undefined || jobs.decide(hash, state)) continue;
      process.stderr.write(`ERROR: there is not exactly one plan whose hash begins with ${hash}\n`);
      process.exitCode = 1;
    }
    for (const { at, hash, state, statement } of jobs.approvals()) {
      process.stdout.write(`${hash.slice(0, 12)}  ${state.padEnd(8)}  ${at}  ${statement.replace(/\s+/g, ' ')}\n`);
    }
    db.close();
  } catch (thrown) {
    process.stderr.write(`${describeError(thrown)}\n`);
    process.exitCode = 1;
  }
}
