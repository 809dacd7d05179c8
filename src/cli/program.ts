/** The `causeway` command's subcommands. One file per subcommand in commands/. */
import { Command } from 'commander';
import { agentCommand } from './commands/agent.ts';
import { auditCommand } from './commands/audit.ts';
import { demoCommand } from './commands/demo.ts';
import { serveCommand } from './commands/serve.ts';
import { siloCommand } from './commands/silo.ts';
import { sqlCommand } from './commands/sql.ts';

const program = new Command('causeway')
  .description('A federated query engine whose SQL can also train.')
  .version('0.1.0')
  .showHelpAfterError()
  .showSuggestionAfterError();
sqlCommand(program);
demoCommand(program);
serveCommand(program);
agentCommand(program);
siloCommand(program);
auditCommand(program);
await program.parseAsync();
