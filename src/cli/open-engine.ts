/** The engine as the commands open it: alone, or with a port on which silos' agents are awaited. */
import { AgentCoordinator } from '../agent/coordinator.ts';
import { Engine, type EngineOptions } from '../engine/engine.ts';

export interface OpenEngine extends AsyncDisposable {
  readonly engine: Engine;
  /** Present when agents are awaited. */
  readonly agents?: AgentCoordinator;
}

/** @param agentPort where agents connect; absent: silos of kind `agent` cannot be opened */
export async function openEngine(options: EngineOptions, agentPort?: number, host?: string): Promise<OpenEngine> {
  if (agentPort === undefined) {
    const engine = await Engine.open(options);
    return { engine, [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() };
  }
  const { directory } = options;
  const agents = await AgentCoordinator.open({ directory, port: agentPort, ...(host === undefined ? {} : { host }) });
  try {
    const engine = await Engine.open({
      ...options,
      connectors: { agent: agents.connector },
      egressLedger: () => agents.office.ledger.lines(),
    });
    return {
      engine,
      agents,
      async [Symbol.asyncDispose]() {
        await engine[Symbol.asyncDispose]();
        await agents[Symbol.asyncDispose]();
      },
    };
  } catch (thrown) {
    await agents[Symbol.asyncDispose]();
    throw thrown;
  }
}
