/** A silo behind an agent, as the coordinator's engine sees it: plans go there, rows and updates come back. */
import { randomUUID } from 'node:crypto';
import { type RecordBatch, RecordBatchReader } from 'apache-arrow';
import type {
  Connector,
  Fragment,
  FragmentResult,
  Silo,
  TableInfo,
  TableName,
  TableStatistics,
} from '../../connectors/connector.ts';
import { checkOptions } from '../../connectors/options.ts';
import { connectorOf } from '../../connectors/registry.ts';
import type { LocalTrainerSpec } from '../../operators/lstm/local-trainer.ts';
import type { AgentAccount, KeepsAccounts } from '../engine/training/privacy-accounts.ts';
import type { PredictsInside, RowScorer } from '../engine/training/row-scorer.ts';
import type { ScoresInside, ScoringRun, SiloScorer } from '../engine/training/silo-scorer.ts';
import type { SiloTrainer, TrainingRun, TrainsInside } from '../engine/training/silo-trainer.ts';
import { CausewayError, SQLSTATE } from '../plan/errors.ts';
import type { RelationalNode } from '../plan/nodes.ts';
import type { Authority } from './authority.ts';
import type { Hub } from './hub.ts';
import { newJob, signJob } from './job.ts';
import { toJson } from './json.ts';
import type { AgentRegistry } from './registry.ts';
import { RemoteRowScorer } from './remote-row-scorer.ts';
import { RemoteScorer } from './remote-scorer.ts';
import { RemoteTrainer } from './remote-trainer.ts';

/** What an agent says of the silo it stands beside. */
export interface SiloDescription {
  /** The kind of its connector. */
  readonly kind: string;
}

/** `CREATE SILO berlin USING agent OPTIONS (name 'berlin')`: the silo whose agent enrolled under that name. */
export function agentConnector(hub: Hub, authority: Authority, registry: AgentRegistry): Connector {
  const connector: Connector = {
    kind: 'agent',
    options: [{ name: 'name', description: 'the name under which the agent enrolled', required: true }],
    // Until the silo is open; then those of the connector behind the agent hold.
    capabilities: { language: 'scan', operations: {}, functions: {}, aggregates: {}, types: [] },
    async connect(options, signal) {
      checkOptions(connector, options);
      const name = options.name!;
      const { body } = await hub.call(name, { id: randomUUID(), method: 'describe', body: null }, signal);
      return new RemoteSilo(name, await connectorOf((body as SiloDescription).kind), hub, authority, registry);
    },
  };
  return connector;
}

class RemoteSilo implements Silo, KeepsAccounts, PredictsInside, ScoresInside, TrainsInside {
  readonly context: string;
  readonly behind: Connector;
  readonly #name: string;
  readonly #hub: Hub;
  readonly #authority: Authority;
  readonly #registry: AgentRegistry;

  constructor(name: string, behind: Connector, hub: Hub, authority: Authority, registry: AgentRegistry) {
    this.context = `agent:${name}`;
    this.behind = behind;
    this.#name = name;
    this.#hub = hub;
    this.#authority = authority;
    this.#registry = registry;
  }

  async tables(signal: AbortSignal): Promise<readonly TableInfo[]> {
    return (await this.#call('tables', null, signal)) as readonly TableInfo[];
  }

  async tableAt(table: TableName, version: string, signal: AbortSignal): Promise<TableInfo> {
    return (await this.#call('tableAt', { ...table, version }, signal)) as TableInfo;
  }

  async statistics(table: TableName, signal: AbortSignal): Promise<TableStatistics | undefined> {
    return ((await this.#call('statistics', table, signal)) ?? undefined) as TableStatistics | undefined;
  }

  async accounts(signal: AbortSignal): Promise<readonly AgentAccount[]> {
    return (await this.#call('accounts', null, signal)) as readonly AgentAccount[];
  }

  async run(fragment: Fragment, signal: AbortSignal): Promise<FragmentResult> {
    if (fragment.plan === undefined) {
      throw new CausewayError(SQLSTATE.featureNotSupported, 'an agent runs plans only, no text', { silo: this.#name });
    }
    const id = `query-${randomUUID()}`;
    const rows = this.#hub.rows(this.#name, { id, method: 'rows', body: toJson(fragment.plan) }, signal);
    return { kind: 'batches', columns: fragment.columns, batches: decoded(rows) };
  }

  openTrainer(
    spec: LocalTrainerSpec,
    query: RelationalNode,
    run: TrainingRun,
    signal: AbortSignal,
  ): Promise<SiloTrainer> {
    const { job, signed } = this.#signed(spec, query, run);
    const identity = this.#registry.publicKey(this.#name) ?? new Uint8Array(0);
    return RemoteTrainer.open(this.#hub, job, signed, identity, signal);
  }

  openScorer(spec: LocalTrainerSpec, query: RelationalNode, run: ScoringRun, signal: AbortSignal): Promise<SiloScorer> {
    const { job, signed } = this.#signed(spec, query, run);
    return RemoteScorer.open(this.#hub, job, signed, signal);
  }

  openRowScorer(
    spec: LocalTrainerSpec,
    query: RelationalNode,
    run: ScoringRun,
    onSent: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<RowScorer> {
    const { job, signed } = this.#signed(spec, query, run);
    return RemoteRowScorer.open(this.#hub, job, signed, onSent, signal);
  }

  #signed(spec: LocalTrainerSpec, query: RelationalNode, run: TrainingRun) {
    const job = newJob(this.#name, spec, query, run);
    return { job, signed: signJob(job, (message) => this.#authority.sign(message)) };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #call(method: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    return (await this.#hub.call(this.#name, { id: randomUUID(), method, body }, signal)).body;
  }
}

/** Every chunk is a whole Arrow IPC stream. */
async function* decoded(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<RecordBatch> {
  for await (const chunk of chunks) yield* RecordBatchReader.from(chunk);
}
