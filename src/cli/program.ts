/** The `causeway` command's subcommands. One file per subcommand in commands/. */
import { Command, CommanderError } from 'commander';
import { agentCommand } from './commands/agent.ts';
import { auditCommand } from './commands/audit.ts';
import { demoCommand } from './commands/demo.ts';
import { serveCommand } from './commands/serve.ts';
import { siloCommand } from './commands/silo.ts';
import { sqlCommand } from './commands/sql.ts';

const program = new Command('causeway')
  .description('A federated query engine whose SQL can also train.')
  .version('0.1.0')
  // process.exit while native libraries are still loading can hang; the process ends by itself instead.
  .exitOverride()
  .showHelpAfterError()
  .showSuggestionAfterError();
sqlCommand(program);
demoCommand(program);
serveCommand(program);
agentCommand(program);
siloCommand(program);
auditCommand(program);
try {
  await program.parseAsync();
} catch (thrown) {
  // What was wrong with the command line is on stderr already.
  if (!(thrown instanceof CommanderError)) throw thrown;
  process.exitCode = thrown.exitCode;
}
