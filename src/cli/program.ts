/** The `causeway` command's subcommands. One file per subcommand in commands/. */
import { Command } from 'commander';
import { demoCommand } from './commands/demo.ts';
import { serveCommand } from './commands/serve.ts';
import { sqlCommand } from './commands/sql.ts';

const program = new Command('causeway')
  .description('A federated query engine whose SQL can also train.')
  .version('0.1.0')
  .showHelpAfterError()
  .showSuggestionAfterError();
sqlCommand(program);
demoCommand(program);
serveCommand(program);
await program.parseAsync();
