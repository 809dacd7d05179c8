/** `causeway sql`: statements from -c, from a file, from a pipe, or typed at a prompt. */
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { FORMAT_NAMES, type FormatName } from '../format/formatter.ts';
import { interruptSignal } from '../interrupt.ts';
import { openEngine } from '../open-engine.ts';
import { prompt } from '../prompt.ts';
import { describeError } from '../report-error.ts';
import { runScript } from '../run-script.ts';

interface SqlOptions {
  readonly command?: readonly string[];
  readonly file?: readonly string[];
  readonly dir: string;
  readonly format: FormatName;
  readonly agentPort?: number;
}

export function sqlCommand(program: Command): void {
  const collect = (value: string, before: string[] = []): string[] => [...before, value];
  program
    .command('sql')
    .description('run SQL: -c, -f, a pipe, or a prompt')
    .option('-c, --command <sql>', 'run these statements; may be given more than once', collect)
    .option('-f, --file <file>', 'run the statements of a file; may be given more than once', collect)
    .option('--dir <dir>', 'the catalog directory', '.causeway')
    .option('--agent-port <port>', 'await the agents of silos on this port while the statements run', Number)
    .addOption(new Option('--format <format>', 'how results are printed').choices(FORMAT_NAMES).default('table'))
    .action(run);
}

async function run(options: SqlOptions): Promise<void> {
  const scripts = [...(options.file ?? []).map(readScript), ...(options.command ?? [])];
  try {
    await using open = await openEngine({ directory: options.dir }, options.agentPort);
    await using session = open.engine.openSession();
    if (scripts.length === 0 && process.stdin.isTTY) return await prompt(session, options.dir, options.format);
    if (scripts.length === 0) scripts.push(readFileSync(0, 'utf8'));
    const { signal } = interruptSignal();
    for (const script of scripts) {
      if (await runScript(session, script, options.format, signal)) continue;
      process.exitCode = 1;
      return;
    }
  } catch (thrown) {
    process.stderr.write(`${describeError(thrown)}\n`);
    process.exitCode = 1;
  }
}

function readScript(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (thrown) {
    process.stderr.write(`ERROR: the file ${path} cannot be read: ${(thrown as Error).message}\n`);
    process.exit(1);
  }
}
