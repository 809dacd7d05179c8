/** Everything the coordinator needs to have silos behind agents: authority, registry, ledger, hub and listening server. */
import { join } from 'node:path';
import type { Connector } from '../../connectors/connector.ts';
import { Authority } from './authority.ts';
import { EgressLedger } from './egress-ledger.ts';
import { Hub } from './hub.ts';
import { AgentRegistry } from './registry.ts';
import { agentConnector } from './remote-silo.ts';
import { AgentServer } from './server.ts';
import { openState } from './state-file.ts';

export interface CoordinatorOptions {
  /** The catalog directory; everything about agents stands in its folder `agents`. */
  readonly directory: string;
  readonly host?: string;
  /** 0: any free port. */
  readonly port: number;
  readonly absenceMs?: number;
}

/** The part of the coordinator that other commands use while it runs: codes, revocations, the ledger. */
export interface AgentOffice extends Disposable {
  readonly authority: Authority;
  readonly registry: AgentRegistry;
  readonly ledger: EgressLedger;
}

const folderOf = (directory: string): string => join(directory, 'agents');

export async function openOffice(directory: string): Promise<AgentOffice> {
  const folder = folderOf(directory);
  const authority = await Authority.open(folder);
  const db = openState(join(folder, 'agents.db'));
  return {
    authority,
    registry: new AgentRegistry(db, authority),
    ledger: new EgressLedger(db),
    [Symbol.dispose]: () => db.close(),
  };
}

/** How often revocations that another process wrote are looked for. */
const REVOCATION_INTERVAL_MS = 2000;

export class AgentCoordinator implements AsyncDisposable {
  readonly hub: Hub;
  readonly office: AgentOffice;
  readonly port: number;
  /** The connector that `USING agent` means. */
  readonly connector: Connector;
  readonly #server: AgentServer;
  readonly #watch: NodeJS.Timeout;

  private constructor(office: AgentOffice, hub: Hub, server: AgentServer) {
    this.office = office;
    this.hub = hub;
    this.port = server.port;
    this.connector = agentConnector(hub, office.authority, office.registry);
    this.#server = server;
    this.#watch = setInterval(() => this.#cutRevoked(), REVOCATION_INTERVAL_MS);
    this.#watch.unref();
  }

  /** @throws CausewayError 08006 when the port cannot be listened on. */
  static async open(options: CoordinatorOptions): Promise<AgentCoordinator> {
    const { absenceMs, directory, host, port } = options;
    const office = await openOffice(directory);
    const { authority, ledger, registry } = office;
    const payloads = join(folderOf(directory), 'payloads');
    const hub = new Hub({ authority, ledger, payloads, ...(absenceMs === undefined ? {} : { absenceMs }) });
    try {
      const server = await AgentServer.listen({
        hub,
        authority,
        registry,
        port,
        ...(host === undefined ? {} : { host }),
      });
      return new AgentCoordinator(office, hub, server);
    } catch (thrown) {
      hub[Symbol.dispose]();
      office[Symbol.dispose]();
      throw thrown;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#watch);
    this.hub[Symbol.dispose]();
    await this.#server[Symbol.asyncDispose]();
    this.office[Symbol.dispose]();
  }

  #cutRevoked(): void {
    const enrolled = this.office.registry.enrolled();
    for (const silo of this.hub.connected) if (!enrolled.has(silo)) this.hub.disconnect(silo);
  }
}
