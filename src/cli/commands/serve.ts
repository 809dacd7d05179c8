/** `causeway serve`: the coordinator as a server — a PostgreSQL endpoint, and HTTP beside it. */
import { randomBytes } from 'node:crypto';
import { readFileSync, watchFile } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import pino from 'pino';
import { catalogUsers } from '../../endpoint/auth/catalog-users.ts';
import { LoginThrottle } from '../../endpoint/auth/throttle.ts';
import { EngineBackend } from '../../endpoint/engine-backend.ts';
import { listenHttp } from '../../endpoint/http/listen.ts';
import { createMetrics } from '../../endpoint/http/metrics.ts';
import { Tokens } from '../../endpoint/http/tokens.ts';
import { serverLog } from '../../endpoint/log.ts';
import { auditEntry, type Observe, withoutSecrets } from '../../endpoint/observer.ts';
import { Endpoint } from '../../endpoint/server.ts';
import { resumeInterrupted } from '../../engine/training/resume-jobs.ts';
import { interruptSignal } from '../interrupt.ts';
import { openEngine } from '../open-engine.ts';
import { describeError } from '../report-error.ts';

/** Certificates are renewed by writing new files, the key first. */
const LOOK_AT_CERTIFICATE_MS = 10_000;

interface ServeOptions {
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  readonly httpPort?: number;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly maxConnections?: number;
  readonly memoryLimit?: string;
  readonly agentPort?: number;
  readonly agentHost: string;
  readonly jobsPerSilo?: number;
}

export function serveCommand(program: Command): void {
  program
    .command('serve')
    .description('answer PostgreSQL clients: psql, JDBC, ODBC, BI tools')
    .option('--dir <dir>', 'the catalog directory', '.causeway')
    .option('--host <address>', 'where to listen; beyond this machine users and TLS are required', '127.0.0.1')
    .option('--port <port>', 'the port of the PostgreSQL protocol', port, 5433)
    .option('--http-port <port>', 'the port of health, metrics and HTTP queries; none without it', port)
    .option('--tls-cert <file>', 'certificate chain, PEM')
    .option('--tls-key <file>', 'its private key, PEM')
    .option('--max-connections <n>', 'connections at once', wholeNumber)
    .option('--memory-limit <amount>', 'memory of the mediator, all statements together, like 2GB')
    .option('--agent-port <port>', 'await the agents of silos on this port', port)
    .option('--agent-host <address>', 'where agents are awaited; certificates are required at both ends', '0.0.0.0')
    .option(
      '--jobs-per-silo <n>',
      'training jobs that a silo works for at a time (2); others wait for their turn',
      wholeNumber,
    )
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
  const { agentHost, agentPort, dir, host, jobsPerSilo, memoryLimit, maxConnections, tlsCert, tlsKey } = options;
  try {
    const limits = {
      ...(memoryLimit === undefined ? {} : { memoryLimit }),
      ...(jobsPerSilo === undefined ? {} : { jobsPerSilo }),
    };
    await using open = await openEngine({ directory: dir, ...limits }, agentPort, agentHost);
    const { agents, engine } = open;
    const keyPair =
      tlsCert === undefined || tlsKey === undefined
        ? undefined
        : () => ({ certificate: readFileSync(tlsCert, 'utf8'), key: readFileSync(tlsKey, 'utf8') });
    const tls = keyPair?.();
    const throttle = new LoginThrottle();
    const backend = new EngineBackend(engine);
    const users = catalogUsers(engine.catalog.roles);
    const log = serverLog(process.env.CAUSEWAY_LOG ?? 'info', pino.destination(2));
    const metrics = createMetrics({
      sessions: () => endpoint.sessions.size,
      egress: () => engine.catalog.egress.totals(),
      trainingRounds: () => engine.catalog.jobs.rounds().length,
      events: engine.events,
    });
    const observe: Observe = (record) => {
      metrics.observe(record);
      const text = withoutSecrets(record.text);
      engine.catalog.audit.record(auditEntry(record, text));
      log.info({ ...record, text }, 'statement');
    };
    await using endpoint: Endpoint = await Endpoint.listen({
      backend,
      users,
      throttle,
      observe,
      host,
      port: options.port,
      ...(tls === undefined ? {} : { tls }),
      limits: maxConnections === undefined ? {} : { connections: maxConnections },
      onDefect: (error) => log.error({ sqlstate: error.sqlstate, error: error.cause }, error.message),
    });
    await using http =
      options.httpPort === undefined
        ? undefined
        : await listenHttp(
            {
              backend,
              users,
              throttle,
              metrics,
              observe,
              tokens: new Tokens(randomBytes(32)),
              ready: () => endpoint.ready(),
            },
            { host, port: options.httpPort, ...(tls === undefined ? {} : { tls }) },
          );
    if (keyPair !== undefined) {
      watchFile(tlsCert!, { persistent: false, interval: LOOK_AT_CERTIFICATE_MS }, () => {
        try {
          const renewed = keyPair();
          endpoint.renewCertificate(renewed);
          http?.renewCertificate(renewed);
          log.info('the certificate is renewed');
        } catch (error) {
          log.error({ error: describeError(error) }, 'the new certificate cannot be used; the old one stays');
        }
      });
    }
    if (http !== undefined) process.stdout.write(`HTTP on ${host}:${http.port}\n`);
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
    resumeInterrupted(
      engine,
      (job) => log.info(job, 'job goes on'),
      (job) => log.info(job, job.error === undefined ? 'job done' : 'job ended'),
    ).catch((error) => log.error({ error: describeError(error) }, 'interrupted jobs cannot go on'));
    const { signal } = interruptSignal();
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  } catch (thrown) {
    process.stderr.write(`${describeError(thrown)}\n`);
    process.exitCode = 1;
  }
}
