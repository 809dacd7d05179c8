/** `causeway silo`: which agents may connect. */
import type { Command } from 'commander';
import { type AgentOffice, openOffice } from '../../agent/coordinator.ts';
import { describeError } from '../report-error.ts';

interface SiloOptions {
  readonly dir: string;
}

export function siloCommand(program: Command): void {
  const silo = program.command('silo').description('enrol and revoke the agents of silos');
  const add = (name: string, description: string) =>
    silo.command(name).description(description).option('--dir <dir>', 'the catalog directory', '.causeway');
  add('enroll <name>', 'print a one-time code with which the silo’s agent enrols within 24 hours').action(
    (name: string, options: SiloOptions) =>
      inOffice(options, ({ registry }) => process.stdout.write(`${registry.newCode(name)}\n`)),
  );
  add('revoke <name>', 'revoke every certificate of the silo’s agent').action((name: string, options: SiloOptions) =>
    inOffice(options, ({ registry }) => {
      const revoked = registry.revoke(name);
      process.stdout.write(`${revoked} certificate${revoked === 1 ? '' : 's'} of ${name} revoked\n`);
    }),
  );
  add('list', 'list issued certificates').action((options: SiloOptions) =>
    inOffice(options, ({ registry }) => {
      for (const { enrolledAt, revokedAt, serial, silo: name } of registry.list()) {
        process.stdout.write(
          `${name}  ${serial}  ${enrolledAt}${revokedAt === null ? '' : `  revoked ${revokedAt}`}\n`,
        );
      }
    }),
  );
}

async function inOffice({ dir }: SiloOptions, work: (office: AgentOffice) => void): Promise<void> {
  try {
    using office = await openOffice(dir);
    work(office);
  } catch (thrown) {
    process.stderr.write(`${describeError(thrown)}\n`);
    process.exitCode = 1;
  }
}
