#!/usr/bin/env node
/** The `causeway` command. One file per subcommand in commands/. */

// Read once by libuv, at its first use: running queries must not starve the file system (docs/design.md, mediator).
process.env.UV_THREADPOOL_SIZE ??= '16';

import { Command } from 'commander';
import { demoCommand } from './commands/demo.ts';
import { sqlCommand } from './commands/sql.ts';

const program = new Command('causeway')
  .description('A federated query engine whose SQL can also train.')
  .version('0.1.0')
  .showHelpAfterError()
  .showSuggestionAfterError();
sqlCommand(program);
demoCommand(program);
await program.parseAsync();
