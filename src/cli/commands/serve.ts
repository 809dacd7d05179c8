/** `causeway serve`: the coordinator as a server — a PostgreSQL endpoint, and HTTP beside it. */
import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { catalogUsers } from '../../endpoint/auth/catalog-users.ts';
import { EngineBackend } from '../../endpoint/engine-backend.ts';
import { Endpoint } from '../../endpoint/server.ts';
import { interruptSignal } from '../interrupt.ts';
import { openEngine } from '../open-engine.ts';
import { describeError } from '../report-error.ts';

interface ServeOptions {
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly maxConnections?: number;
  readonly memoryLimit?: string;
  readonly agentPort?: number;
  readonly agentHost: string;
}

export function serveCommand(program: Command): void {
  program
    .command('serve')
    .description('answer PostgreSQL clients: psql, JDBC, ODBC, BI tools')
    .option('--dir <dir>', 'the catalog directory', '.causeway')
    .option('--host <address>', 'where to listen; beyond this machine users and TLS are required', '127.0.0.1')
    .option('--port <port>', 'the port of the PostgreSQL protocol', port, 5433)
    .option('--tls-cert <file>', 'certificate chain, PEM')
    .option('--tls-key <file>', 'its private key, PEM')
    .option('--max-connections <n>', 'connections at once', wholeNumber)
    .option('--memory-limit <amount>', 'memory of the mediator, all statements together, like 2GB')
    .option('--agent-port <port>', 'await the agents of silos on this port', port)
    .option('--agent-host <address>', 'where agents are awaited; certificates are required at both ends', '0.0.0.0')
    .action(run);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a whole number above 0.');
}

function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value < 65_536) return value;
  throw new InvalidArgumentError('It must be a port number.');
}

async function run(options: ServeOptions): Promise<void> {
  const { agentHost, agentPort, dir, host, memoryLimit, maxConnections, tlsCert, tlsKey } = options;
  try {
    const limits = memoryLimit === undefined ? {} : { memoryLimit };
    await using open = await openEngine({ directory: dir, ...limits }, agentPort, agentHost);
    const { agents, engine } = open;
    await using endpoint = await Endpoint.listen({
      backend: new EngineBackend(engine),
      users: catalogUsers(engine.catalog.roles),
      host,
      port: options.port,
      ...(tlsCert === undefined || tlsKey === undefined
        ? {}
        : { tls: { certificate: readFileSync(tlsCert, 'utf8'), key: readFileSync(tlsKey, 'utf8') } }),
      limits: maxConnections === undefined ? {} : { connections: maxConnections },
      onDefect: (error) => process.stderr.write(`${describeError(error)}\n`),
    });
    process.stdout.write(
      `Listening on ${host}:${endpoint.port}, database "causeway": psql -h ${host} -p ${endpoint.port} causeway\n`,
    );
    if (agents !== undefined) process.stdout.write(`Awaiting agents on ${agentHost}:${agents.port}\n`);
    if (!engine.catalog.roles.list().some(({ login }) => login)) {
      process.stdout.write(
        'There are no users yet: anybody on this machine may connect, under any name, without a password. ' +
          "CREATE USER name PASSWORD '…' SUPERUSER changes that.\n",
      );
    }
    const { signal } = interruptSignal();
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  } catch (thrown) {
    process.stderr.write(`${describeError(thrown)}\n`);
    process.exitCode = 1;
  }
}
